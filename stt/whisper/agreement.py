"""Partial transcripts that do not flicker: only words that two hypotheses agree on."""

import re


class LocalAgreement:
    """LocalAgreement-2 policy: shows the longest prefix that two hypotheses in a row share.

    A word once shown stays until the final transcript. The policy is that of Whisper-Streaming
    (Macháček, Dabre, Bojar, 2023).
    """

    def __init__(self) -> None:
        self._last: list[str] = []
        self._shown: list[str] = []

    def update(self, text: str) -> str | None:
        """Take a new hypothesis of the whole; what to show now, if that is more than before.

        The newest word is held back: more of it may follow.
        """
        words = text.split()
        agreed = 0
        for one, other in zip(self._last, words[:-1], strict=False):
            if _normalized(one) != _normalized(other):
                break
            agreed += 1
        self._last = words
        if agreed <= len(self._shown):
            return None
        if any(_normalized(a) != _normalized(b) for a, b in zip(self._shown, words, strict=False)):
            return None
        self._shown = [*self._shown, *words[len(self._shown) : agreed]]
        return " ".join(self._shown)


def _normalized(word: str) -> str:
    """The word without punctuation and capitals, which come and go."""
    return re.sub(r"[^\w']", "", word).lower() or word
