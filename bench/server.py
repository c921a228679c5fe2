"""What the server costs: `python -m bench.server [--conversations N] [--turns N] [--cycles N]`.

Every engine is instant, so whatever time passes is the server's; its clients run in a process of
their own, and talk with it over a WebSocket on 127.0.0.1.

- added: from the end of the user's speech to the first sound of the answer, at a client against an
  agent in the same process, as on a desktop; the endpoint's own wait is in both;
- held: how long single callbacks hold the server's event loop while all conversations talk at once;
- gaps: sounds of a reply that came later than what was sent of it before lasted;
- memory: what one more session that says nothing takes;
- cycles: what connecting and disconnecting leaves behind in memory, threads and descriptors.
"""

import argparse
import asyncio
import base64
import gc
import json
import multiprocessing
import os
import statistics
import threading
import time
from collections.abc import AsyncGenerator, AsyncIterator, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any

import anyio
import anyio.to_thread
import numpy as np
from numpy.typing import NDArray
from rich.console import Console
from rich.table import Table
from websockets.asyncio.client import ClientConnection, connect

from agent.agent import Agent
from agent.audio.remote import RemoteSpeaker
from agent.config.load import Config
from agent.config.sections import ServerSettings
from agent.conversation.activity import ReplyAudio
from agent.events import MICROPHONE_RATE, Audio
from agent.server.running import Place, running
from agent.server.server import Server
from llm_adapters import Message, TextDelta, ToolSpec
from stt import Transcript
from tts import Speech, SpokenWord

RATE = 24000
BLOCK = 0.02
SPEECH, SILENCE = 0.6, 1.4
"""Seconds of a turn: voice, then nothing, in which the answer comes."""
PHASES = 8
"""Turns after which their ends have fallen everywhere in the detector's windows of 32 ms."""


class Loud:
    """Loud is voice."""

    def __init__(self) -> None:
        self._rest = np.zeros(0, np.float32)

    async def load(self) -> None: ...

    async def feed(self, pcm: NDArray[np.float32]) -> list[float]:
        self._rest = np.concatenate((self._rest, pcm))
        count = len(self._rest) // 512
        heard, self._rest = self._rest[: count * 512], self._rest[count * 512 :]
        return [0.99 if part.mean() > 0.25 else 0.01 for part in heard.reshape(-1, 512)]

    def reset(self) -> None:
        self._rest = np.zeros(0, np.float32)


class InstantStt:
    """Understands the same question each time, at once; it is its own recognition."""

    sample_rate = 16000

    async def load(self) -> None: ...
    async def aclose(self) -> None: ...

    @asynccontextmanager
    async def listen(self) -> AsyncGenerator["InstantStt", None]:
        yield self

    async def feed(self, pcm: NDArray[np.float32]) -> Transcript | None:
        del pcm
        return None

    async def finish(self) -> Transcript:
        return Transcript("What time is it?")


class InstantLlm:
    """Gives four words at once."""

    async def load(self) -> None: ...
    async def aclose(self) -> None: ...

    async def reply(
        self, messages: Sequence[Message], tools: Sequence[ToolSpec] = ()
    ) -> AsyncGenerator[TextDelta, None]:
        del messages, tools
        for word in ("It ", "is ", "noon ", "now."):
            yield TextDelta(word)


class InstantTts:
    """Makes 0.2 s of sound of every fragment, at once."""

    sample_rate = RATE

    async def load(self) -> None: ...
    async def aclose(self) -> None: ...

    @asynccontextmanager
    async def open(self) -> AsyncGenerator["InstantUtterance", None]:
        yield InstantUtterance()


class InstantUtterance:
    def __init__(self) -> None:
        self._send, self._receive = anyio.create_memory_object_stream[str](1000)
        self._samples = 0

    async def feed(self, text: str) -> None:
        await self._send.send(text)

    async def finish(self) -> None:
        self._send.close()

    def __aiter__(self) -> AsyncIterator[Speech]:
        return self

    async def __anext__(self) -> Speech:
        try:
            text = await self._receive.receive()
        except anyio.EndOfStream:
            self._receive.close()
            raise StopAsyncIteration from None
        word = SpokenWord(text.strip(), self._samples)
        pcm = np.full(RATE // 5, 0.5, np.float32)
        self._samples += len(pcm)
        return Speech(pcm, (word,))


def instant_agent() -> Agent:
    """An agent of which nothing takes time but the wait for a turn's end."""
    config = Config.model_validate({"echo": "off"})
    return Agent(config, stt=InstantStt(), llm=InstantLlm(), tts=InstantTts(), vad=Loud())


def block(*, loud: bool, rate: int) -> NDArray[np.float32]:
    return np.full(round(rate * BLOCK), 0.5 if loud else 1e-4, np.float32)


# The desktop's way: the agent in the same process


async def desktop(turns: int, rate: int) -> list[float]:
    """Seconds from the last loud block to the first sound, turn by turn; `rate` in Hz."""
    agent = instant_agent()
    await agent.load()
    spoken: list[float] = []
    answered: dict[int, float] = {}

    async def microphone(_: Any, send: Any) -> None:
        async for loud, due in talking(turns):
            await send.send(Audio(block(loud=loud, rate=rate), rate, due - BLOCK))
            note(spoken, loud=loud)

    def watch(activity: Any) -> None:
        if isinstance(activity, ReplyAudio):
            answered.setdefault(activity.reply, time.perf_counter())

    async with agent.start(microphone, RemoteSpeaker(RATE), watch=watch) as conversation:
        await conversation.wait()
    return between(spoken, sorted(answered.values()))


async def talking(turns: int) -> AsyncGenerator[tuple[bool, float], None]:
    """Blocks of the user, loud or not, each when it is due."""
    began, sent = anyio.current_time(), 0
    stretches = [(0.3, False)]
    for turn in range(turns):
        stretches += [(SPEECH, True), (SILENCE + turn % PHASES * BLOCK, False)]
    for seconds, loud in stretches:
        for _ in range(round(seconds / BLOCK)):
            sent += 1
            due = began + sent * BLOCK
            await anyio.sleep_until(due)
            yield loud, due


def note(ends: list[float], *, loud: bool) -> None:
    """Keep when the latest block of speech was sent; a silent block closes a turn."""
    now = time.perf_counter()
    if loud:
        if ends and ends[-1] > 0:
            ends[-1] = now
        else:
            ends.append(now)
    elif ends and ends[-1] > 0:
        ends.append(0.0)


def between(ends: Sequence[float], answers: Sequence[float]) -> list[float]:
    """From each end of speech to the first answer after it."""
    found = []
    for end in filter(None, ends):
        after = [each - end for each in answers if each > end]
        if after:
            found.append(min(after))
    return found


# The client's way, in a process of its own


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
            frames = {loud: append(loud=loud) for loud in (False, True)}
            async for loud, _ in talking(turns):
                await socket.send(frames[loud])
                note(spoken, loud=loud)
            tasks.cancel_scope.cancel()
    return Heard(between(spoken, answers), late, len(answers))


def append(*, loud: bool) -> str:
    pcm = (block(loud=loud, rate=RATE) * 32767).astype("<i2").tobytes()
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


# The server's way


class Held:
    """How long each callback holds the event loop, in milliseconds, while it is in a block."""

    def __init__(self) -> None:
        self.times: list[float] = []

    def __enter__(self) -> "Held":
        self._run = run = asyncio.events.Handle._run
        times = self.times

        def timed(handle: asyncio.Handle) -> None:
            begun = time.perf_counter()
            try:
                run(handle)
            finally:
                times.append((time.perf_counter() - begun) * 1000)

        asyncio.events.Handle._run = timed  # type: ignore[method-assign, assignment]
        return self

    def __exit__(self, *_: object) -> None:
        asyncio.events.Handle._run = self._run  # type: ignore[method-assign]


@dataclass(frozen=True, slots=True)
class Footprint:
    """What this process holds: memory in MB, threads, descriptors."""

    mb: float
    threads: int
    descriptors: int


def held_now() -> Footprint:
    """Look at this process."""
    gc.collect()
    pages = int(Path("/proc/self/statm").read_text(encoding="ascii").split()[1])
    mb = pages * os.sysconf("SC_PAGE_SIZE") / 2**20
    return Footprint(mb, threading.active_count(), len(os.listdir("/proc/self/fd")))


async def footprint() -> Footprint:
    """Look, once what is over has been given back."""
    await anyio.sleep(1.0)
    return await anyio.to_thread.run_sync(held_now)


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


@dataclass(slots=True)
class Result:
    """All that was measured; times in milliseconds, memory in MB."""

    desktop: float
    resampled: float
    """The same with a microphone at the protocol's rate."""
    websocket: float
    crowd: float
    held: list[float]
    late: int
    replies: int
    expected: int
    idle: float
    before: Footprint
    after: Footprint


async def measure(conversations: int, turns: int, idle: int, cycles: int) -> Result:
    """Measure everything, against one server."""
    alone = await desktop(turns, MICROPHONE_RATE)
    resampled = await desktop(turns, RATE)
    server = Server(instant_agent(), settings=ServerSettings(sessions=1000))
    await server.load()
    async with running(server, Place(port=0)) as page:
        other = Clients(page.replace("http", "ws", 1))
        try:
            (one,) = await other.do("converse", 1, turns)
            with Held() as held:
                crowd = await other.do("converse", conversations, turns)
            before = await footprint()
            await other.do("open", idle)
            full = await footprint()
            await other.do("close")
            await other.do("cycle", min(100, cycles))  # what the first ones leave is kept for all
            began = await footprint()
            await other.do("cycle", cycles)
            ended = await footprint()
        finally:
            await anyio.to_thread.run_sync(other.end)
    return Result(
        desktop=statistics.fmean(alone) * 1000,
        resampled=statistics.fmean(resampled) * 1000,
        websocket=statistics.fmean(one.delays) * 1000,
        crowd=statistics.fmean([each for heard in crowd for each in heard.delays]) * 1000,
        held=sorted(held.times),
        late=sum(heard.late for heard in crowd),
        replies=sum(heard.replies for heard in crowd),
        expected=conversations * turns,
        idle=(full.mb - before.mb) / idle,
        before=began,
        after=ended,
    )


def table(result: Result) -> Table:
    """The rows, each with its bar."""
    rows = Table("what", "bar", "measured")
    added, same = result.websocket - result.desktop, result.websocket - result.resampled
    rows.add_row("speech end → first audio, desktop", "", f"{result.desktop:.1f} ms")
    rows.add_row("speech end → first audio, WebSocket", "", f"{result.websocket:.1f} ms")
    rows.add_row("added by the server", "10 ms", f"{added:.1f} ms")
    rows.add_row("  of it by resampling from 24 kHz", "", f"{added - same:.1f} ms")
    rows.add_row("  of it by all else", "", f"{same:.1f} ms")
    rows.add_row("speech end → first audio, all at once", "", f"{result.crowd:.1f} ms")
    p50, p99 = np.percentile(result.held, (50, 99))
    rows.add_row("loop held, p50", "", f"{p50:.3f} ms")
    rows.add_row("loop held, p99", "20 ms", f"{p99:.3f} ms")
    rows.add_row("loop held, max", "", f"{result.held[-1]:.1f} ms")
    rows.add_row("replies heard", f"{result.expected}", f"{result.replies}")
    rows.add_row("audio gaps", "0", f"{result.late}")
    rows.add_row("memory of an idle session", "2 MB", f"{result.idle:.2f} MB")
    for name in ("mb", "threads", "descriptors"):
        first, last = getattr(result.before, name), getattr(result.after, name)
        rows.add_row(f"{name}, before and after the cycles", "", f"{first:.4g} → {last:.4g}")
    return rows


def main() -> None:
    """Measure, print, and write the figures to a file if one is named."""
    parser = argparse.ArgumentParser(description="what the server costs")
    parser.add_argument("--conversations", type=int, default=50)
    parser.add_argument("--turns", type=int, default=2 * PHASES)
    parser.add_argument("--idle", type=int, default=50, help="sessions that say nothing")
    parser.add_argument("--cycles", type=int, default=1000)
    parser.add_argument("--json", type=Path)
    args = parser.parse_args()
    result = anyio.run(measure, args.conversations, args.turns, args.idle, args.cycles)
    Console().print(table(result))
    if args.json is not None:
        figures = {
            name: getattr(result, name) for name in ("desktop", "websocket", "crowd", "late")
        }
        args.json.write_text(json.dumps({**figures, "idle_mb": result.idle}))


if __name__ == "__main__":
    main()
