"""Blocks of audio on one timeline: 16 kHz, counted in samples, each sample with its time."""

import anyio
import numpy as np
from numpy.typing import NDArray

from agent.audio.clock import SampleClock
from agent.audio.resample import Resampler
from agent.events import MICROPHONE_RATE, Audio
from agent.guards.audio import finite

_GAP = 0.1  # seconds that one block is off: something is missing, or the device is another one
_SLIP = 0.01  # seconds that every block for a while is late: the device was not served in time
_PROOF = 0.3  # seconds: that while


class Timeline:
    """Converts blocks as they come; says when the samples do not follow each other in time.

    A clock that is a little faster or slower than ours is followed without a break.
    """

    def __init__(self) -> None:
        self.end = 0  # samples at 16 kHz so far, gaps not counted
        self.known = False  # whether there has been a block at all
        self._rate = 0

    def add(self, block: Audio) -> tuple[NDArray[np.float32], bool]:
        """The samples [n] at 16 kHz that the block completes, and whether a gap came before it.

        What was held back from before a gap is lost: a few milliseconds.
        """
        begin = anyio.current_time() - block.duration if block.time is None else block.time
        gap = block.sample_rate != self._rate or self._slipped(begin, block.duration)
        if gap:
            self._begin(block.sample_rate)
        self._clock.stamp(self._received, begin)
        self._received += len(block.pcm)
        pcm = self._resampler.process(finite(block.pcm))  # or its echo would be learnt
        self.end += len(pcm)
        return pcm, gap

    def time(self, position: float) -> float:
        """When sample number `position` was captured, or leaves the speaker."""
        return self._clock.time((position - self._base) * self._rate / MICROPHONE_RATE)

    def position(self, time: float) -> float:
        """The sample number of that time; the inverse of `time`."""
        return self._base + (time - self._clock.time(0)) * MICROPHONE_RATE

    def _begin(self, rate: int) -> None:
        self.known = True
        self._rate = rate
        self._base = self.end
        self._received = 0
        self._clock = SampleClock(rate)
        self._resampler = Resampler(rate, MICROPHONE_RATE, "light")
        self._late_for = 0.0

    def _slipped(self, begin: float, duration: float) -> bool:
        """Whether the timeline has a gap here: one stamp far off, or all of them late."""
        late = begin - self._clock.time(self._received)
        if abs(late) > _GAP:
            return True
        if late < _SLIP:
            self._late_for = 0.0
            return False
        self._late_for += duration
        return self._late_for > _PROOF


class Framer:
    """Cuts a timeline into frames of equal length, each with the time of its first sample."""

    def __init__(self, size: int) -> None:
        self._timeline = Timeline()
        self._size = size
        self._rest = np.zeros(0, np.float32)

    def add(self, block: Audio) -> list[tuple[float, NDArray[np.float32]]]:
        """Return the frames, float32 [size], that the block completes, each with its time.

        An incomplete one before a gap is lost.
        """
        pcm, gap = self._timeline.add(block)
        pcm = pcm if gap else np.concatenate((self._rest, pcm))
        count = len(pcm) // self._size
        self._rest = pcm[count * self._size :]
        first = self._timeline.end - len(pcm)
        return [
            (self._timeline.time(first + start), pcm[start : start + self._size])
            for start in range(0, count * self._size, self._size)
        ]
