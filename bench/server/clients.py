"""Clients on WebSockets, in a process of their own, and what they measure."""

import base64
import json
import multiprocessing
import time
from contextlib import AsyncExitStack
from dataclasses import dataclass
from multiprocessing.connection import Connection
from typing import Any

import anyio
import anyio.to_thread
from websockets.asyncio.client import ClientConnection, connect

from bench.server.speech import RATE, SILENCE, SPEECH, TONES, between, block, note, talking


@dataclass(slots=True)
class Heard:
    """What a client measured."""

    delays: list[float]
    late: int
    replies: int


async def converse(address: str, turns: int) -> Heard:
    """Talk for so many turns, as a client that plays what it is sent."""
    spoken: list[float] = []
    answers: list[float] = []
    late = 0
    async with connect(f"{address}v1/realtime", max_size=None) as socket:

        async def listen() -> None:
            nonlocal late
            until, current = 0.0, ""
            async for frame in socket:
                event = json.loads(frame)
                if event["type"] != "response.output_audio.delta":
                    continue
                now = time.perf_counter()
                if event["response_id"] != current:
                    current, until = event["response_id"], now
                    answers.append(now)
                late += now > until  # the first is never: it begins the clock
                until = max(until, now) + len(event["delta"]) * 3 / 4 / 2 / RATE

        async with anyio.create_task_group() as tasks:
            tasks.start_soon(listen)
            kinds = range(len(TONES))
            frames = {loud: [append(k, loud=loud) for k in kinds] for loud in (False, True)}
            async for number, loud, _ in talking(turns):
                await socket.send(frames[loud][number % len(TONES)])
                note(spoken, loud=loud)
            tasks.cancel_scope.cancel()
    return Heard(between(spoken, answers), late, len(answers))


def append(number: int, *, loud: bool) -> str:
    pcm = (block(number, RATE, loud=loud) * 32767).astype("<i2").tobytes()
    audio = base64.b64encode(pcm).decode()
    return json.dumps({"type": "input_audio_buffer.append", "audio": audio})


async def opened(address: str) -> ClientConnection:
    """A session that has begun."""
    socket = await connect(f"{address}v1/realtime", max_size=None)
    await socket.recv()
    return socket


async def all_converse(address: str, count: int, turns: int) -> list[Heard]:
    """Talk in so many conversations at once, which do not begin at the same moment."""
    found: list[Heard] = []

    async def one(index: int) -> None:
        await anyio.sleep(index / count * (SPEECH + SILENCE))
        found.append(await converse(address, turns))

    async with anyio.create_task_group() as tasks:
        for index in range(count):
            tasks.start_soon(one, index)
    return found


async def clients(address: str, orders: Connection) -> None:
    """Do what the server's process orders, and tell what came of it."""
    async with AsyncExitStack() as stack:
        while True:
            match await anyio.to_thread.run_sync(orders.recv):
                case "converse", int(count), int(turns):
                    orders.send(await all_converse(address, count, turns))
                case "open", int(count):
                    for _ in range(count):
                        socket = await opened(address)
                        stack.push_async_callback(socket.close)
                    orders.send(count)
                case ("close",):
                    await stack.aclose()
                    orders.send(0)
                case "cycle", int(count):
                    for _ in range(count):
                        await (await opened(address)).close()
                    orders.send(count)
                case _:
                    return


def run_clients(address: str, orders: Connection) -> None:
    """A process of clients."""
    anyio.run(clients, address, orders)


class Clients:
    """The process of clients, which does what it is told."""

    def __init__(self, address: str) -> None:
        spawn = multiprocessing.get_context("spawn")
        self._orders, theirs = spawn.Pipe()
        self._process = spawn.Process(target=run_clients, args=(address, theirs), daemon=True)
        self._process.start()

    async def do(self, *order: Any) -> Any:
        """Have something done, and wait for what came of it."""
        self._orders.send(order)
        return await anyio.to_thread.run_sync(self._orders.recv)

    def end(self) -> None:
        """Let it end."""
        self._orders.send(("end",))
        self._process.join(10)
        self._orders.close()
