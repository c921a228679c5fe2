"""What is not speech: noises made by calculation, and voices without words."""

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

from bench.full_duplex.voices import RATE, VOICES, Clip, Float32, clip, utter

Rng = np.random.Generator


def cough(rng: Rng) -> Float32:
    """Twice a hard onset, breath through the mouth's resonances, and some voice in it."""
    bursts = []
    for _ in range(2):
        time = _time(rng.uniform(0.25, 0.35))
        breath = _resonate(rng.standard_normal(len(time)), [(600, 200), (1500, 300), (2800, 500)])
        sound = breath / breath.std() * np.exp(-time / 0.09) * np.clip(time / 0.004, 0, 1)
        voice = utter("hh ah", str(rng.choice(VOICES)))[: len(time)]
        sound[: len(voice)] += 0.7 * voice / voice.std()
        bursts += [sound, np.zeros(RATE // 10)]
    return np.concatenate(bursts).astype(np.float32)


def keyboard(rng: Rng) -> Float32:
    """Two seconds of typing: a click for every key, down and up."""
    sound = np.zeros(2 * RATE)
    at = 0.05
    while at < 1.85:
        for offset, loudness in ((0.0, 1.0), (rng.uniform(0.06, 0.1), 0.5)):
            time = _time(0.02)
            click = rng.standard_normal(len(time)) * np.exp(-time / 0.003) * loudness
            start = round((at + offset) * RATE)
            sound[start : start + len(click)] += click * rng.uniform(0.5, 1)
        at += rng.uniform(0.08, 0.25)
    return sound.astype(np.float32)


def door(rng: Rng) -> Float32:
    """A door that falls shut: a thud, and the latch before it."""
    time = _time(0.5)
    sound: NDArray[np.float64] = rng.standard_normal(len(time)) * np.exp(-time / 0.025)
    for frequency, decay in ((70, 0.12), (115, 0.09), (190, 0.06), (310, 0.03)):
        phase = 2 * np.pi * frequency * time + rng.uniform(0, 6)
        sound += np.sin(phase) * np.exp(-time / decay)
    latch: NDArray[np.float64] = (
        0.4 * rng.standard_normal(RATE // 20) * np.exp(-_time(0.05) / 0.004)
    )
    return np.concatenate([latch, np.zeros(RATE // 25), sound]).astype(np.float32)


def fan(rng: Rng) -> Float32:
    """Six seconds of air, with the blades' hum."""
    time = _time(6)
    air = np.convolve(rng.standard_normal(len(time)), np.hanning(24) / 12, "same")
    hum = 0.3 * np.sin(2 * np.pi * 118 * time) + 0.2 * np.sin(2 * np.pi * 236 * time)
    edge = np.clip(np.minimum(time, 6 - time) / 0.3, 0, 1)
    return np.asarray((air / air.std() + hum) * edge, np.float32)


def throat(rng: Rng) -> Float32:
    """Somebody clears their throat: voice, but no word."""
    return utter("hh ah m", str(rng.choice(VOICES)))


def laugh(rng: Rng) -> Float32:
    """A short laugh: as much voice as a word has."""
    return utter("hh ah hh ah hh ah", str(rng.choice(VOICES)))


Make = Callable[[Rng], Float32]

NOISES: dict[str, Make] = {"cough": cough, "keyboard": keyboard, "door": door, "fan": fan}
VOCAL: dict[str, Make] = {"throat": throat, "laugh": laugh}


def noise(name: str, seed: int, *, level: float) -> Clip:
    """One of them at `level` dBFS."""
    return clip({**NOISES, **VOCAL}[name](np.random.default_rng(seed)), level=level)


def _time(seconds: float) -> NDArray[np.float64]:
    return np.arange(round(seconds * RATE)) / RATE


def _resonate(
    sound: NDArray[np.float64], formants: list[tuple[float, float]]
) -> NDArray[np.float64]:
    """The sound through resonances side by side, each (frequency, bandwidth) in Hz."""
    spectrum = np.fft.rfft(sound)
    at = np.fft.rfftfreq(len(sound), 1 / RATE)
    response = sum(1 / (1 + ((at - f) / b) ** 2) for f, b in formants)
    filtered: NDArray[np.float64] = np.fft.irfft(spectrum * response, len(sound))
    return filtered
