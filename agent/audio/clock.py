"""A sample clock: when a sample was captured, by its number and the clock of the program."""

from math import inf

_WINDOW = 0.5  # seconds


class SampleClock:
    """Tells the time of every sample of a stream whose time stamps are now and then late.

    A busy computer calls back late, and then several times at once, which says nothing about when
    the samples were captured. So the earliest stamps are believed: an earlier one at once, a later
    one (a gap, or a card that runs slow) when there was no other for half a second.

    One thread stamps, another one may ask.
    """

    def __init__(self, sample_rate: int) -> None:
        self._rate = sample_rate
        self._origin = inf  # the time of sample 0
        self._late = inf  # the least that any stamp of this window is after it
        self._window_end = 0

    def stamp(self, position: int, time: float) -> None:
        """Take in a time stamp: sample number `position` seems to be of `time`."""
        origin = time - position / self._rate
        self._origin = min(self._origin, origin)
        self._late = min(self._late, origin - self._origin)
        if position >= self._window_end:
            self._origin += self._late
            self._late = inf
            self._window_end = position + int(_WINDOW * self._rate)

    def time(self, position: float) -> float:
        """Return the time of sample number `position`; needs one stamp before."""
        return self._origin + position / self._rate
