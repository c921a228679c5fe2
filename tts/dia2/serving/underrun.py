"""Text underrun: how long to wait for text that is late before the network pauses by itself.

The network is fed about a second and a half of text before it has said it. A listener who has heard
everything there is can either wait with the network for the next words, in the middle of what it
says; or the network goes on without new words, says what it has, and pauses as speakers do.
"""

import math

_PATIENCE = 0.3  # seconds of waiting before anything is heard: nothing can break off there


class TextUnderrun:
    """Decides when one utterance, whose text may be late, pauses."""

    def __init__(self, after: float, limit: int, frame: float) -> None:
        """Accept a gap of `after` seconds, then pause for at most `limit` steps of `frame` seconds.

        After that all text has been said, and waiting is heard as silence.
        """
        self._after = after
        self._limit = limit
        self._frame = frame
        self._audible = -math.inf  # until then there is something to hear
        self._since = -math.inf
        self._taken = -1
        self._paused = 0

    def sent(self, now: float) -> None:
        """Note that a frame has left for the listener."""
        self._audible = max(self._audible, now) + self._frame

    def due(self, taken: int, now: float) -> float:
        """Say when to pause for a step, if text is waited for with `taken` entries of it taken."""
        if taken != self._taken:
            self._taken, self._since, self._paused = taken, now, 0
        if self._paused >= self._limit:
            return math.inf
        if self._audible == -math.inf:
            return self._since + (0.0 if self._paused else _PATIENCE)
        return max(self._audible, self._since) + (0.0 if self._paused else self._after)

    def paused(self) -> None:
        """Note that a step has been made without text."""
        self._paused += 1
