"""Phonemes of a clause: marks are kept, and every word is found in what espeak joined."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tts.espeak.library import load_library
from tts.espeak.phonemes import phonemise


def transcribe(clause: str, voice: str = "en-us") -> tuple[str, list[tuple[str, str]]]:
    """The transcription, and how each word begins in it."""
    phonemes = phonemise(load_library(), clause, voice)
    return phonemes.text, [(word, phonemes.text[at : at + 3]) for word, at in phonemes.words]


@pytest.mark.parametrize(
    ("clause", "text", "beginnings"),
    [
        ("Hello, world!", "həlˈoʊ, wˈɜːld!", ["həl", "wˈɜ"]),
        (  # three words are one to espeak
            "The end of the world…",
            "ðɪ ˈɛnd ʌvðə wˈɜːld…",
            ["ðɪ ", "ˈɛn", "ʌvð", "ðə ", "wˈɜ"],
        ),
        (  # the full stop of an abbreviation is no pause
            "Dr. Smith, e.g. this.",
            "dˈɑːktɚ smˈɪθ, fˌɔːɹɛɡzˈæmpəl ðˈɪs.",
            ["dˈɑ", "smˈ", "fˌɔ", "ðˈɪ"],
        ),
        ('"Yes" – (no)?', "jˈɛs— nˈoʊ?", ["jˈɛ", "— n", "nˈo"]),
        ("no - no no", "nˈoʊ nˈoʊ nˈoʊ", ["nˈo", "nˈo", "nˈo", "nˈo"]),
        ("你", "", [""]),
    ],
)
def test_english(clause: str, text: str, beginnings: list[str]) -> None:
    transcribed, words = transcribe(clause)
    if text:
        assert transcribed == text
        assert words == list(zip(clause.split(), beginnings, strict=True))
    else:
        assert [word for word, _ in words] == clause.split()


def test_other_languages() -> None:
    assert transcribe("Guten Tag, Welt.", "de")[0] == "ɡˈuːtən tˈɑːk, vˈɛlt."
    text, words = transcribe("こんにちは、せかい。", "ja")
    assert text.endswith(".")
    assert len(words) == 1


@given(st.text(st.characters(codec="utf-8", exclude_characters="\0\x1a"), max_size=40))
def test_every_word_is_there_in_order(clause: str) -> None:
    phonemes = phonemise(load_library(), clause, "en-us")
    assert [word for word, _ in phonemes.words] == clause.split()
    places = [place for _, place in phonemes.words]
    assert places == sorted(places)
    assert all(0 <= place <= len(phonemes.text) for place in places)


@given(st.text("ab ", max_size=30), st.integers(1, 9))
def test_pieces_are_the_whole(clause: str, longest: int) -> None:
    phonemes = phonemise(load_library(), clause, "en-us")
    pieces = list(phonemes.pieces(longest))
    assert "".join(piece.text for piece in pieces) == phonemes.text
    assert all(len(piece.text) <= longest for piece in pieces)
    if phonemes.text:
        assert [word for piece in pieces for word, _ in piece.words] == clause.split()
