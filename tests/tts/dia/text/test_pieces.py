"""Tests of gathering clauses to pieces, and of how these are written."""

import itertools

import pytest

from tts.dia.text.pieces import LAST, LONGEST, SHORTEST, Gatherer, Pace, Piece
from tts.dia.text.reader import Clause, Reader

SENTENCE = "It was a fine and sunny morning in the old town. "  # 3.5 s


def gather(text: str, longest: float = LONGEST) -> list[Piece]:
    """The pieces of a text that is known as a whole."""
    gatherer, reader = Gatherer(Pace()), Reader()
    gatherer.add(reader.feed(text) + reader.finish())
    gatherer.finished = True
    return list(iter(lambda: gatherer.take(longest), None))


def seconds(piece: Piece) -> float:
    return Pace().seconds(piece.text)


@pytest.mark.parametrize("count", range(1, 30))
def test_pieces_of_a_whole_text(count: int) -> None:
    """None too long; none too short, unless the text is; no sentence is cut, none is lost."""
    pieces = gather(SENTENCE * count)
    assert " ".join(piece.text for piece in pieces) == (SENTENCE * count).strip()
    assert all(piece.text.endswith("town.") for piece in pieces)
    assert max(map(seconds, pieces)) <= LONGEST
    assert min(map(seconds, pieces)) >= min(LAST, Pace().seconds(SENTENCE * count) * 0.95)
    assert sum(seconds(piece) < SHORTEST for piece in pieces) <= 1  # the last


def test_it_does_not_matter_when_the_text_comes() -> None:
    text = SENTENCE * 5 + "Oh, I see, it goes on, and on, and on. " * 4 + SENTENCE
    gatherer, reader = Gatherer(Pace()), Reader()
    pieces: list[Piece] = []
    for at in range(0, len(text), 7):
        gatherer.add(reader.feed(text[at : at + 7]))
        pieces += iter(gatherer.take, None)
    assert pieces  # before all of it was there
    gatherer.add(reader.finish())
    gatherer.finished = True
    pieces += iter(gatherer.take, None)
    assert pieces == gather(text)


def test_a_sentence_that_is_too_long_is_parted_between_clauses() -> None:
    text = ", ".join(["and so it went on and on"] * 40) + "."
    pieces = gather(text)
    assert " ".join(piece.text for piece in pieces) == text
    assert max(map(seconds, pieces)) <= LONGEST
    assert all(piece.text.endswith(("on,", "on.")) for piece in pieces)


def test_ten_thousand_characters_without_a_space() -> None:
    pieces = gather("a" * 10_000)
    assert sum(len(piece.text.replace(" ", "")) for piece in pieces) == 10_000
    assert max(map(seconds, pieces)) <= LONGEST


def test_no_more_than_four_turns() -> None:
    pieces = gather("[S1] Oh yes. [S2] Oh no. " * 6)
    assert [len(piece.turns) for piece in pieces] == [4, 4, 4]


def test_no_more_bytes_than_there_is_room_for() -> None:
    gatherer = Gatherer(Pace())
    gatherer.add([Clause(1, "x" * 50, True)] * 4)
    gatherer.finished = True
    pieces = list(iter(lambda: gatherer.take(1000, 120), None))
    assert [len(piece.text) for piece in pieces] == [101, 101]


@pytest.mark.parametrize(
    ("text", "after", "written"),
    [
        ("Hello. You!", None, "[S1] Hello. You! [S2]"),
        ("[S1] Hello. [S2] Hi! (laughs)", None, "[S1] Hello. [S2] Hi! (laughs) [S1]"),
        ("[S1] One. [S1] Two.", None, "[S1] One. Two. [S2]"),
        ("[S2] One. [S1] Two.", None, "[S1] One. [S2] Two. [S1]"),
        ("Hello.", 1, "Hello. [S2]"),
        ("Hello.", 2, "[S1] Hello. [S2]"),
    ],
)
def test_how_a_piece_is_written(text: str, after: int | None, written: str) -> None:
    (piece,) = gather(text)
    assert piece.written(after) == written


def test_the_pace_is_learnt() -> None:
    pace = Pace()
    assert pace.seconds("x" * 140) == pytest.approx(10)
    for _ in itertools.repeat(None, 20):
        pace.learn("x" * 200, 10)
    assert pace.seconds("x" * 200) == pytest.approx(10, rel=0.05)
