"""How many utterances this machine speaks in real time, as it has been measured."""

import statistics
from collections import defaultdict, deque

_MARGIN = 0.95  # of the time that a frame sounds: the rest is for what else there is to do
_FRAMES = 25  # of which the median is taken
_LATELY = 60.0  # seconds: what is older was another moment


class Admission:
    """What a frame takes with so many utterances at once."""

    def __init__(self, frame: float) -> None:
        """`frame` is how long one sounds, in seconds."""
        self._limit = _MARGIN * frame
        self._expected: dict[int, float] = {}
        self._noted: defaultdict[int, deque[tuple[float, float]]] = defaultdict(
            lambda: deque(maxlen=_FRAMES)
        )

    def expect(self, speaking: int, seconds: float) -> None:
        """It takes so long when nothing else runs here."""
        self._expected[speaking] = seconds

    def note(self, speaking: int, seconds: float, now: float) -> None:
        """It took so long just now, by a clock in seconds."""
        self._noted[speaking].append((now, seconds))

    def seconds(self, speaking: int, now: float) -> float:
        """What a frame will take; where nothing was ever measured, nothing.

        Between and beyond what was measured: as much as with the next more, or in proportion to
        fewer, whichever is less.
        """
        known = self._known(now)
        if speaking in known:
            return known[speaking]
        bounds = [seconds * max(1, speaking / count) for count, seconds in known.items()]
        return min(bounds, default=0.0)

    def allows(self, speaking: int, now: float) -> bool:
        """Whether so many can speak at once in real time; one is always let speak."""
        return speaking <= 1 or self.seconds(speaking, now) <= self._limit

    def _known(self, now: float) -> dict[int, float]:
        known = dict(self._expected)
        for speaking, notes in self._noted.items():
            lately = [seconds for at, seconds in notes if now - at <= _LATELY]
            if lately:
                known[speaking] = statistics.median(lately)
        return known
