"""A long conversation is cut to a budget: the persona and the latest turns are kept."""

import json
from collections.abc import Sequence
from itertools import pairwise

from hypothesis import given
from hypothesis import strategies as st

from llm_adapters import Message, ToolCall, ToolSpec
from llm_adapters.context_window import (
    MESSAGE_TOKENS,
    estimate_tokens,
    estimate_tool_tokens,
    fit,
    shorten,
)

PERSONA = Message("system", "Be brief.")
CALL = ToolCall("1", "time", "{}")


def truncate(messages: Sequence[Message], window: int) -> tuple[Message, ...]:
    return fit(messages, window).shown


def turn(number: int, words: int, *, tool: bool = False) -> list[Message]:
    """A turn of the user's and what followed from it."""
    used = [Message("assistant", "", calls=(CALL,)), Message("tool", "noon", call_id="1")]
    said = [Message("user", f"question {number}"), Message("assistant", "word " * words)]
    return [said[0], *(used if tool else []), said[1]]


TURNS = st.lists(
    st.tuples(st.integers(0, 200), st.booleans()).map(lambda t: turn(0, t[0], tool=t[1])),
    min_size=1,
    max_size=30,
)


def cost(messages: Sequence[Message]) -> int:
    return sum(map(estimate_tokens, messages))


@given(TURNS, st.integers(0, 3000))
def test_what_is_kept(turns: list[list[Message]], budget: int) -> None:
    messages = [PERSONA, *(message for each in turns for message in each)]
    kept = truncate(messages, budget)
    assert kept[0] == PERSONA
    tail = tuple(messages[len(messages) - len(kept) + 1 :])
    assert kept[1:] == tail or len(kept) == 1 + len(turns[-1])
    if cost(messages) <= budget:
        assert kept == tuple(messages)
    # Whole turns: the first is a user's, so that no call and no result stands alone.
    assert kept[1].role == "user"
    assert len(kept) > len(turns[-1])
    # Of the last turn alone, what is long is shortened.
    assert cost(kept) <= budget or len(kept) == 1 + len(turns[-1])
    assert [message.role for message in kept[1:]] == [message.role for message in tail]


def test_the_beginning_changes_seldom() -> None:
    messages = [PERSONA]
    beginnings = []
    for number in range(200):
        messages += turn(number, 40)
        kept = truncate(messages, 2000)
        assert cost(kept) <= 2000
        beginnings.append(kept[1].content)
    changes = sum(a != b for a, b in pairwise(beginnings))
    whole = cost(messages)
    # Each change makes room for half a budget.
    assert 1 < changes <= whole / 1000
    assert beginnings[-1] != beginnings[0]


def test_what_is_long_is_shortened_before_turns_are_left_out() -> None:
    result = Message("tool", "first " + "word " * 4000 + "last", call_id="1")
    used = [Message("user", "search"), Message("assistant", "", calls=(CALL,)), result]
    messages = [PERSONA, *turn(1, 40), *used, Message("assistant", "Found it."), *turn(2, 40)]
    fitted = fit(messages, 2000)
    assert fitted.dropped == ()
    assert cost(fitted.shown) <= 2000
    assert [m for m in fitted.shown if m.role != "tool"] == [m for m in messages if m != result]
    (shown,) = (m for m in fitted.shown if m.role == "tool")
    assert shown.content.startswith("first word")
    assert shown.content.endswith("word last")
    assert "bytes left out here" in shown.content


@given(st.text(max_size=3000), st.integers(32, 500))
def test_a_shortened_message_is_short(text: str, most: int) -> None:
    message = Message("tool", text, call_id="1")
    short = shorten(message, most)
    assert estimate_tokens(short) <= max(most + MESSAGE_TOKENS + 1, 32)
    if estimate_tokens(message) <= most:
        assert short == message


def test_arguments_that_are_long_are_left_out_whole() -> None:
    calls = (ToolCall("1", "write", json.dumps({"text": "x" * 9000})), CALL)
    short = shorten(Message("assistant", "", calls=calls), 100)
    assert [call.arguments for call in short.calls] == ["{}", "{}"]


def test_a_last_turn_that_is_too_long_fits() -> None:
    results = [Message("tool", f"{n} " + "word " * 1600, call_id=str(n)) for n in range(6)]
    messages = [PERSONA, *turn(1, 40), Message("user", "search"), *results]
    fitted = fit(messages, 1000)
    assert cost(fitted.shown) <= 1000
    assert len(fitted.shown) == 8
    assert fitted.dropped == tuple(turn(1, 40))


def test_a_greeting_goes_with_the_oldest_turns() -> None:
    messages = [PERSONA, Message("assistant", "Hello."), *turn(1, 200), *turn(2, 200)]
    assert truncate(messages, 350) == (PERSONA, *turn(2, 200))


def test_no_turn_at_all() -> None:
    assert truncate([PERSONA], 1) == (PERSONA,)
    assert truncate([PERSONA, Message("assistant", "Hello.")], 1)[0] == PERSONA
    assert truncate([], 10) == ()


def test_estimates_are_careful() -> None:
    """More than a real tokenizer counts: about 13 for the sentence, a character for a Chinese."""
    assert (
        estimate_tokens(Message("user", "The quick brown fox jumps over the lazy dog, they say."))
        > 13
    )
    assert estimate_tokens(Message("user", "敏捷的棕色狐狸")) >= 7
    assert (
        estimate_tool_tokens([ToolSpec("time", "The time.", {"type": "object", "properties": {}})])
        > 10
    )
