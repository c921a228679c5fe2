"""A day in which nobody calls: speech of people and of synthesisers, music and other noises."""

from collections.abc import Iterable, Iterator
from functools import cache
from itertools import cycle, islice

import numpy as np
import soxr

from bench.full_duplex.sounds import Rng
from bench.full_duplex.voices import RATE, Float32
from bench.wake.rooms import NOISES, NORMAL, QUIET, at_level, far, household, over, white
from bench.wake.texts import sentences
from bench.wake.voices import FAMILIES, Voice, voices
from tests.real import clips

PIECE = 60.0
"""Seconds that are given out at a time."""

SHARES = {
    "people": 0.25,
    "Piper": 0.12,
    "Kokoro": 0.08,
    "flite": 0.15,
    "espeak": 0.25,
    "noise": 0.15,
}
"""Of the day; "noise" has no speech in it."""

UNIQUE = {"Piper": 120, "Kokoro": 20}
"""Sentences of those that take long to speak; they come again, otherwise."""

PITCHES = (1.0, 0.93, 1.08, 0.86, 1.16)
"""In turn: whoever speaks again does so higher and faster, or lower and slower."""


def day(hours: float, *, tuned: bool = False) -> Iterator[tuple[str, Float32]]:
    """What is heard in a number of hours: its kind, and float32 [n] at 16 kHz, of a minute."""
    for kind, share in SHARES.items():
        if kind in FAMILIES and all(voice.family != kind for voice in voices(tuned=tuned)):
            continue
        rng = np.random.default_rng((len(kind), tuned))
        source = _noises(rng) if kind == "noise" else _speech(kind, rng, tuned)
        for _ in range(max(1, round(hours * 3600 * share / PIECE))):
            yield kind, next(source)


def _speech(kind: str, rng: Rng, tuned: bool) -> Iterator[Float32]:
    said = _said(kind, rng, tuned)
    while True:
        parts: list[Float32] = []
        while sum(map(len, parts)) < PIECE * RATE:
            parts += [next(said), np.zeros(round(rng.uniform(0.1, 0.8) * RATE), np.float32)]
        pcm = np.concatenate(parts)[: round(PIECE * RATE)]
        yield pcm + white(PIECE, rng) * np.float32(10 ** (QUIET / 20))


def _said(kind: str, rng: Rng, tuned: bool) -> Iterator[Float32]:
    """One thing after the other: half of it near and in silence, a quarter far, a quarter loud."""
    original = _people(tuned) if kind == "people" else _synthetic(kind, rng, tuned)
    for number, near in enumerate(original):
        level = NORMAL + rng.uniform(-10, 6)
        pcm = at_level(far(near, rng) if number % 4 == 1 else near, level)
        if number % 4 == 3:
            make = NOISES[list(NOISES)[number // 4 % len(NOISES)]]
            pcm = over(pcm, make(len(pcm) / RATE, rng), 10)
        yield pcm


def _people(tuned: bool) -> Iterator[Float32]:
    for pitch in cycle(PITCHES):
        yield from (_pitched(pcm, pitch) for pcm in _recorded()[not tuned :: 2])


@cache
def _recorded() -> list[Float32]:
    """What people say in Debian's packages: a telephone exchange's, readers, testers."""
    names = sorted(clips.ASTERISK.glob("*.g722"))
    exchange = [clips._g722(path) for path in names]
    others = [clip.pcm for clip in clips.people() if clip.name not in {p.stem for p in names}]
    return [pcm for pcm in (*others, *exchange) if len(pcm) > RATE / 2 and np.abs(pcm).max() > 0.01]


def _synthetic(family: str, rng: Rng, tuned: bool) -> Iterator[Float32]:
    speakers = [voice for voice in voices(tuned=tuned) if voice.family == family]
    texts = sentences(rng, tuned=tuned)
    said: Iterable[tuple[Voice, str]] = zip(cycle(speakers), texts, strict=False)
    if family not in UNIQUE:
        yield from (voice.say(text) for voice, text in said)
    few = sorted(islice(said, UNIQUE[family]), key=lambda each: each[0].name)
    for pitch in cycle(PITCHES):
        yield from (_pitched(voice.say(text), pitch) for voice, text in few)


def _pitched(pcm: Float32, pitch: float) -> Float32:
    return pcm if pitch == 1 else soxr.resample(pcm, RATE * pitch, RATE)


def _noises(rng: Rng) -> Iterator[Float32]:
    makes = [*NOISES.values(), household]
    for make in cycle(makes):
        yield at_level(make(PIECE, rng), NORMAL + rng.uniform(-15, 6))
