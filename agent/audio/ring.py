"""A ring buffer of samples between two threads: one writes, one reads, nobody ever waits."""

import numpy as np
from numpy.typing import NDArray


class Ring:
    """A preallocated ring buffer of float32 samples, safe between one producer and one consumer.

    Each side moves only its own counters, and only after the samples have been copied; the
    counters are ints, which are read in one piece. So there is no lock to wait for, which is what
    a sound card's callback needs.

    At most `capacity` samples wait to be read for the first time; the last `keep` samples that
    have been read stay for `rewind`.
    """

    def __init__(self, capacity: int, *, keep: int = 0) -> None:
        if capacity < 1:
            raise ValueError(f"a ring holds at least one sample, not {capacity}")
        self._samples = np.zeros(capacity + keep, np.float32)
        self._capacity = capacity
        self._keep = keep
        self._written = 0
        self._read = 0
        self._furthest = 0  # the most that was ever read: what the producer may go by

    @property
    def written(self) -> int:
        """Samples written so far."""
        return self._written

    @property
    def position(self) -> int:
        """Samples read, those that were taken back not counted."""
        return self._read

    @property
    def furthest(self) -> int:
        """The highest `position` that there ever was."""
        return self._furthest

    @property
    def readable(self) -> int:
        """Samples queued."""
        return self._written - self._read

    @property
    def writable(self) -> int:
        """Samples that still fit."""
        return self._capacity - (self._written - self._furthest)

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
        self._furthest = max(self._furthest, self._read)
        return count

    def rewind(self, count: int) -> int:
        """Consumer, or anybody while it does not read: take back the last `count` samples read.

        How many that was: not more than are kept before `furthest`.
        """
        count = max(0, min(count, self._read, self._read - self._furthest + self._keep))
        self._read -= count
        return count
