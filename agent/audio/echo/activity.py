"""Playback activity: whether the agent sounds, and since when, by what leaves the speaker."""

from collections import deque

import numpy as np

from agent.events import Audio

ROOM = 0.25
"""Seconds that the room goes on after the speaker; shorter pauses are part of what is said."""

_SILENCE = 1e-3  # full scale is 1: -60 dB is as good as silence
_RESOLUTION = 0.01  # seconds
_KEPT = 64  # segments


class PlaybackActivity:
    """Detects the segments of time in which the agent sounds; those in the future, too."""

    def __init__(self) -> None:
        self._segments: deque[list[float]] = deque(maxlen=_KEPT)  # beginning and end

    def add(self, block: Audio) -> None:
        """Take in a block that the speaker plays; its `time` is when it leaves the speaker."""
        loud = np.abs(block.pcm) >= _SILENCE
        if block.time is None or not loud.any():
            return
        size = round(_RESOLUTION * block.sample_rate)
        for start in range(0, len(loud), size):
            if loud[start : start + size].any():
                end = min(start + size, len(loud))
                rate = block.sample_rate
                self._extend(block.time + start / rate, block.time + end / rate)

    def started(self, time: float) -> float | None:
        """When the segment around `time` began; None if the agent does not sound then.

        It does until `ROOM` seconds after the last sample has left the speaker.
        """
        for start, end in reversed(self._segments):
            if start <= time < end + ROOM:
                return start
            if end + ROOM <= time:
                break
        return None

    def _extend(self, start: float, end: float) -> None:
        if self._segments and start < self._segments[-1][1] + ROOM:
            self._segments[-1][1] = end
        else:
            self._segments.append([start, end])
