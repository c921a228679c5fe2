"""A resampler that is late by a millisecond or two: what a microphone brings is heard at once.

It begins with that much silence, so that a block gives as many samples as it lasts: a voice
detector's window is full with the same block as if there had been nothing to convert.

A windowed sinc in its phases (Crochiere and Rabiner, Multirate Digital Signal Processing, 1983,
section 3.3). soxr's filters are better and cheaper, but its stream hands on 20 ms at a time.
"""

from math import ceil, gcd

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view
from numpy.typing import NDArray

CROSSINGS = 16
"""Zeros of the sinc to either side: more hold back more, and let through less that folds."""
CUTOFF = 0.92
"""Of the lower rate's half: the filter needs some room to fall."""
FEW = 4
"""Phases that are filtered one by one, which is quicker than all outputs each by its own."""
BETA = 7.0
"""Of Kaiser's window: what folds is 70 dB softer."""


class Polyphase:
    """A stream of mono float32 from one rate to another.

    Output k is the signal at (k - `delay`) / target s.
    """

    def __init__(self, source: int, target: int) -> None:
        divisor = gcd(source, target)
        self._up, self._down = target // divisor, source // divisor
        cutoff = CUTOFF * min(1.0, target / source) / 2  # cycles in an input sample
        self._half = ceil(CROSSINGS / (2 * cutoff))
        self.delay = ceil(self._half * self._up / self._down)
        offsets = np.arange(1 - self._half, self._half + 1)
        distance = offsets - np.arange(self._up)[:, None] / self._up
        inside = np.sqrt(np.maximum(0.0, 1 - (distance / self._half) ** 2))
        filters = np.sinc(2 * cutoff * distance) * np.i0(BETA * inside)
        self._filters = (filters / filters.sum(axis=1, keepdims=True)).astype(np.float32)
        self._begin()

    def process(self, pcm: NDArray[np.float32]) -> NDArray[np.float32]:
        """Convert the next samples [n]."""
        self._taken += len(pcm)
        return self._convert(pcm, ceil((self._taken - self._half) * self._up / self._down))

    def flush(self) -> NDArray[np.float32]:
        """Convert what was held back, and begin anew."""
        rest = np.zeros(self._half, np.float32)
        out = self._convert(rest, round(self._taken * self._up / self._down))
        self._begin()
        return out

    def _begin(self) -> None:
        self._taken = 0  # samples of the input
        self._given = -self.delay  # and of the output
        before = self._half - 1 + ceil(self.delay * self._down / self._up)
        self._kept = np.zeros(before, np.float32)
        self._first = -before  # the input sample with which the kept ones begin

    def _convert(self, pcm: NDArray[np.float32], end: int) -> NDArray[np.float32]:
        """Take samples, and give those up to number `end`."""
        kept = np.concatenate((self._kept, pcm))
        out = np.empty(max(0, end - self._given), np.float32)
        if self._up <= FEW:
            self._by_phase(kept, out)
        elif len(out):
            steps = np.arange(self._given, self._given + len(out)) * self._down
            places = steps // self._up + (1 - self._half) - self._first
            windows = sliding_window_view(kept, 2 * self._half)[places]
            np.einsum("ij,ij->i", windows, self._filters[steps % self._up], out=out)
        self._given += len(out)
        unused, _ = self._window(self._given)  # what comes next needs what is around its first
        self._kept = kept[unused:]
        self._first += unused
        return out

    def _by_phase(self, kept: NDArray[np.float32], out: NDArray[np.float32]) -> None:
        """Fill `out`: all outputs of a phase have one filter, and windows as far apart."""
        size, taps = kept.itemsize, 2 * self._half
        for first in range(min(self._up, len(out))):
            place, phase = self._window(self._given + first)
            part = out[first :: self._up]
            apart = (self._down * size, size)
            windows = np.ndarray((len(part), taps), kept.dtype, kept, place * size, apart)
            # A product of windows that overlap would take twice as long as the copy and its own.
            part[:] = np.ascontiguousarray(windows) @ self._filters[phase]

    def _window(self, output: int) -> tuple[int, int]:
        """Where an output's window begins among the kept samples, and the phase of its filter."""
        step, phase = divmod(output * self._down, self._up)
        return step + 1 - self._half - self._first, phase
