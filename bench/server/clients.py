"""Clients on WebSockets, in a process of their own, and what they measure."""

import multiprocessing
from collections.abc import AsyncGenerator
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from multiprocessing.connection import Connection
from typing import Any

import anyio
import anyio.to_thread

from agent.load_test.hearing import Ears
from agent.load_test.speech import RATE, frame
from agent.load_test.target import Target
from bench.server.speech import SILENCE, SPEECH, TONES, between, block, note, talking


@dataclass(slots=True)
class Heard:
    """What a client measured."""

    delays: list[float]
    late: int
    replies: int


async def converse(target: Target, turns: int) -> Heard:
    """Talk for so many turns, as a client that plays what it is sent."""
    spoken: list[float] = []
    ears = Ears()
    async with target.line() as line, anyio.create_task_group() as tasks:

        async def listen() -> None:
            while True:
                ears.take(await line.receive())

        tasks.start_soon(listen)
        kinds = range(len(TONES))
        frames = {
            loud: [frame(block(kind, RATE, loud=loud)) for kind in kinds] for loud in (False, True)
        }
        async for number, loud, _ in talking(turns):
            await line.send(frames[loud][number % len(TONES)])
            note(spoken, loud=loud)
        tasks.cancel_scope.cancel()
    answers = [reply.began for reply in ears.replies]
    late = sum(len(reply.gaps) for reply in ears.replies)
    return Heard(between(spoken, answers), late, len(answers))


@asynccontextmanager
async def opened(target: Target) -> AsyncGenerator[None, None]:
    """A session that has begun."""
    async with target.line() as line:
        await line.receive()
        yield


async def all_converse(target: Target, count: int, turns: int) -> list[Heard]:
    """Talk in so many conversations at once, which do not begin at the same moment."""
    found: list[Heard] = []

    async def one(index: int) -> None:
        await anyio.sleep(index / count * (SPEECH + SILENCE))
        found.append(await converse(target, turns))

    async with anyio.create_task_group() as tasks:
        for index in range(count):
            tasks.start_soon(one, index)
    return found


async def clients(address: str, orders: Connection) -> None:
    """Do what the server's process orders, and tell what came of it."""
    target = Target(address)
    async with AsyncExitStack() as stack:
        while True:
            match await anyio.to_thread.run_sync(orders.recv):
                case "converse", int(count), int(turns):
                    orders.send(await all_converse(target, count, turns))
                case "open", int(count):
                    for _ in range(count):
                        await stack.enter_async_context(opened(target))
                    orders.send(count)
                case ("close",):
                    await stack.aclose()
                    orders.send(0)
                case "cycle", int(count):
                    for _ in range(count):
                        async with opened(target):
                            pass
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
