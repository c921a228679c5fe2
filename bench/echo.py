"""Does the agent hear itself, and does it hear the user? `python -m bench.echo [--minutes N]`.

Real speech from a speaker with a time of its own through a room into a microphone, cleaned by the
echo stage, judged by Silero and the turn detector, on the virtual clock. For every room: the agent
alone (how much of its echo is left, how often it would have ducked or interrupted itself), and a
user who interrupts it (how soon and how often that is noticed): at -26 dB of full scale they are as
loud as an echo of -6 dB. The agent neither ducks nor stops here: that would only make it easier.
"""

import argparse
import json
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import cycle, product
from pathlib import Path
from typing import Any

import anyio
import numpy as np
import soxr
import trio
from numpy.typing import NDArray
from rich.console import Console
from rich.table import Table
from trio.testing import MockClock

from agent.audio.echo.stage import START_BARGE_IN, EchoStage
from agent.audio.playback import Playback
from agent.config.sections import EchoMode, TurnSettings, VadSettings
from agent.events import MICROPHONE_RATE, Event
from agent.turns.detector import TurnDetector
from agent.turns.events import SpeechCandidate, SpeechProgress, SpeechStarted
from agent.turns.vad import CONTEXT, WINDOW, SileroVad
from bench.echo_room import RATE, Devices, Heard, Room
from bench.full_duplex.texts import ANSWERS, INTERRUPTIONS, QUESTIONS
from bench.full_duplex.voices import VOICES, speak

Float32 = NDArray[np.float32]

AGENT = -20.0
"""The level of the agent's speech, in dB of full scale."""

START = 1.0
"""Seconds before the agent begins."""

SOON = 0.6
"""Seconds within which an interruption should be noticed."""

ROOMS = {
    "-6 dB, 60 ms": Room(),
    "-6 dB, 180 ms": Room(delay=0.18),
    "-12 dB, 60 ms": Room(level=-12),
    "-20 dB, 60 ms": Room(level=-20),
    "+3 dB, 60 ms, clipped": Room(level=3, clip=0.4),
    "drift 100 ppm, jitter 5 ms": Room(drift=100, jitter=0.005),
    "drift -100 ppm, jitter 20 ms": Room(drift=-100, jitter=0.02),
    "dry for 80 ms every 10 s": Room(dry=tuple((t, 0.08) for t in range(8, 600, 10))),
}


def agent_speech(seconds: float) -> Float32:
    """At the speaker's rate: one answer after the other, by three voices."""
    parts = [np.zeros(round(START * MICROPHONE_RATE), np.float32)]
    turns = cycle(product(("slt", "rms", "awb"), (*ANSWERS, *QUESTIONS)))
    while sum(map(len, parts)) < seconds * MICROPHONE_RATE:
        voice, text = next(turns)
        parts += [speak(text, voice, level=AGENT).pcm, np.zeros(4000, np.float32)]
    pcm = np.concatenate(parts)[: round(seconds * MICROPHONE_RATE)]
    resampled: Float32 = soxr.resample(pcm, MICROPHONE_RATE, RATE)
    return resampled


def interruptions(seconds: float, level: float) -> tuple[Float32, list[float]]:
    """A user who interrupts every 4 to 5 s, at `level`, and when."""
    pcm = np.zeros(round(seconds * MICROPHONE_RATE), np.float32)
    begins = []
    at = START + 5.0
    for number, (text, voice) in enumerate(zip(cycle(INTERRUPTIONS), cycle(VOICES), strict=False)):
        spoken = speak(text, voice, level=level)
        start = round(at * MICROPHONE_RATE)
        if start + len(spoken.pcm) > len(pcm):
            break
        pcm[start : start + len(spoken.pcm)] += spoken.pcm
        begins.append(at + spoken.begin)
        at += len(spoken.pcm) / MICROPHONE_RATE + 2.5 + 0.137 * (number % 7)
    return pcm, begins


def play(room: Room, mode: EchoMode, voice: Float32, user: Float32) -> tuple[Heard, list[Event]]:
    """The agent says `voice` in the room: everything that happens, on the virtual clock."""
    events: list[Event] = []

    async def run() -> Heard:
        playback = Playback(RATE)
        echo = EchoStage(mode, playback, events.append)
        async with anyio.create_task_group() as tasks:
            tasks.start_soon(playback.open(RATE).write, voice)
            heard = await Devices(room, playback).run(len(voice) / RATE, user, echo)
            tasks.cancel_scope.cancel()
        return heard

    return trio.run(run, clock=MockClock(autojump_threshold=0)), events


class Judge:
    """Voice probabilities and what the turn detector makes of them, of a whole recording."""

    def __init__(self) -> None:
        self._vad = SileroVad()
        anyio.run(self._vad.load)

    def probabilities(self, pcm: Float32) -> list[float]:
        """One for every window."""
        self._vad.reset()
        return self._vad._run(np.concatenate((np.zeros(CONTEXT, np.float32), pcm)))

    def signals(self, pcm: Float32) -> Iterator[tuple[float, object]]:
        """What the turn detector says, and when, while the agent speaks all the time."""
        turns = TurnDetector(VadSettings(), TurnSettings())
        length = WINDOW / MICROPHONE_RATE
        for number, probability in enumerate(self.probabilities(pcm)):
            end = (number + 1) * length
            for signal in turns.update(probability, end - length, end, START_BARGE_IN):
                yield end, signal


@dataclass(frozen=True, slots=True)
class Result:
    """One room. Rates are per 10 minutes, delays in seconds."""

    room: str
    minutes: float
    erle: float  # dB, after the first second of speech
    false: float  # share of windows above the threshold
    ducks: float
    self_interruptions: float
    events: list[str]
    taken: dict[str, str]


def measure(name: str, room: Room, minutes: float, judge: Judge, mode: EchoMode) -> Result:
    """The agent alone for `minutes`, then interrupted for one (or for `minutes` below a half)."""
    voice = agent_speech(60 * minutes)
    heard, events = play(room, mode, voice, np.zeros(0, np.float32))
    signals = [signal for _, signal in judge.signals(heard.cleaned)]
    false = np.mean(np.array(judge.probabilities(heard.cleaned)) >= START_BARGE_IN)
    taken, seconds = {}, 60 if minutes >= 0.5 else 60 * minutes
    for level in (-20.0, -26.0, -32.0):
        taken[f"{level:.0f} dB"] = _taken(room, level, judge, mode, seconds)

    def count(kind: type) -> float:
        return sum(isinstance(signal, kind) for signal in signals) * 10 / minutes

    return Result(
        name,
        minutes,
        heard.erle(START + 1.2, 60 * minutes - 1),
        float(false),
        count(SpeechCandidate),
        count(SpeechProgress),
        [event.record()["code"] for event in events],
        taken,
    )


def _taken(room: Room, level: float, judge: Judge, mode: EchoMode, seconds: float) -> str:
    """How many of the interruptions at this level begin a turn soon enough, and how soon."""
    user, begins = interruptions(seconds, level)
    heard, _ = play(room, mode, agent_speech(seconds), user)
    noticed = [
        time for time, signal in judge.signals(heard.cleaned) if isinstance(signal, SpeechStarted)
    ]
    delays = [min((t - b for t in noticed if t > b), default=np.inf) for b in begins]
    soon = sum(delay <= SOON for delay in delays)
    return f"{soon} of {len(begins)}, p50 {1000 * np.median(delays):.0f} ms"


def main() -> None:
    """Measure, print one table, and write it as JSON if asked to."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--minutes", type=float, default=10, help="of speech in the first room")
    parser.add_argument("--mode", default="auto", choices=["auto", "cancel", "half_duplex", "off"])
    parser.add_argument("--rooms", nargs="*", default=list(ROOMS), help="by their names' beginning")
    parser.add_argument("--json", type=Path)
    arguments = parser.parse_args()
    if not any(name.startswith(tuple(arguments.rooms)) for name in ROOMS):
        parser.error("no such room; there are: " + "; ".join(ROOMS))
    judge, results = Judge(), []
    table = Table("room", "min", "ERLE", "false", "ducks", "self-int.", "interruptions in 0.6 s")
    for number, (name, room) in enumerate(ROOMS.items()):
        if not name.startswith(tuple(arguments.rooms)):
            continue
        minutes = arguments.minutes if number == 0 else min(arguments.minutes, 1.0)
        result = measure(name, room, minutes, judge, arguments.mode)
        results.append(result)
        taken = "\n".join(f"user {below}: {share}" for below, share in result.taken.items())
        rates = (f"{100 * result.false:.2f} %", f"{result.ducks:.0f}")
        table.add_row(
            name, f"{minutes:g}", f"{result.erle:.1f} dB", *rates,
            f"{result.self_interruptions:.0f}", taken,
        )  # fmt: skip
    Console().print(table)
    print("ducks and self-interruptions per 10 minutes of agent speech")
    if arguments.json:
        values: list[dict[str, Any]] = [
            {field: getattr(result, field) for field in result.__slots__} for result in results
        ]
        arguments.json.write_text(json.dumps(values, indent=1))


if __name__ == "__main__":
    main()
