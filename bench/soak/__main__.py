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
import gc
import os
import random
import sys
import tempfile
import threading
from collections import Counter
from contextlib import ExitStack
from dataclasses import dataclass, field
from itertools import count
from pathlib import Path
from time import perf_counter

import anyio
import trio
from rich.console import Console
from rich.table import Table
from trio.testing import MockClock

from agent.agent import Agent
from agent.cli.event_log import EventLog
from agent.config.load import Config
from agent.conversation.store import ConversationStore
from agent.events import Event
from bench.soak.engines import Chaos, Llm, Stt, Tts
from bench.soak.world import FAULTS, Loudspeaker, User, bad_disk
from tests.agent.fakes import LoudnessVad

GROWTH = 24.0
"""Megabytes by which memory may have grown since the first row."""


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
