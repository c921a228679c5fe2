"""Words for comparison: how many of those that were said are wrong in what was written."""

import re
import unicodedata
from collections.abc import Sequence

from num2words import num2words

from tests.assets.corpus import edits

_ABBREVIATED = {"mr": "mister", "m": "meters", "10": "ten"}


def words(text: str) -> list[str]:
    """The words of English, in lower case, without punctuation, with numbers written out.

    As the clips say them: 29340 digit by digit.
    """
    found = [
        _ABBREVIATED.get(word, word) for word in re.findall(r"[a-z']+|10(?!\d)|\d", _plain(text))
    ]
    return [num2words(int(word)) if word.isdigit() else word for word in found]


def letters(text: str) -> list[str]:
    """The letters of any language, in lower case, without accents, punctuation or spaces."""
    return [each for each in _plain(text) if each.isalnum()]


def error_rate(said: Sequence[list[str]], heard: Sequence[list[str]]) -> float:
    """Wrong, missing and added ones of all that was said, in percent; clip by clip."""
    wrong = sum(edits(one, other) for one, other in zip(said, heard, strict=True))
    return 100 * wrong / sum(map(len, said))


def _plain(text: str) -> str:
    """Lower case, without accents."""
    apart = unicodedata.normalize("NFKD", text.lower())
    return "".join(each for each in apart if not unicodedata.combining(each))
