"""P3: which words were heard is arithmetic."""

import pytest

from agent.conversation.spoken import heard_words
from tts import SpokenWord

RATE = 1000
WORDS = [SpokenWord("One", 0), SpokenWord("two,", 300), SpokenWord("three.", 700)]
GENERATED = 1200


def heard(played: int) -> str:
    return " ".join(word.text for word in heard_words(WORDS, played, GENERATED, RATE))


@pytest.mark.parametrize(
    ("played", "expected"),
    [
        (0, ""),
        (199, ""),
        (200, "One"),  # enough of it for a listener
        (300, "One"),  # the second word's first sample has not left
        (499, "One"),
        (500, "One two,"),
        (899, "One two,"),
        (900, "One two, three."),
        (1200, "One two, three."),
    ],
)
def test_played_samples_decide(played: int, expected: str) -> None:
    assert heard(played) == expected


def test_a_word_shorter_than_a_glimpse_counts_at_its_end() -> None:
    words = [SpokenWord("a", 0), SpokenWord("b", 50), SpokenWord("c", 100)]
    assert [
        len(heard_words(words, played, 150, RATE)) for played in (49, 50, 99, 100, 149, 150)
    ] == [
        0,
        1,
        1,
        2,
        2,
        3,
    ]


def test_nothing_played_is_nothing_heard_even_of_words_without_length() -> None:
    words = [SpokenWord("a", 0), SpokenWord("b", 0)]
    assert heard_words(words, 0, 0, RATE) == []
