"""Partial transcripts that do not flicker: only words that two hypotheses agree on."""

import re


class Agreement:
    """The words shown so far. A word once shown stays until the final transcript."""

    def __init__(self) -> None:
        self._last: list[str] = []
        self._shown: list[str] = []

    def update(self, text: str) -> str | None:
        """A new hypothesis of the whole; what to show now, if that is more than before.

        The newest word is held back: more of it may follow.
        """
        words = text.split()
        agreed = 0
        for one, other in zip(self._last, words[:-1], strict=False):
            if _bare(one) != _bare(other):
                break
            agreed += 1
        self._last = words
        if agreed <= len(self._shown):
            return None
        if any(_bare(a) != _bare(b) for a, b in zip(self._shown, words, strict=False)):
            return None
        self._shown = [*self._shown, *words[len(self._shown) : agreed]]
        return " ".join(self._shown)


def _bare(word: str) -> str:
    """The word as it sounds: punctuation and capitals come and go."""
    return re.sub(r"[^\w']", "", word).lower() or word
