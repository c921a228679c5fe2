"""Long text without spaces: read in pieces, as it comes."""

import pytest

from tts.normalise import normaliser

HELD = {"²": 6000, "_a": 4000, "a-": 4000, "1,": 6000, "&#": 4000, "1/2/": 2000, "A.": 4000}


@pytest.mark.parametrize("unit", HELD)
@pytest.mark.parametrize("language", ["en", "de"])
def test_what_has_no_spaces_is_read_in_pieces(language: str, unit: str) -> None:
    """Nothing waits for the end of a long token, and the work on it is cut (P2)."""
    text, whole = unit * HELD[unit], normaliser(language)
    spoken = [whole.feed(text[at : at + 100]) for at in range(0, len(text), 100)]
    assert all(any(spoken[at : at + 4]) for at in range(len(spoken) - 4))
    once = normaliser(language)
    assert "".join(spoken) + whole.finish() == once.feed(text) + once.finish()
    assert whole.record.written == text


@pytest.mark.parametrize("after", ["", " it is", "€" * 300 + " it is"])
def test_a_long_code_is_still_one(after: str) -> None:
    spoken = normaliser("en")
    said = spoken.feed("aB3+/" * 600 + after) + spoken.finish()
    assert said.startswith("a code of three thousand characters")
