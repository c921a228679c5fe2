"""The far-end reference: what the speaker plays, read along with what the microphone hears.

An echo canceller can only use a reference that comes before its echo: one that is 10 ms late
makes it useless, one that is early costs nothing. So it is read a little ahead of time, as far as
the speaker tells in advance what it will play. The two devices have two clocks: the place where
we read follows their drift sample by sample, which the canceller does not notice (37 dB with or
without), and where that cannot do it jumps, which the caller is told of.
"""

import math

import numpy as np
from numpy.typing import NDArray

from agent.audio.echo.timeline import Timeline
from agent.events import MICROPHONE_RATE, Audio

_LEADS = (0.04, 0.02, 0.0)  # seconds ahead of time: the first one that the speaker makes possible
_KEPT = 4 * MICROPHONE_RATE  # samples: as many as a monitor may lag behind
_JUMP = 0.02 * MICROPHONE_RATE  # samples off the place: the lead makes up for less
_FAR = 0.001 * MICROPHONE_RATE  # samples
_CALM = 3.0 * MICROPHONE_RATE  # samples over which we come back to our place: stamps jitter
_STEP = 1e-3  # samples at most, for every sample read


class Reference:
    """The speaker's samples at 16 kHz, to be read by the times at which the microphone hears."""

    def __init__(self) -> None:
        self._timeline = Timeline()
        self._samples = np.zeros(_KEPT, np.float32)  # number n is at n modulo its length
        self._leads = iter(_LEADS)
        self._lead = next(self._leads)
        self._next = -float(_KEPT)  # the place to be read next: far off at first
        self._only_silence = True  # all that was read since we came here was silence
        self._sounded = 0  # the number of the sample after the last that was no silence
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
        if pcm.any():
            self._sounded = end

    def covers(self, time: float, duration: float) -> bool:
        """Whether all that `read` would need is there; if not, it may be on its way."""
        if self._silent:
            return True
        return self._timeline.position(time + duration + self._lead) <= self._timeline.end

    def shorten_lead(self) -> None:
        """Do with a smaller lead or, without any, with silence: the rest is not on its way."""
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
        if not follows:
            self._next, off, self._only_silence = place, 0.0, True
        pcm = self._between(self._next, count)
        # In silence one can move fast; but not far from where an echo has been learnt.
        silent = not pcm.any()
        self._only_silence = self._only_silence and silent
        haste = 20.0 if silent and (self._only_silence or abs(off) > _FAR) else 1.0
        step = float(np.clip(off / _CALM, -_STEP, _STEP))
        self._next += count * (1 + haste * step)
        return pcm, follows

    def _between(self, place: float, count: int) -> NDArray[np.float32]:
        """`count` samples from a place between two samples on: a cubic through the nearest four."""
        first = math.floor(place) - 1
        if first >= self._sounded:
            return np.zeros(count, np.float32)
        numbers = np.arange(first, first + count + 3)
        end = self._timeline.end
        there = (numbers >= max(0, end - _KEPT)) & (numbers < end)
        samples = np.where(there, self._samples[numbers % _KEPT], np.float32(0))
        t = place - first - 1
        taps = (
            -t * (t - 1) * (t - 2) / 6,
            (t + 1) * (t - 1) * (t - 2) / 2,
            -(t + 1) * t * (t - 2) / 2,
            (t + 1) * t * (t - 1) / 6,
        )
        return np.convolve(samples, np.array(taps[::-1], np.float32), "valid")
