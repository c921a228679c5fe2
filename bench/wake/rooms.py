"""Where one calls from: levels, rooms, and what else sounds there."""

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

from bench.full_duplex.sounds import Rng, cough, door, fan, keyboard, laugh
from bench.full_duplex.voices import RATE, Float32, frame_power

NORMAL, SOFT = -26.0, -40.0
"""dBFS of a voice at a desk, and across a room."""

QUIET = -62.0
"""dBFS of a quiet room."""


def at_level(pcm: Float32, level: float) -> Float32:
    """`pcm` with `level` dBFS in those of its frames that are not silent."""
    power = frame_power(pcm)
    mean = power[power > power.max() * 1e-3].mean()
    levelled: Float32 = (pcm * (10 ** (level / 20) / np.sqrt(mean))).astype(np.float32)
    return levelled


def far(pcm: Float32, rng: Rng, t60: float = 0.4) -> Float32:
    """As it sounds some metres away: with a reverberation as loud as itself."""
    length = int(t60 * RATE)
    response = rng.standard_normal(length) * 10 ** (-3 * np.arange(length) / length)
    response /= np.sqrt(np.square(response).sum())
    response[0] += 1
    size = len(pcm) + length
    heard = np.fft.irfft(np.fft.rfft(pcm, size) * np.fft.rfft(response, size), size)
    return heard.astype(np.float32)


def white(seconds: float, rng: Rng) -> Float32:
    """Hiss."""
    return rng.standard_normal(round(seconds * RATE)).astype(np.float32)


def pink(seconds: float, rng: Rng) -> Float32:
    """As loud in each octave, as traffic and water are."""
    spectrum = np.fft.rfft(rng.standard_normal(round(seconds * RATE)))
    spectrum /= np.sqrt(np.maximum(np.arange(len(spectrum)), 20 * seconds))
    return np.fft.irfft(spectrum, round(seconds * RATE)).astype(np.float32)


def music(seconds: float, rng: Rng) -> Float32:
    """Chords of four voices with overtones, a bass, and a drum on each beat."""
    beat = round(RATE * rng.uniform(0.4, 0.6))
    time = np.arange(beat) / RATE
    parts: list[NDArray[np.float64]] = []
    while sum(map(len, parts)) < seconds * RATE:
        root = 110 * 2 ** (rng.integers(0, 12) / 12)
        notes = [root / 2, root, root * 2 ** (rng.choice((3, 4)) / 12), root * 1.5, root * 4]
        sound = sum(
            np.sin(2 * np.pi * note * n * time) / n * np.exp(-time * rng.uniform(1, 5))
            for note in notes
            for n in range(1, 7)
            if note * n < RATE / 2
        )
        drum = rng.standard_normal(beat) * np.exp(-time / 0.03)
        parts.append(sound + 1.5 * drum)
    return np.concatenate(parts)[: round(seconds * RATE)].astype(np.float32)


def household(seconds: float, rng: Rng) -> Float32:
    """Typing, coughs, laughs, doors and a fan, one after the other."""
    parts: list[Float32] = []
    while sum(map(len, parts)) < seconds * RATE:
        make = (cough, keyboard, door, fan, laugh)[rng.integers(5)]
        pause = np.zeros(round(rng.uniform(0.1, 1) * RATE), np.float32)
        parts += [at_level(make(rng), NORMAL), pause]
    return np.concatenate(parts)[: round(seconds * RATE)]


NOISES: dict[str, Callable[[float, Rng], Float32]] = {
    "white": white,
    "pink": pink,
    "music": music,
}
"""Those that go on."""


def over(pcm: Float32, noise: Float32, snr: float) -> Float32:
    """`pcm` with a noise `snr` decibels below its voice; the noise may be longer."""
    power = frame_power(pcm)
    voice = power[power > power.max() * 1e-3].mean()
    scale = np.sqrt(voice / np.square(noise).mean()) * 10 ** (-snr / 20)
    mixed: Float32 = (pcm + noise[: len(pcm)] * scale).astype(np.float32)
    return mixed


def in_a_room(pcm: Float32, rng: Rng, before: float = 1.0, after: float = 1.2) -> Float32:
    """`pcm` with some seconds of a quiet room before and after it."""
    padded = np.pad(pcm, (round(before * RATE), round(after * RATE)))
    return (padded + white(len(padded) / RATE, rng)[: len(padded)] * 10 ** (QUIET / 20)).astype(
        np.float32
    )
