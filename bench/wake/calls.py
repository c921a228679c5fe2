"""Calls: a phrase alone and with a question in the same breath, by every voice, from everywhere."""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from bench.full_duplex.sounds import Rng
from bench.full_duplex.voices import RATE, Float32
from bench.wake.rooms import NOISES, NORMAL, SOFT, at_level, far, in_a_room, over
from bench.wake.texts import NEAR
from bench.wake.voices import Voice, voices

SPEEDS = (0.85, 1.0, 1.15)
PLACES = ("normal", "far", *(f"10 dB {noise}" for noise in NOISES))
"""At a desk; soft and with reverberation; and over noise."""


@dataclass(frozen=True)
class Call:
    """Something said from a place of `PLACES`, with a second of the room before and after it."""

    voice: Voice
    text: str
    place: str
    pcm: Float32


def calls(phrase: str, *, tuned: bool = False) -> Iterator[Call]:
    """Every voice calls at each speed, alone and with a question, from every place."""
    for voice in voices(tuned=tuned):
        for speed in SPEEDS:
            for text in (phrase, f"{phrase}, what time is it?"):
                yield from _placed(voice, text, voice.say(text, speed))


def near_words(phrase: str, *, tuned: bool = False) -> Iterator[Call]:
    """What sounds nearly like the phrase, by every voice at a desk."""
    for voice in voices(tuned=tuned):
        for text in NEAR.get(phrase, ())[not tuned :: 2]:
            yield Call(voice, text, "normal", heard(voice.say(text), "normal", _rng(text)))


def _placed(voice: Voice, text: str, pcm: Float32) -> Iterator[Call]:
    rng = _rng(voice.name + text)
    for place in PLACES:
        yield Call(voice, text, place, heard(pcm, place, rng))


def heard(pcm: Float32, place: str, rng: Rng) -> Float32:
    """What a microphone hears of it; noise goes on before and after it."""
    if place == "far":
        return in_a_room(at_level(far(pcm, rng), SOFT), rng)
    padded = in_a_room(at_level(pcm, NORMAL), rng)
    if place == "normal":
        return padded
    make = NOISES[place.removeprefix("10 dB ")]
    return over(padded, make(len(padded) / RATE, rng), 10)


def _rng(text: str) -> Rng:
    return np.random.default_rng(list(text.encode()))
