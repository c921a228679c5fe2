"""Earcons: soft short tones that say: I have heard you, and I am at it; or: this is kept."""

import numpy as np
from numpy.typing import NDArray

LENGTH_S = 0.15
LEVEL_DB = -24.0
"""RMS over the whole tone, dBFS."""

_FADE_S = 0.05
_PARTIALS = ((523.25, 1.0), (783.99, 0.5))
"""Hertz and amplitude: C5 and, softer, the fifth above it."""


_LOWER = ((392.0, 1.0), (587.33, 0.5))
"""G4, and the fifth above it."""


def kept_sign(sample_rate: int) -> NDArray[np.float32]:
    """Synthesise the sign that what follows is recorded or kept: two rising tones, float32 [n]."""
    return np.concatenate((earcon(sample_rate, _LOWER), earcon(sample_rate)))


def earcon(
    sample_rate: int, partials: tuple[tuple[float, float], ...] = _PARTIALS
) -> NDArray[np.float32]:
    """Synthesise the tone at `sample_rate` Hz: float32 [n], from silence to silence."""
    samples = round(LENGTH_S * sample_rate)
    time = np.arange(samples) / sample_rate
    tone = np.zeros(samples)
    for frequency, amplitude in partials:
        tone += amplitude * np.sin(2 * np.pi * frequency * time)
    # Raised cosine at both ends: an edge would be heard as a click.
    edge = np.minimum(np.arange(samples), np.arange(samples)[::-1]) / (_FADE_S * sample_rate)
    tone *= 0.5 - 0.5 * np.cos(np.pi * np.minimum(edge, 1))
    tone *= 10 ** (LEVEL_DB / 20) / np.sqrt(np.mean(tone**2))
    return tone.astype(np.float32)
