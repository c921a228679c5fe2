"""Whether the agent sounds, and since when, by what really leaves the speaker."""

from collections import deque

import numpy as np

from agent.events import Audio

ROOM = 0.25
"""Seconds that the room goes on after the speaker; shorter pauses are part of what is said."""

_SILENCE = 1e-3  # full scale is 1: -60 dB is as good as silence
_GRAIN = 0.01  # seconds
_KEPT = 64  # stretches of sound


class PlaybackActivity:
    """The stretches of time in which the agent has the floor; the future ones that are known."""

    def __init__(self) -> None:
        self._stretches: deque[list[float]] = deque(maxlen=_KEPT)  # beginning and end of the sound

    def add(self, block: Audio) -> None:
        """What the speaker plays; `time` is when it leaves it."""
        if block.time is None or not len(block.pcm) or np.abs(block.pcm).max() < _SILENCE:
            return
        grain = round(_GRAIN * block.sample_rate)
        loud = np.abs(block.pcm) >= _SILENCE
        for start in range(0, len(loud), grain):
            if loud[start : start + grain].any():
                end = min(start + grain, len(loud))
                rate = block.sample_rate
                self._sounds(block.time + start / rate, block.time + end / rate)

    def since(self, time: float) -> float | None:
        """When the agent began to sound, if it sounds at `time`.

        It does until `ROOM` seconds after the last sample has left the speaker.
        """
        for start, end in reversed(self._stretches):
            if start <= time < end + ROOM:
                return start
            if end + ROOM <= time:
                break
        return None

    def _sounds(self, start: float, end: float) -> None:
        if self._stretches and start < self._stretches[-1][1] + ROOM:
            self._stretches[-1][1] = end
        else:
            self._stretches.append([start, end])
