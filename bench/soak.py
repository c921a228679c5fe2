"""Ten thousand turns with faults at random: `python -m bench.soak [--turns N] [--seed N]`.

The engines cost nothing and time is virtual, so that what is measured is Parley. A third of the
turns has a fault: an engine raises (also what is no Exception), hangs, gives half an emoji, NaN or
the scale of 16 bits; the microphone or the speaker is gone for a while; the user cuts in. The disk
below the event log and the kept conversation is slow, and full now and then. The turns are cut into
conversations; after each, a row: what happened, what the process holds, what a turn cost.

Ends with status 1 when a conversation ended early, a turn was never answered, or memory, threads,
descriptors or tasks have grown.
"""

import argparse
import asyncio
import errno
import gc
import os
import random
import sys
import tempfile
import threading
from collections import Counter
from collections.abc import Callable, Generator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from itertools import count
from pathlib import Path
from time import perf_counter, sleep
from typing import Any
from unittest import mock

import anyio
import numpy as np
import trio
from anyio.abc import TaskStatus
from numpy.typing import NDArray
from rich.console import Console
from rich.table import Table
from trio.testing import MockClock

from agent.agent import Agent
from agent.audio.playback import Playback
from agent.cli.event_log import EventLog
from agent.config.load import Config
from agent.conversation.store import ConversationStore
from agent.events import Audio, Event
from llm_adapters import LanguageModelError
from stt import Transcript
from tests.agent.fakes import RATE, TTS_RATE, LoudnessVad
from tests.faults.engines import Faulty, FaultyLlm, FaultyStt, FaultyTts, hanging

FAULTS = 0.33
"""Share of turns with a fault."""
BARGE_IN = 0.15
"""Share of turns in which the user cuts in."""
BLOCK = 0.1
"""Seconds of the microphone's blocks and the speaker's."""
GROWTH = 24.0
"""Megabytes by which memory may have grown since the first row."""

ERRORS: tuple[Callable[[], BaseException], ...] = (
    lambda: RuntimeError("broke"),
    lambda: LanguageModelError("the server is gone"),
    asyncio.CancelledError,
    GeneratorExit,
    lambda: SystemExit(1),
    lambda: BaseExceptionGroup("several", [SystemExit(1), ValueError("x")]),
    lambda: RuntimeError("half an emoji: \ud83d"),
)
PLACES = {
    "stt": ("listen", "feed", "finish", "exit", "load"),
    "llm": ("reply", "middle", "close", "load"),
    "tts": ("open", "feed", "finish", "begin", "middle", "last", "exit", "load"),
}
FORMS: dict[str, Callable[[NDArray[np.float32]], NDArray[Any]]] = {
    "nan": lambda pcm: np.full_like(pcm, np.nan),
    "inf": lambda pcm: np.full_like(pcm, np.inf),
    "16 bits": lambda pcm: pcm * 32768,
    "shape": lambda pcm: pcm[np.newaxis],
}


@dataclass
class Chaos:
    """Decides what goes wrong next, by a seed."""

    random: random.Random
    planned: tuple[str, str, str] | None = None
    """Engine, place and what happens there, once."""
    struck: Counter[str] = field(default_factory=Counter)

    def plan(self) -> None:
        """Choose the fault of the next turn."""
        engine = self.random.choice(("stt", "llm", "tts"))
        what = self.random.choice(("raises", "raises", "hangs", "text", *FORMS))
        if what in FORMS:
            engine = "tts"
        elif what == "text" and engine == "tts":
            engine = "llm"
        self.planned = engine, self.random.choice(PLACES[engine]), what

    def strikes(self, engine: str, *kinds: str, place: str = "") -> str:
        """What goes wrong here and now; it is done with."""
        if self.planned is None or self.planned[0] != engine or self.planned[2] not in kinds:
            return ""
        if place not in ("", self.planned[1]):
            return ""
        what, self.planned = self.planned[2], None
        self.struck[f"{engine} {what}"] += 1
        return what


class Chaotic(Faulty):
    """An engine that fails where and as the chaos wants it."""

    name: str
    chaos: Chaos

    def __init__(self, chaos: Chaos) -> None:
        super().__init__("", hanging)
        self.chaos = chaos

    async def at(self, place: str) -> None:
        """Come to a place."""
        match self.chaos.strikes(self.name, "raises", "hangs", place=place):
            case "raises":
                raise self.chaos.random.choice(ERRORS)()
            case "hangs":
                await anyio.sleep_forever()


class Stt(Chaotic, FaultyStt):
    name = "stt"

    async def finish(self) -> Transcript:
        text = (await super().finish()).text
        return Transcript(f"{text} \ud83d" if self.chaos.strikes("stt", "text") else text)


class Llm(Chaotic, FaultyLlm):
    name = "llm"

    def word(self) -> str:
        return "he\ud83dre." if self.chaos.strikes("llm", "text") else super().word()


class Tts(Chaotic, FaultyTts):
    name = "tts"

    def pcm(self) -> NDArray[Any]:
        what = self.chaos.strikes("tts", *FORMS)
        return FORMS[what](super().pcm()) if what else super().pcm()


class User:
    """A microphone's stage: a user who speaks turn after turn, and sometimes cuts in."""

    def __init__(self, chaos: Chaos, turns: int) -> None:
        self._chaos = chaos
        self._turns = turns

    async def __call__(self, _: Any, send: Any, /) -> None:
        """Speak all turns."""
        self._send = send
        dice = self._chaos.random
        await self._wait(0.5)
        for _ in range(self._turns):
            if dice.random() < FAULTS:
                self._chaos.plan()
            await self._sound(0.4, loud=True)
            if dice.random() < BARGE_IN:
                await self._wait(0.8)
                await self._sound(0.4, loud=True)
            if dice.random() < FAULTS / 10:
                self._chaos.struck["microphone gone"] += 1
                await anyio.sleep(dice.uniform(0.5, 5))
            await self._wait(2.5)
            if self._chaos.planned is None and dice.random() < FAULTS / 30:
                await self._wait(70.0)  # long enough for every limit
        await self._wait(130.0)

    async def _wait(self, seconds: float) -> None:
        await self._sound(seconds, loud=False)

    async def _sound(self, seconds: float, *, loud: bool) -> None:
        pcm = np.full(round(BLOCK * RATE), 0.5 if loud else 0.0, np.float32)
        for _ in range(round(seconds / BLOCK)):
            await anyio.sleep(BLOCK)
            await self._send.send(Audio(pcm, RATE))


class Loudspeaker:
    """A speaker that keeps time, and is gone for a while now and then."""

    def __init__(self, chaos: Chaos) -> None:
        self.playback = Playback(TTS_RATE)
        self.broken = 0
        """Samples that were none."""
        self._chaos = chaos

    async def run(self, *, task_status: TaskStatus[None] = anyio.TASK_STATUS_IGNORED) -> None:
        """Play until cancelled."""
        task_status.started()
        pcm = np.empty(round(BLOCK * TTS_RATE), np.float32)
        while True:
            await anyio.sleep(BLOCK)
            if self._chaos.random.random() < 0.0005:
                self._chaos.struck["speaker gone"] += 1
                await anyio.sleep(self._chaos.random.uniform(0.5, 5))
            self.playback.render(pcm, anyio.current_time())
            self.broken += int((~(np.abs(pcm) <= 1)).sum())


@contextmanager
def bad_disk(chaos: Chaos) -> Generator[None]:
    """Writing takes its time, or fails for want of room."""
    dice = random.Random(chaos.random.random())  # of its own: threads come in any order
    write = os.write

    def slow_write(descriptor: int, data: Any, /) -> int:
        if threading.current_thread() is not threading.main_thread() and dice.random() < 0.001:
            chaos.struck["disk"] += 1
            if dice.random() < 0.5:
                raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
            sleep(0.02)
        return write(descriptor, data)

    with mock.patch("os.write", slow_write):
        yield


@dataclass
class Tally:
    """What a conversation reported."""

    types: Counter[str] = field(default_factory=Counter)
    deaf: int = 0
    """The most turns in a row of which nothing came, neither words nor an error."""
    _waiting: int = 0

    def __call__(self, event: Event) -> None:
        """Count an event."""
        kind = event.type
        self.types[kind] += 1
        if kind == "user.speech_started":
            self._waiting += 1
            self.deaf = max(self.deaf, self._waiting)
        elif kind in ("turn.committed", "error", "user.backchannel", "user.transcript"):
            self._waiting = 0


@dataclass(frozen=True)
class Held:
    """What the process holds between two conversations."""

    megabytes: float
    threads: int
    descriptors: int
    tasks: int
    objects: int

    @classmethod
    def now(cls) -> "Held":
        """Once the garbage is gone; from /proc, as Linux has it."""
        gc.collect()
        pages = int(Path("/proc/self/statm").read_text(encoding="ascii").split()[1])
        return cls(
            pages * os.sysconf("SC_PAGE_SIZE") / 1e6,
            threading.active_count(),
            len(os.listdir("/proc/self/fd")),
            trio.lowlevel.current_statistics().tasks_living,
            len(gc.get_objects()),
        )


async def converse(
    chaos: Chaos, turns: int, folder: Path, *, preemptive: bool
) -> tuple[Tally, int]:
    """One conversation, logged and kept; what it reported, and how many samples were none."""
    tally = Tally()
    speculate = "all" if preemptive else "off"
    config = {"echo": "off", "tools": ["time", "timer"], "turn": {"speculate": speculate}}
    agent = Agent(
        Config.model_validate(config),
        stt=Stt(chaos),
        llm=Llm(chaos),
        tts=Tts(chaos),
        vad=LoudnessVad(),
    )
    with ExitStack() as files:
        log = files.enter_context(EventLog(folder / "events.jsonl"))
        kept = files.enter_context(ConversationStore(folder / "kept"))

        def report(event: Event) -> None:
            for told in (tally, log, kept):
                told(event)

        speaker = Loudspeaker(chaos)
        await agent.converse(User(chaos, turns), speaker, report)
    return tally, speaker.broken


async def soak(turns: int, length: int, seed: int, console: Console) -> list[str]:
    """All conversations; what is not as it should be."""
    chaos = Chaos(random.Random(seed))
    rows: list[Held] = []
    complaints: list[str] = []
    names = "turns answered cut errors warnings deaf MB threads fds tasks objects ms/turn"
    table = Table(*names.split(), title=f"seed {seed}, faults in {FAULTS:.0%} of the turns")
    done = 0
    with tempfile.TemporaryDirectory() as folder, bad_disk(chaos):
        for number in count():
            if done >= turns:
                break
            size = min(length, turns - done)
            began = perf_counter()
            place = Path(folder, str(number))
            tally, broken = await converse(chaos, size, place, preemptive=number % 2 == 0)
            took = (perf_counter() - began) / size
            done += size
            rows.append(held := Held.now())
            types = tally.types
            table.add_row(
                *(str(done), str(types["assistant.done"])),
                *(str(types["assistant.interrupted"]), str(types["error"])),
                *(str(types["warning"]), str(tally.deaf), f"{held.megabytes:.1f}"),
                *(str(held.threads), str(held.descriptors), str(held.tasks)),
                *(str(held.objects), f"{1000 * took:.1f}"),
            )
            print(f"{done} turns", file=sys.stderr)
            if broken:
                complaints.append(f"{broken} samples that are none were played")
            if tally.deaf > 12:
                complaints.append(f"nothing came of {tally.deaf} turns in a row")
    console.print(table)
    console.print("faults:", ", ".join(f"{n} {what}" for what, n in sorted(chaos.struck.items())))
    complaints += grown(rows[0], rows[-1])
    if not complaints:
        more = rows[-1].megabytes - rows[0].megabytes
        console.print(f"flat: memory {more:+.1f} MB, threads, descriptors and tasks as they were")
    return complaints


def grown(first: Held, last: Held) -> list[str]:
    """What the process holds more of than after the first conversation."""
    complaints = []
    if last.megabytes - first.megabytes > GROWTH:
        complaints.append(f"memory grew by {last.megabytes - first.megabytes:.1f} MB")
    for name in ("threads", "descriptors", "tasks"):
        before, after = getattr(first, name), getattr(last, name)
        if after > before:
            complaints.append(f"{name}: {before} became {after}")
    return complaints


def main() -> int:
    """Run it on a virtual clock."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--turns", type=int, default=10_000)
    parser.add_argument("--conversation", type=int, default=500, help="turns of one conversation")
    parser.add_argument("--seed", type=int, default=1)
    options = parser.parse_args()
    console = Console(width=120)

    async def run() -> list[str]:
        return await soak(options.turns, options.conversation, options.seed, console)

    options_ = {"clock": MockClock(autojump_threshold=0)}
    complaints = anyio.run(run, backend="trio", backend_options=options_)
    for complaint in complaints:
        console.print(complaint)
    return 1 if complaints else 0


if __name__ == "__main__":
    sys.exit(main())
