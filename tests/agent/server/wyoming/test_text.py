"""A text on its way to the voice: in fragments, within its limit, also when nobody listens."""

import pytest

from agent.server.wyoming.text import Text, checked
from agent.server.wyoming.wire import EventError

pytestmark = pytest.mark.anyio


async def test_fragments_come_as_they_were_written() -> None:
    with Text(100) as text:
        for fragment in ("One ", "", "two."):
            text.add(fragment)
        text.end()
        text.end()
        assert [fragment async for fragment in text] == ["One ", "two."]
    assert text.length == 8


async def test_what_is_too_long_is_told_once_and_left_out() -> None:
    with Text(5) as text:
        text.add("12345")
        with pytest.raises(EventError, match="more than 5 characters: cut there"):
            text.add("6")
        text.add("7")
        text.end()
        assert [fragment async for fragment in text] == ["12345"]


async def test_nobody_listens_any_more() -> None:
    with Text(5) as text:
        pass
    text.add("1")


def test_a_whole_text() -> None:
    assert checked("half \ud83d an emoji", 20) == "half � an emoji"
    for wrong in (None, 7, ["a"], "x" * 21):
        with pytest.raises(EventError):
            checked(wrong, 20)
