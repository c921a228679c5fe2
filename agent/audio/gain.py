"""Gain: a level that changes along a slope, never at once."""

import numpy as np
from numpy.typing import NDArray

_RAMP = 0.008  # seconds


class Gain:
    """Scales blocks of samples by a gain that is reached within 8 ms of sound.

    Fit for a real-time callback: `apply` makes no arrays.
    """

    def __init__(self, sample_rate: int) -> None:
        self._slope = slope(_RAMP, sample_rate)
        self._scratch = np.empty_like(self._slope)
        self._from = self._to = 1.0
        self._at = len(self._slope)  # how far along the slope between them

    def apply(self, out: NDArray[np.float32], target: float) -> None:
        """Scale `out` [n] in place, on the way to `target`; at 1 the samples stay as they are."""
        if target != self._to:
            self._from = self._level
            self._to = target
            self._at = 0
        steps = self._slope[self._at : self._at + len(out)]
        if len(steps):
            gains = self._scratch[: len(steps)]
            np.multiply(steps, self._to - self._from, out=gains)
            gains += self._from
            out[: len(steps)] *= gains
            self._at += len(steps)
        if self._to != 1:
            out[len(steps) :] *= self._to

    @property
    def _level(self) -> float:
        if self._at == len(self._slope):
            return self._to
        return self._from + (self._to - self._from) * float(self._slope[self._at])


def slope(seconds: float, sample_rate: int) -> NDArray[np.float32]:
    """Return a raised-cosine slope from 0 to just below 1, float32 [at least 1]."""
    length = max(1, int(seconds * sample_rate))
    return (0.5 - 0.5 * np.cos(np.pi * np.arange(length) / length)).astype(np.float32)
