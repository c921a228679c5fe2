"""Wake words in what was understood: they call the agent, and are no part of what is asked."""

import re
from collections.abc import Sequence
from difflib import SequenceMatcher

LIKE = 0.75
"""How much of its letters must be like the wake word's: recognisers write names as they please."""


def without_wake_words(phrases: Sequence[str], text: str) -> str:
    """Return `text` without the wake word that it begins with, if it does."""
    words = text.split()
    best, length = LIKE, 0
    for phrase in phrases:
        wanted = _letters(phrase)
        count = len(phrase.split())
        for n in range(max(1, count - 1), min(count + 1, len(words)) + 1):
            said = _letters("".join(words[:n]))
            likeness = SequenceMatcher(None, wanted, said, autojunk=False).ratio()
            if likeness > best:
                best, length = likeness, n
    return " ".join(words[length:]) if length else text


def _letters(text: str) -> str:
    return re.sub(r"[\W_]", "", text.lower())
