"""A ring of samples between two threads: one writes, one reads, nobody ever waits."""

import numpy as np
from numpy.typing import NDArray


class Ring:
    """A preallocated queue of float32 samples, safe between one producer and one consumer.

    Each side moves only its own counter, and only after the samples have been copied; both
    counters grow for ever, and reading an int is atomic. So there is no lock to wait for, which
    is what a sound card's callback needs.
    """

    def __init__(self, capacity: int) -> None:
        if capacity < 1:
            raise ValueError(f"a ring holds at least one sample, not {capacity}")
        self._samples = np.zeros(capacity, np.float32)
        self._written = 0
        self._read = 0

    @property
    def readable(self) -> int:
        """Samples queued."""
        return self._written - self._read

    @property
    def writable(self) -> int:
        """Samples that still fit."""
        return len(self._samples) - self.readable

    def write(self, pcm: NDArray[np.float32]) -> int:
        """Producer: copy in as much of the front of `pcm` [n] as fits; how many samples did."""
        count = min(len(pcm), self.writable)
        start = self._written % len(self._samples)
        first = min(count, len(self._samples) - start)
        self._samples[start : start + first] = pcm[:first]
        self._samples[: count - first] = pcm[first:count]
        self._written += count
        return count

    def read(self, out: NDArray[np.float32]) -> int:
        """Consumer: fill the front of `out` [n] with what is queued; how many samples that was."""
        count = min(len(out), self.readable)
        start = self._read % len(self._samples)
        first = min(count, len(self._samples) - start)
        out[:first] = self._samples[start : start + first]
        out[first:count] = self._samples[: count - first]
        self._read += count
        return count

    def skip(self, count: int) -> int:
        """Consumer: drop up to `count` samples; how many were dropped."""
        count = min(count, self.readable)
        self._read += count
        return count
