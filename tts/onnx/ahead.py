"""How much of a clause a network is given at a time, by how fast it is found to be.

A network gives its sound when all of it is made, so a long clause keeps the listener waiting. It is
made phrase by phrase wherever the next phrase will be there in time.
"""

import math

import anyio

from tts.speed import REAL_TIME

FIRST = 0.25
"""Seconds that a first phrase may take to be made, and any for which nothing is ahead."""
MARGIN = 0.1
"""Seconds that should still be ahead when a phrase is made."""
FIXED = 11
"""What a network takes for each piece, however short, as phonemes."""
USUAL = 40
"""Phonemes of a clause."""
WEIGHT = 0.4
"""Of the latest piece among those before it."""


class Speed:
    """How fast a network is, as it measures itself while it speaks, beside all else that runs."""

    def __init__(self) -> None:
        self.pieces = 0
        """How many it has made."""
        self._making = self._lasting = 0.0  # seconds a phoneme, FIXED more of them when making

    def add(self, phonemes: int, took: float, lasts: float) -> None:
        """Count a piece: seconds that it took to be made, and that its sound lasts."""
        self.pieces += 1
        weight = WEIGHT if self._lasting else 1.0
        self._making += weight * (took / (phonemes + FIXED) - self._making)
        self._lasting += weight * (lasts / phonemes - self._lasting)

    @property
    def real_time_factor(self) -> float:
        """Seconds that a second of sound takes, of a clause of usual length."""
        return self._making * (1 + FIXED / USUAL) / self._lasting if self._lasting else 0.0

    def phonemes_in(self, seconds: float) -> float:
        """How many may be made in so much time."""
        return seconds / self._making - FIXED if self._making else math.inf


class Ahead:
    """What of an utterance has been made and not been heard yet."""

    def __init__(self, speed: Speed) -> None:
        self._speed = speed
        self._began: float | None = None  # to be heard, if nothing keeps it
        self._made = 0.0

    def add(self, lasts: float) -> None:
        """Count a piece that has been made, of so many seconds."""
        now = anyio.current_time()
        if self._began is None or now - self._began > self._made:
            self._began, self._made = now, 0.0
        self._made += lasts

    @property
    def phonemes(self) -> float:
        """How many to make next: more would not be there in time."""
        if self._speed.real_time_factor > REAL_TIME:
            return math.inf  # a gap between clauses is better than one inside
        ahead = 0.0
        if self._began is not None:
            ahead = self._made - (anyio.current_time() - self._began) - MARGIN
        return self._speed.phonemes_in(max(FIRST, ahead))
