"""The far end: what the speaker plays, read along with what the microphone hears.

An echo canceller can only use a reference that comes before its echo: one that is 10 ms late
makes it useless, one that is early costs nothing. So it is read a little ahead of time, as far as
the speaker tells in advance what it will play. The two devices have two clocks: the place where
we read follows their drift sample by sample, which the canceller does not notice (37 dB with or
without), and where that cannot do it jumps, which the caller is told of.
"""

import numpy as np
from numpy.typing import NDArray

from agent.audio.echo_timeline import Timeline
from agent.events import MICROPHONE_RATE, Audio

_LEADS = (0.04, 0.02, 0.0)  # seconds ahead of time: the first one that the speaker makes possible
_KEPT = 4 * MICROPHONE_RATE  # samples: as many as a monitor may lag behind
_JUMP = 0.02 * MICROPHONE_RATE  # samples off the place: the lead makes up for less
_STEP = 0.1 * MICROPHONE_RATE  # samples read between two steps: up to 625 ppm are followed
_CALM = 5.0 * MICROPHONE_RATE  # samples over which it is averaged how far off we are


class Reference:
    """The speaker's samples at 16 kHz, to be read by the times at which the microphone hears."""

    def __init__(self) -> None:
        self._timeline = Timeline()
        self._samples = np.zeros(_KEPT, np.float32)  # number n is at n modulo its length
        self._leads = iter(_LEADS)
        self._lead = next(self._leads)
        self._next = -_KEPT  # the sample to be read next: far off at first
        self._off = 0.0  # samples: on average, how far that is from where it should be
        self._since_step = 0
        self._silent = True  # nothing is being played, so nothing is waited for

    def add(self, block: Audio) -> None:
        """What the speaker plays; `time` is when it leaves it."""
        pcm, gap = self._timeline.add(block)
        if gap:
            self._leads = iter(_LEADS)
            self._lead = next(self._leads)
        self._silent = False
        end = self._timeline.end
        self._samples[np.arange(end - len(pcm), end) % _KEPT] = pcm

    def covers(self, time: float, duration: float) -> bool:
        """Whether all that `read` would need is there; if not, it may be on its way."""
        if self._silent:
            return True
        return self._timeline.position(time + duration + self._lead) <= self._timeline.end

    def hurry(self) -> None:
        """It is not on its way: do with a smaller lead or, without any, with silence."""
        lead = next(self._leads, None)
        if lead is None:
            self._silent = True
        else:
            self._lead = lead

    def read(self, time: float, count: int) -> tuple[NDArray[np.float32], bool]:
        """`count` samples for what is heard from `time` on, and whether they follow the last ones.

        Zeros where nothing is known.
        """
        if not self._timeline.known:
            return np.zeros(count, np.float32), True
        place = self._timeline.position(time + self._lead)
        off = place - self._next
        follows = abs(off) < _JUMP
        if follows:
            self._drift(off, count)
        else:
            self._next = round(place)
            self._off = 0.0
        numbers = np.arange(self._next, self._next + count)
        self._next += count
        end = self._timeline.end
        there = (numbers >= max(0, end - _KEPT)) & (numbers < end)
        return np.where(there, self._samples[numbers % _KEPT], np.float32(0)), follows

    def _drift(self, off: float, count: int) -> None:
        """Move by one sample if need be: time stamps jitter, a clock's drift adds up."""
        self._off += (off - self._off) * count / _CALM
        self._since_step += count
        if abs(self._off) > 1 and self._since_step >= _STEP:
            step = 1 if self._off > 0 else -1
            self._next += step
            self._off -= step
            self._since_step = 0
