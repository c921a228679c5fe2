"""Estimates of when words begin, for voices that do not tell: each has the share of its letters."""

import itertools

import numpy as np
from numpy.typing import NDArray

from tts.protocol import Speech, SpokenWord

LETTERS_A_SECOND = 15
"""Of usual speech, with spaces: a guess until a clause has been heard."""
KEPT_BACK = 0.02
"""Seconds that wait for the end, where the words that were expected later begin."""


def estimate_words(clause: str, samples: int) -> tuple[SpokenWord, ...]:
    """Estimate when the words of a clause begin that is `samples` long."""
    places, letters = _places(clause)
    return tuple(
        SpokenWord(word, samples * place // letters)
        for word, place in zip(clause.split(), places, strict=True)
    )


def _places(clause: str) -> tuple[list[int], int]:
    """Count the letters before each word, and all of them."""
    *places, letters = itertools.accumulate((len(w) + 1 for w in clause.split()), initial=0)
    return places, letters


class StreamedWords:
    """Words of a clause whose audio comes in pieces, and whose length nobody knows before."""

    def __init__(self, clause: str, sample_rate: int, pace: float | None) -> None:
        """`pace` is the samples that a letter took in the last clause, None if there was none."""
        places, self._letters = _places(clause)
        pace = pace or sample_rate / LETTERS_A_SECOND
        self._words = [
            SpokenWord(word, round(place * pace))
            for word, place in zip(clause.split(), places, strict=True)
        ]
        self._tail = round(sample_rate * KEPT_BACK)
        self._held = np.zeros(0, np.float32)
        self.made = 0
        """Samples given so far."""

    @property
    def pace(self) -> float | None:
        """The samples that a letter took, once all has been given."""
        return self.made / self._letters if self.made and self._letters else None

    def piece(self, pcm: NDArray[np.float32]) -> Speech:
        """Take the next samples, float32 [n]: what can be heard by now, with its words."""
        pcm = np.concatenate((self._held, pcm))
        split = max(0, len(pcm) - self._tail)
        self._held = pcm[split:]
        return self._speech(pcm[:split], self.made + split)

    def rest(self) -> Speech:
        """End the clause: its last samples, and the words that have not begun."""
        end = self.made + len(self._held)
        self._words = [SpokenWord(word.text, min(word.start, end - 1)) for word in self._words]
        return self._speech(self._held, end)

    def _speech(self, pcm: NDArray[np.float32], end: int) -> Speech:
        begun = tuple(itertools.takewhile(lambda word: word.start < end, self._words))
        self._words = self._words[len(begun) :]
        self.made = end
        return Speech(pcm, begun)
