"""What the orchestrator itself costs: `python -m bench.loop [--turns N] [--json FILE]`.

Every engine is instant, so whatever time passes is the graph's, the session's and the playback's:

- token → TTS: from the model's yield to the synthesiser's `feed`, one token at a time: the model
  waits until the synthesiser is hungry, or its lead would be measured;
- chunk → sink: from the synthesiser's yield to the driver having its first sample;
- burst → paced sink: from a whole reply's sound to a speaker without a device having its first;
- interrupt → fade: from the decision to the driver's first block that fades out (5 ms of sound
  later there is silence: the fade is the playback's, tested sample by sample elsewhere).

Then a real offline conversation (pocketsphinx, eliza, espeak on a recorded question), with the
time that every single callback holds the event loop.
"""

import argparse
import asyncio
import json
from collections.abc import AsyncGenerator, AsyncIterator, Sequence
from contextlib import asynccontextmanager
from pathlib import Path
from time import perf_counter, thread_time
from typing import Any

import anyio
import anyio.lowlevel
import numpy as np
from numpy.typing import NDArray
from rich.console import Console
from rich.table import Table

from agent.agent import Agent
from agent.audio.files import PacedSpeaker, WavMicrophone
from agent.audio.playback import Playback
from agent.config.load import Config, load_config
from agent.conversation.session import Session
from agent.turns.events import (
    SpeechEnded,
    SpeechProgress,
    SpeechStarted,
    TurnTranscript,
    UserWords,
)
from configs import QUESTION
from llm_adapters import Message, TextDelta, ToolSpec
from tts import Speech, SpokenWord

RATE = 24000
BARS = {
    "token → TTS": (0.2, 1.0),
    "chunk → sink": (0.2, 1.0),
    "burst → paced sink": (1.0, 3.0),
    "interrupt → fade": (0.2, 1.0),
}
"""p50 and p99 in milliseconds that must be reached."""


class InstantLlm:
    """Emits `count` words, each when the synthesiser has nothing left to do, noting when."""

    def __init__(self, count: int, tts: "InstantTts") -> None:
        self.emitted: list[float] = []
        self._count = count
        self._tts = tts

    async def load(self) -> None: ...
    async def aclose(self) -> None: ...

    async def reply(
        self, messages: Sequence[Message], tools: Sequence[ToolSpec] = ()
    ) -> AsyncGenerator[TextDelta, None]:
        del messages, tools
        for _ in range(self._count):
            await self._tts.hungry.wait()
            self._tts.hungry = anyio.Event()
            self.emitted.append(perf_counter())
            yield TextDelta("word ")


class InstantTts:
    """Turns every fragment into a 20 ms chunk, noting when it came and when it went."""

    sample_rate = RATE

    def __init__(self) -> None:
        self.fed: list[float] = []
        self.made: list[float] = []
        self.hungry = anyio.Event()
        self.chunk = np.full(RATE // 50, 0.5, np.float32)

    async def load(self) -> None: ...
    async def aclose(self) -> None: ...

    @asynccontextmanager
    async def open(self) -> AsyncGenerator["InstantUtterance", None]:
        yield InstantUtterance(self)


class InstantUtterance:
    def __init__(self, tts: InstantTts) -> None:
        self._tts = tts
        self._send, self._receive = anyio.create_memory_object_stream[str](0)
        self._samples = 0

    async def feed(self, text: str) -> None:
        self._tts.fed.append(perf_counter())
        await self._send.send(text)

    async def finish(self) -> None:
        self._send.close()

    def __aiter__(self) -> AsyncIterator[Speech]:
        return self

    async def __anext__(self) -> Speech:
        self._tts.hungry.set()
        try:
            text = await self._receive.receive()
        except anyio.EndOfStream:
            self._receive.close()
            raise StopAsyncIteration from None
        word = SpokenWord(text.strip(), self._samples)
        self._samples += len(self._tts.chunk)
        self._tts.made.append(perf_counter())
        return Speech(self._tts.chunk, (word,))


class EagerDriver:
    """A sound card of one millisecond that is always hungry, noting when sound starts and fades."""

    def __init__(self) -> None:
        self.playback = Playback(RATE, prebuffer=0)
        self.starts: list[float] = []
        self.fades: list[float] = []
        self.sounding = False
        self._level = 0.0

    async def run(self) -> None:
        block = np.empty(RATE // 1000, np.float32)
        while True:
            self.playback.render(block, anyio.current_time())
            sounding, level = bool(block.any()), float(block[-1])
            if sounding and not self.sounding:
                self.starts.append(perf_counter())
            if level < self._level and len(self.fades) < len(self.starts):
                self.fades.append(perf_counter())
            self.sounding, self._level = sounding, level
            await anyio.lowlevel.checkpoint()


async def tokens(count: int) -> list[float]:
    """Milliseconds from every token to the synthesiser."""
    tts = InstantTts()
    llm = InstantLlm(count, tts)
    await _turns(llm, tts, EagerDriver(), turns=1, interrupt=False)
    return [1000 * (fed - emitted) for emitted, fed in zip(llm.emitted, tts.fed, strict=True)]


async def chunks(turns: int) -> list[float]:
    """Milliseconds from the first chunk of every reply to its first sample at the driver."""
    tts, driver = InstantTts(), EagerDriver()
    await _turns(InstantLlm(1, tts), tts, driver, turns=turns, interrupt=False)
    return [1000 * (start - made) for made, start in zip(tts.made, driver.starts, strict=True)]


async def bursts(turns: int) -> list[float]:
    """Milliseconds from a whole reply of five seconds to a paced sink having its first sample."""
    took: list[float] = []
    heard = anyio.Event()

    async def sink(pcm: NDArray[np.float32], _when: float) -> None:
        if pcm.any() and not heard.is_set():
            took.append(1000 * (perf_counter() - written))
            heard.set()

    speaker = PacedSpeaker(RATE, sink)
    reply = np.full(5 * RATE, 0.5, np.float32)
    async with anyio.create_task_group() as tasks:
        await tasks.start(speaker.run)
        for turn in range(turns):
            await anyio.sleep(0.02 + 0.0007 * (turn % 15))  # anywhere between two blocks
            heard, track = anyio.Event(), speaker.playback.open(RATE)
            written = perf_counter()
            tasks.start_soon(track.write, reply)
            await heard.wait()
            track.stop()
        tasks.cancel_scope.cancel()
    return took


async def interrupts(turns: int) -> list[float]:
    """Milliseconds from every interruption to the driver's first fading block."""
    tts, driver = InstantTts(), EagerDriver()
    decided = await _turns(InstantLlm(2000, tts), tts, driver, turns=turns, interrupt=True)
    return [1000 * (fade - at) for at, fade in zip(decided, driver.fades, strict=True)]


async def _turns(
    llm: InstantLlm, tts: InstantTts, driver: EagerDriver, *, turns: int, interrupt: bool
) -> list[float]:
    """Run `turns` turns, each answered: to the end, or until the next one interrupts, and when."""
    decided: list[float] = []
    session = Session(llm, tts, driver.playback, Config(), lambda _event: None)
    send, receive = anyio.create_memory_object_stream[UserWords](16)
    nothing, _unread = anyio.create_memory_object_stream[Any](1)
    async with anyio.create_task_group() as tasks:
        tasks.start_soon(driver.run)
        tasks.start_soon(session, receive, nothing)
        for turn in range(1, turns + 1):
            now = anyio.current_time()
            if turn == 1 or not interrupt:
                await send.send(SpeechStarted(turn, now))
            await send.send(SpeechEnded(turn, now, now, cut=False, decided=now))
            await send.send(TurnTranscript(turn, "go", final=True))
            while len(driver.starts) < turn:
                await anyio.lowlevel.checkpoint()
            if interrupt:
                await send.send(SpeechStarted(turn + 1, anyio.current_time()))
                decided.append(perf_counter())
                await send.send(SpeechProgress(turn + 1, 0.3))
            while len(driver.fades) < turn or driver.sounding:
                await anyio.lowlevel.checkpoint()
        tasks.cancel_scope.cancel()
    for stream in (send, receive, nothing, _unread):
        stream.close()
    return decided


class LoopWatch:
    """How long each callback of an asyncio loop takes, in milliseconds: (wall, processor)."""

    def __init__(self) -> None:
        self.held: list[tuple[float, float]] = []

    def __enter__(self) -> "LoopWatch":
        handle: Any = asyncio.Handle  # there is no public hook around a callback
        self._run = run = handle._run
        held = self.held

        def timed(callback: asyncio.Handle) -> None:
            wall, processor = perf_counter(), thread_time()
            run(callback)
            held.append((1000 * (perf_counter() - wall), 1000 * (thread_time() - processor)))

        handle._run = timed
        return self

    def __exit__(self, *_: object) -> None:
        handle: Any = asyncio.Handle
        handle._run = self._run


async def offline_conversation(question: Path) -> list[tuple[float, float]]:
    """The loop's callbacks during a real conversation, from the first sample to the last."""

    async def nowhere(_pcm: NDArray[np.float32], _when: float) -> None:
        """No sound card."""

    async with Agent.open(load_config("offline")) as agent:
        microphone = WavMicrophone(question, silence=1.0)
        with LoopWatch() as watch:
            await agent.converse(microphone, PacedSpeaker(RATE, nowhere), lambda _event: None)
    return watch.held


def percentile(values: Sequence[float], percent: float) -> float:
    """The value below which `percent` of `values` lie."""
    return float(np.percentile(np.asarray(values), percent))


def main() -> None:
    """Measure, print one table, and write it as JSON if asked to."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--turns", type=int, default=1000, help="samples of each row (%(default)s)")
    parser.add_argument("--question", type=Path, default=QUESTION)
    parser.add_argument("--json", type=Path, help="write the numbers there")
    args = parser.parse_args()

    rows = {
        "token → TTS": anyio.run(tokens, args.turns),
        "chunk → sink": anyio.run(chunks, args.turns),
        "burst → paced sink": anyio.run(bursts, min(args.turns, 200)),
        "interrupt → fade": anyio.run(interrupts, args.turns),
    }
    held = anyio.run(offline_conversation, args.question)
    rows["loop held, wall"] = [wall for wall, _ in held]
    rows["loop held, processor"] = [processor for _, processor in held]

    table = Table("milliseconds", "samples", "p50", "p99", "max", "bar p50 / p99")
    numbers = {}
    for name, values in rows.items():
        p50, p99, worst = percentile(values, 50), percentile(values, 99), max(values)
        numbers[name] = {"samples": len(values), "p50": p50, "p99": p99, "max": worst}
        bar = " / ".join(map(str, BARS[name])) if name in BARS else "max 10"
        table.add_row(name, str(len(values)), f"{p50:.3f}", f"{p99:.3f}", f"{worst:.3f}", bar)
    Console().print(table)
    if args.json:
        args.json.write_text(json.dumps(numbers, indent=2) + "\n")


if __name__ == "__main__":
    main()
