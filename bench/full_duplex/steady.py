"""Steady noises, made by calculation from what is published of their spectra.

Broadband levels are of octaves or corner frequencies, joined by straight lines over log frequency;
the tones are a motor's or the blades', with as many harmonics as are given.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from bench.full_duplex.voices import RATE, Clip, Float32, clip

Points = tuple[tuple[float, float], ...]


@dataclass(frozen=True, slots=True)
class _Source:
    """Air of a spectrum (Hz, dB), and a tone `tone` dB above it in all, if there is one."""

    air: Points
    frequency: float = 0.0
    harmonics: tuple[float, ...] = ()  # amplitudes
    tone: float = 0.0
    drops: int = 0  # a second


_FALLING: Points = ((31, 0), (63, -5), (125, -10), (250, -15), (500, -20), (1000, -25), (8000, -40))
"""5 dB an octave, as room criterion curves fall, which air conditioning is built to."""

STEADY: dict[str, _Source] = {
    # Blades' passing frequency and its harmonics over the air's turbulence.
    "fan": _Source(
        ((20, -10), (100, 0), (400, -2), (1000, -8), (4000, -22), (8000, -32)),
        120,
        tuple(k**-0.5 for k in range(1, 13)),
        20,
    ),
    # A transformer: twice the mains' frequency, and little else.
    "hum": _Source(((20, 0), (8000, 0)), 120, (1, 0.5, 0.3, 0.2, 0.15, 0.1), 25),
    "pink noise": _Source(((20, 0), (8000, -26))),  # 3 dB an octave
    # The compressor hums as a transformer does.
    "air conditioner": _Source(_FALLING, 120, (1, 0.6, 0.4, 0.25, 0.15, 0.1), 3),
    # Broad, most of it at 0.5 to 2 kHz, and the turbine's tone.
    "vacuum cleaner": _Source(
        ((20, -20), (100, -10), (300, -2), (800, 0), (2000, -2), (4000, -6), (8000, -14)),
        200,
        tuple(k**-2.0 for k in range(1, 13)),
        8,
    ),
    # Most of it above 1 kHz, of many drops.
    "rain": _Source(((20, -20), (200, -10), (1000, -4), (3000, 0), (8000, -2)), drops=60),
}


def steady(
    name: str, seed: int, *, seconds: float, level: float, bursts: Sequence[float] = ()
) -> Clip:
    """One of them at `level` dBFS; with `bursts` on and off for so many seconds in turns."""
    rng = np.random.default_rng(seed)
    sound = _sound(STEADY[name], round(seconds * RATE), rng)
    return clip((sound * _gate(len(sound), bursts)).astype(np.float32), level=level)


def _sound(source: _Source, size: int, rng: np.random.Generator) -> NDArray[np.float64]:
    spectrum = np.fft.rfft(rng.standard_normal(size))
    hertz = np.maximum(np.fft.rfftfreq(size, 1 / RATE), 1)
    decibels = np.interp(np.log(hertz), *np.array([(np.log(f), db) for f, db in source.air]).T)
    air = np.fft.irfft(spectrum * 10 ** (decibels / 20), size)
    sound: NDArray[np.float64] = air / air.std()
    time = np.arange(size) / RATE
    if source.harmonics:
        phase = 2 * np.pi * source.frequency * time
        phase += source.frequency / 300 / 0.9 * np.sin(2 * np.pi * 0.9 * time)  # 0.3 % of wobble
        tone = sum(
            amplitude * np.sin(number * phase + rng.uniform(0, 2 * np.pi))
            for number, amplitude in enumerate(source.harmonics, 1)
        )
        sound = sound + 10 ** (source.tone / 20) * tone / np.std(tone)
    ring = np.exp(-np.arange(200) / 30)
    for at in rng.integers(0, size - len(ring), round(source.drops * size / RATE)):
        pitch = 2 * np.pi * rng.uniform(800, 5000) / RATE
        drop = rng.exponential(1.5) * ring * np.sin(pitch * np.arange(len(ring)))
        sound[at : at + len(ring)] += drop
    return sound


def _gate(size: int, bursts: Sequence[float]) -> Float32:
    """Switched on and off, within 20 ms."""
    gate = np.ones(size, np.float32)
    at, on = 0, True
    for seconds in bursts:
        length = round(seconds * RATE)
        gate[at : at + length] = on
        at, on = at + length, not on
    if bursts:
        gate[at:] = 0
    edge = np.hanning(2 * RATE // 50 + 1)
    padded = np.concatenate([np.zeros(len(edge)), gate, np.zeros(len(edge))])
    smooth = np.convolve(padded, edge / edge.sum(), "same")
    return np.asarray(smooth[len(edge) : len(edge) + size], np.float32)
