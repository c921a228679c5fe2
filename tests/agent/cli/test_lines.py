from collections.abc import AsyncGenerator

import pytest

from agent.cli.lines import LONGEST, lines
from agent.cli.written import Words

pytestmark = pytest.mark.anyio


@pytest.fixture
def anyio_backend() -> str:
    return "trio"


async def fragments(*parts: str) -> AsyncGenerator[str, None]:
    for part in parts:
        yield part


async def test_lines_come_in_pieces() -> None:
    refused: list[str] = []
    text = fragments("one\ntw", "o\r\n", "\n  \nthr", "ee")
    assert [line async for line in lines(text, refused.append)] == ["one", "two", "three"]
    assert not refused


async def test_a_line_without_end_is_not_kept() -> None:
    refused: list[str] = []
    text = fragments("one\n", *["x" * 1000] * 50, "\ntwo\n", "y" * (LONGEST + 1), "\nthree")
    assert [line async for line in lines(text, refused.append)] == ["one", "two", "three"]
    assert refused == [
        "line 2 is longer than 20000 characters: it was not asked",
        "line 4 is longer than 20000 characters: it was not asked",
    ]


async def test_a_line_of_the_greatest_length() -> None:
    refused: list[str] = []
    text = fragments("x" * LONGEST, "\n")
    assert [len(line) async for line in lines(text, refused.append)] == [LONGEST]
    assert not refused


def test_words_are_written_whole() -> None:
    written: list[str] = []
    words = Words(written.append)
    for delta in (" Hel", "lo  the", "re, sk-1", "23", " now \n"):
        words.add(delta)
    words.end()
    assert written == ["Hello", "  there,", " sk-123 now"]
