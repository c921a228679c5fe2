"""Words of a transcript that still grows: those at its beginning that will not change any more."""

from collections.abc import Sequence
from itertools import takewhile


def agreed(before: Sequence[str], now: Sequence[str]) -> int:
    """Return how many words at the beginning two transcripts in a row agree on.

    Never the last one of `now`, which may be half a word.
    """
    pairs = zip(now[:-1], before, strict=False)
    return sum(1 for _ in takewhile(lambda pair: pair[0] == pair[1], pairs))
