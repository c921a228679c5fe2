"""What the tiny Whisper hears in training: speech as microphones bring it, and no speech at all."""

import math
import random
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tests.assets.corpus import HOMOPHONES
from tests.assets.speech import SAMPLE_RATE, Speech

LONGEST = 9.3
"""Seconds of the longest example."""

Pcm = NDArray[np.float32]


@dataclass(frozen=True, slots=True)
class Example:
    """Audio, its words, and when each phone ends and each word begins and ends (seconds)."""

    pcm: Pcm
    text: str
    phones: list[tuple[int, float]]
    words: list[tuple[float, float]]


class Listening:
    """Examples drawn from rendered sentences and rendered salad."""

    def __init__(self, sentences: list[Speech], salad: list[Speech], seed: int) -> None:
        self._sentences, self._salad = sentences, salad
        self._named = [s for s in salad if not HOMOPHONES.keys().isdisjoint(s.text.split())]
        self._chance = random.Random(seed)
        self._noise = np.random.default_rng(seed)

    def draw(self) -> Example:
        """One example; one in twelve is no speech."""
        chance = self._chance
        if chance.random() < 0.08:
            pcm = no_speech(self._noise, chance.uniform(0.3, 6))
            return Example(pcm, "", [(0, len(pcm) / SAMPLE_RATE)], [])
        example = self._speech()
        if chance.random() < 0.3:
            example = _pause(example, chance)
        if chance.random() < 0.12:
            other, gap = self._speech(), chance.uniform(0.1, 1.4)
            if len(example.pcm) + len(other.pcm) + gap * SAMPLE_RATE < LONGEST * SAMPLE_RATE:
                example = _join(example, other, gap)
        elif chance.random() < 0.2:
            example = _cut(example, chance)
        if chance.random() < 0.5:
            example = _stretch(example, chance.uniform(0.92, 1.08))
        room = max(0.0, LONGEST - len(example.pcm) / SAMPLE_RATE)
        example = _shift(example, min(room, chance.uniform(-0.12, 0.5)))
        room = max(0.0, LONGEST - len(example.pcm) / SAMPLE_RATE)
        silence = np.zeros(round(min(room, chance.uniform(0, 0.7)) * SAMPLE_RATE), np.float32)
        pcm = np.append(example.pcm, silence) * np.float32(10 ** chance.uniform(-1.2, 0.1))
        if chance.random() < 0.8:
            tilt = chance.choice((0.0, 0.0, chance.uniform(0.3, 1.5)))
            pcm = with_noise(pcm, chance.uniform(8, 38), self._noise, tilt)
        return Example(np.clip(pcm, -1, 1), example.text, example.phones, example.words)

    def _speech(self) -> Example:
        kind = self._chance.random()
        speech = self._chance.choice(
            self._sentences if kind < 0.2 else self._named if kind < 0.26 else self._salad
        )
        pcm: Pcm = speech.pcm.astype(np.float32) / np.float32(32768)
        return Example(pcm, speech.text, list(speech.phones), list(speech.words))


def with_noise(pcm: Pcm, snr: float, random: np.random.Generator, tilt: float = 0.0) -> Pcm:
    """Noise added, `snr` dB below the speech; `tilt` 0 is white, 1 is pink, 2 is brown."""
    loud = float(np.sqrt(np.mean(pcm[np.abs(pcm) > 0.01 * np.abs(pcm).max()] ** 2)))
    return pcm + coloured(len(pcm), tilt, random) * np.float32(loud * 10 ** (-snr / 20))


def coloured(samples: int, tilt: float, random: np.random.Generator) -> Pcm:
    """Noise of power 1 whose spectrum falls with frequency to the power `tilt`."""
    if not tilt:
        return random.standard_normal(samples, np.float32)
    size = 1 << max(1, samples - 1).bit_length()
    spectrum = np.fft.rfft(random.standard_normal(size, np.float32))
    spectrum[1:] /= np.arange(1, len(spectrum), dtype=np.float32) ** np.float32(tilt / 2)
    noise: Pcm = np.fft.irfft(spectrum, size).astype(np.float32)[:samples]
    return noise / np.float32(noise.std() + 1e-9)


SOUNDS = ("silence", "noise", "fan", "notes", "chord", "keys", "breath")


def no_speech(random: np.random.Generator, seconds: float, kind: str = "") -> Pcm:
    """One of `SOUNDS`, at any loudness; whichever when `kind` is empty."""
    samples = round(seconds * SAMPLE_RATE)
    time = np.arange(samples) / SAMPLE_RATE
    sound: NDArray[np.floating[Any]]
    match kind or SOUNDS[random.integers(len(SOUNDS))]:
        case "silence":
            return np.zeros(samples, np.float32)
        case "noise":
            sound = coloured(samples, random.uniform(0, 2), random) / 4
        case "fan":  # noise and hum
            hums = [np.sin(2 * np.pi * random.uniform(40, 130) * k * time) / k for k in (1, 2, 3)]
            sound = coloured(samples, 1.5, random) / 4 + 0.3 * sum(hums) * random.uniform(0, 1)
        case "notes":  # with overtones, one after the other
            note = np.floor(time * random.uniform(1, 5)).astype(int)
            pitch = 110 * 2 ** (random.integers(0, 36, note.max() + 1) / 12)
            phase = np.cumsum(pitch[note]) / SAMPLE_RATE
            tones = [np.sin(2 * np.pi * k * phase) / k for k in range(1, random.integers(2, 6))]
            sound = np.sum(tones, 0) / 2
        case "chord":
            tones = [np.sin(2 * np.pi * random.uniform(80, 2000) * time) for _ in range(3)]
            sound = np.sum(tones, 0) / 3
        case "keys":
            clicks = (random.random(samples) < 4 / SAMPLE_RATE) * random.uniform(0.3, 1, samples)
            decay = np.exp(-np.arange(800) / random.uniform(20, 200)) * random.standard_normal(800)
            sound = np.convolve(clicks, decay)[:samples]
        case _:  # breath: noise that comes and goes
            swell = np.maximum(0, np.sin(2 * np.pi * random.uniform(0.2, 1) * time)) ** 2
            sound = coloured(samples, random.uniform(0, 1), random) * swell / 3
    level = 10 ** random.uniform(-3.5, -0.5)
    quiet = coloured(samples, 0, random) * 10 ** random.uniform(-5, -2.5)
    return np.clip(sound * level + quiet, -1, 1).astype(np.float32)


def _shift(example: Example, seconds: float) -> Example:
    """Silence before it; less than is there already when `seconds` is negative."""
    seconds = max(seconds, -max(0.0, example.words[0][0] - 0.04) if example.words else 0.0)
    samples = round(seconds * SAMPLE_RATE)
    silence = np.zeros(max(0, samples), np.float32)
    return Example(
        np.append(silence, example.pcm[max(0, -samples) :]),
        example.text,
        [(phone, end + seconds) for phone, end in example.phones],
        [(start + seconds, end + seconds) for start, end in example.words],
    )


def _stretch(example: Example, factor: float) -> Example:
    """Slower and lower, or faster and higher."""
    old = np.arange(len(example.pcm))
    new = np.arange(0, len(example.pcm) - 1, 1 / factor)
    return Example(
        np.interp(new, old, example.pcm).astype(np.float32),
        example.text,
        [(phone, end * factor) for phone, end in example.phones],
        [(start * factor, end * factor) for start, end in example.words],
    )


def _join(first: Example, second: Example, gap: float) -> Example:
    length = len(first.pcm) / SAMPLE_RATE
    second = _shift(second, gap)
    return Example(
        np.append(first.pcm, second.pcm),
        f"{first.text} {second.text}".strip(),
        first.phones + [(phone, length + end) for phone, end in second.phones],
        first.words + [(length + start, length + end) for start, end in second.words],
    )


def _head(example: Example, count: int, tail: float = 0.0) -> Example:
    end = example.words[count - 1][1] + tail
    phones = [(phone, stop) for phone, stop in example.phones if stop <= end + 0.01]
    words = " ".join(example.text.split()[:count])
    pcm = example.pcm[: round(end * SAMPLE_RATE)]
    return Example(pcm, words, [*phones, (0, end)], example.words[:count])


def _cut(example: Example, chance: random.Random) -> Example:
    """Its first words, as when it is heard before it is over."""
    return _head(example, chance.randint(1, len(example.words)), chance.uniform(0.0, 0.06))


def _pause(example: Example, chance: random.Random) -> Example:
    """Silence between two of its words, faded into and out of."""
    room = LONGEST - len(example.pcm) / SAMPLE_RATE
    if len(example.words) < 2 or room < 0.2:
        return example
    count = chance.randint(1, len(example.words) - 1)
    first = _head(example, count)
    start = first.words[-1][1]
    rest = example.pcm[round(start * SAMPLE_RATE) :].copy()
    fade = min(len(rest), math.ceil(0.01 * SAMPLE_RATE))
    rest[:fade] *= np.linspace(0, 1, fade, dtype=np.float32)
    first.pcm[-fade:] *= np.linspace(1, 0, min(fade, len(first.pcm)), dtype=np.float32)
    second = Example(
        rest,
        " ".join(example.text.split()[count:]),
        [(phone, end - start) for phone, end in example.phones if end > start + 0.01],
        [(a - start, b - start) for a, b in example.words[count:]],
    )
    return _join(first, second, chance.uniform(0.1, min(1.3, room)))
