"""The text's own words, whole and once, for the words that the network takes."""

import random

import pytest

from tts.dia2.text.alignment import TextAligner
from tts.dia2.text.script import NORMAL


@pytest.mark.parametrize(
    ("text", "taken", "given"),
    [
        ("Hello there", ["Hello", "there"], ["Hello", "there"]),
        ("at 10:30 or 30", ["at", "10", "30", "or", "30"], ["at", "10:30", "", "or", "30"]),
        ("so: it's don’t", ["so", "it's", "don't"], ["so:", "it's", "don’t"]),
        ("[S1] Hi [S2] you", ["Hi", "you"], ["[S1] Hi", "[S2] you"]),
        (
            'a <break time="1s"/> time',
            ["a", "time"],
            ["a", '<break time="1s"/> time'],
        ),
        ('a<break time="1s"/>b', ["a", "b"], ["a<break", 'time="1s"/>b']),
        ("a : b:", ["a", "b"], ["a", ": b:"]),
        ("1:1:1 1", ["1", "1", "1", "1"], ["1:1:1", "", "", "1"]),
        ("x <y> z", ["x", "<y>", "z"], ["x", "<y>", "z"]),
        ("a.b (c) a.b", ["a.b", "(c)", "a.b"], ["a.b", "(c)", "a.b"]),
    ],
)
def test_words_as_written(text: str, taken: list[str], given: list[str]) -> None:
    wording = TextAligner()
    wording.add(text)
    assert [wording.align(word) for word in taken] == given


def test_in_pieces_no_word_is_lost() -> None:
    chance = random.Random(5)
    alphabet = "ab: ’"
    for _ in range(300):
        text = "".join(chance.choices(alphabet, k=30))
        wording = TextAligner()
        wording.add(text)
        words = [wording.align(word) for word in text.translate(NORMAL).split()]
        spoken = " ".join(word for word in words if word)
        assert text.split()[: len(spoken.split())] == spoken.split()
        # What is left has nothing in it that could be spoken.
        assert not "".join(text.split()[len(spoken.split()) :]).strip(":")


def test_a_word_that_is_not_there() -> None:
    wording = TextAligner()
    wording.add("here it is")
    assert wording.align("gone") == ""
    assert wording.align("here") == "here"
