"""Admission control: how many utterances this machine speaks in real time, as measured."""

import statistics
from collections import defaultdict, deque

_MARGIN = 0.95  # of the time that a frame sounds: the rest is for what else there is to do
_FRAMES = 25  # of which the median is taken
_LATELY = 60.0  # seconds: what is older was another moment


class Admission:
    """Measures what a frame takes, and admits as many utterances as are in real time."""

    def __init__(self, frame: float) -> None:
        """`frame` is how long one sounds, in seconds."""
        self._limit = _MARGIN * frame
        self._expected: dict[int, float] = {}
        self._noted: defaultdict[int, deque[tuple[float, float]]] = defaultdict(
            lambda: deque(maxlen=_FRAMES)
        )

    def expect(self, utterances: int, seconds: float) -> None:
        """Take what a frame was measured to need when nothing else runs here, in seconds."""
        self._expected[utterances] = seconds

    def note(self, utterances: int, seconds: float, now: float) -> None:
        """Take what a frame needed just now, by a clock in seconds."""
        self._noted[utterances].append((now, seconds))

    def seconds(self, utterances: int, now: float) -> float:
        """Estimate what a frame will take; where nothing was ever measured, nothing.

        Between and beyond what was measured: as much as with the next more, or in proportion to
        fewer, whichever is less.
        """
        known = self._known(now)
        if utterances in known:
            return known[utterances]
        bounds = [seconds * max(1, utterances / count) for count, seconds in known.items()]
        return min(bounds, default=0.0)

    def allows(self, utterances: int, now: float) -> bool:
        """Whether so many can speak at once in real time; one is always let speak."""
        return utterances <= 1 or self.seconds(utterances, now) <= self._limit

    def _known(self, now: float) -> dict[int, float]:
        known = dict(self._expected)
        for utterances, notes in self._noted.items():
            lately = [seconds for at, seconds in notes if now - at <= _LATELY]
            if lately:
                known[utterances] = statistics.median(lately)
        return known
