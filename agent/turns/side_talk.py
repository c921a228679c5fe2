"""Evidence of side talk: a voice far softer than the user's is somebody else's, or not for us.

The user's own level is learnt from the turns that were committed in this session. Pure logic.
"""

from collections import deque
from dataclasses import dataclass
from statistics import median

import numpy as np
from numpy.typing import NDArray

LEARNT_FROM = 5
"""The latest turns from which the level of the user's voice is known."""

SOFTER = 8.0
"""Decibels below it from which on a voice is taken for somebody else's: who speaks twice as far
away is 6 dB softer, and the same person's turns vary by 3 dB or so."""

LOUD = 80
"""The percentile of a voice's windows that is its level: vowels count, not their tails."""

CALLS = frozenset({"stop", "wait", "quiet", "enough", "hey", "listen", "cancel"})
"""Words by which even a soft voice addresses the agent, in English."""


@dataclass(frozen=True, slots=True)
class Evidence:
    """What speaks for or against a voice being the user's.

    `below`: decibels that it is softer than the user's; None while nobody knows either.
    """

    below: float | None = None

    def side_talk(self, text: str) -> str | None:
        """Return why a voice that says `text` is not meant for the agent; None if it may be."""
        if self.below is None or self.below < SOFTER or CALLS & _words(text):
            return None
        return f"a voice {self.below:.0f} dB softer than the user's"


UNKNOWN = Evidence()
"""Nothing is known of the voice: it may be the user's."""


class VoiceProfile:
    """A voice profile knows how loud the user is."""

    def __init__(self) -> None:
        self._levels: deque[float] = deque(maxlen=LEARNT_FROM)

    def learn(self, level: float | None) -> None:
        """Take a turn of the user's, its `level` in dBFS."""
        if level is not None:
            self._levels.append(level)

    def weigh(self, level: float | None) -> Evidence:
        """Return what the level of a voice in dBFS says."""
        if level is None or not self._levels:
            return UNKNOWN
        return Evidence(median(self._levels) - level)


class VoiceLevel:
    """The level of the voice that is heard now."""

    def __init__(self) -> None:
        self._powers: list[float] = []

    def add(self, window: NDArray[np.float32]) -> None:
        """Take a voiced window, float32 [n] in [-1, 1]."""
        self._powers.append(float(np.square(window, dtype=np.float64).mean()))

    def forget(self) -> None:
        """Begin anew: what comes is another turn."""
        self._powers.clear()

    @property
    def decibels(self) -> float | None:
        """In dBFS; None before the first window."""
        if not self._powers:
            return None
        return 10 * float(np.log10(np.percentile(self._powers, LOUD) + 1e-12))


def _words(text: str) -> frozenset[str]:
    return frozenset(word.strip(".,!?").casefold() for word in text.split())
