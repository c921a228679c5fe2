"""Hot words: names that Whisper is told to expect, and whether the sound bears them out.

In indistinct speech Whisper writes what is in its prompt. So a text is decoded without the list,
and the list may only put its own words in it, where the sound makes them nearly as probable.
"""

from collections.abc import Sequence

from stt.hallucinations import normalized

MAX_TOKENS = 100
"""Tokens of the list that Whisper is told, about forty names: more would drown what is said."""

COST = 5.0
"""Log-probability that a text may lose for each word of the list, of those really said at most 4;
of others, 12 and more."""


class Hotwords:
    """List of names and rare words, as they are to be spelled."""

    def __init__(self, words: Sequence[str]) -> None:
        """`words` may be phrases, too."""
        self.words = tuple(words)
        self._spoken = {normalized(word) for word in words} - {""}

    def __bool__(self) -> bool:
        return bool(self._spoken)

    def prompt(self) -> str:
        """The list as it is told."""
        return f" {' '.join(self.words)}"

    def count(self, text: str) -> int:
        """How many of them `text` has."""
        padded = f" {normalized(text)} "
        return sum(padded.count(f" {word} ") for word in self._spoken)

    def explained(self, text: str, score: float, plain: str, plain_score: float) -> bool:
        """Whether `text` has words of the list that the sound bears out.

        `plain` is what was decoded without the list; the scores are the sums of the tokens'
        log-probabilities, both without it.
        """
        added = self.count(text) - self.count(plain)
        return added > 0 and score >= plain_score - COST * added
