"""Events of a chat completion, as servers really send them and as none should."""

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from llm_adapters import ToolCall, Usage
from llm_adapters.openai.calls import ToolCallAssembler
from llm_adapters.openai.reply import Reply
from llm_adapters.openai.stream import BadReplyError, CharacterAssembler, Delta, parse

JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
    max_leaves=5,
)
DELTA = st.dictionaries(
    st.sampled_from(["content", "tool_calls", "reasoning", "role", "index", "id", "function"]), JSON
)
CHUNK = st.fixed_dictionaries(
    {},
    optional={
        "choices": JSON | st.lists(st.fixed_dictionaries({"delta": DELTA | JSON}), max_size=2),
        "usage": JSON | st.dictionaries(st.sampled_from(["prompt_tokens", "x"]), JSON),
        "error": JSON,
    },
)


def event(delta: Any, **more: Any) -> Delta:
    return parse(json.dumps({"choices": [{"delta": delta}], **more}).encode())


@given(CHUNK | JSON)
def test_whatever_comes_is_an_event_or_said_to_be_none(chunk: Any) -> None:
    try:
        delta = parse(json.dumps(chunk).encode())
    except BadReplyError:
        return
    reply = Reply(starts_in_reasoning=False)
    assert isinstance(reply.add(delta), str)
    reply.finish()
    assert all(isinstance(item, ToolCall | Usage) for item in reply.rest("x"))


@pytest.mark.parametrize("data", [b"", b"{", b"[" * 100_000, b'"\xff', b"NaN", b"3"])
def test_what_is_no_event(data: bytes) -> None:
    with pytest.raises(BadReplyError, match="sent an event that is not"):
        parse(data)


@given(st.lists(st.dictionaries(st.sampled_from(["index", "id", "function"]), JSON)))
def test_whatever_stands_for_a_call(fragments: list[dict[str, Any]]) -> None:
    assembler = ToolCallAssembler()
    assembler.add(fragments)
    for call in assembler.calls("x"):
        assert call.id
        assert call.name


@pytest.mark.parametrize(
    ("content", "text"),
    [
        ("Hello", "Hello"),
        (None, ""),
        (3, ""),
        (
            [{"type": "thinking", "thinking": [{"text": "Hm."}]}, {"type": "text", "text": "Hi"}],
            "Hi",
        ),
    ],
)
def test_content(content: object, text: str) -> None:
    assert event({"content": content}).text == text


@pytest.mark.parametrize(
    ("usage", "cost"),
    [
        ({"prompt_tokens": 3, "completion_tokens": 2}, Usage(3, 2)),
        ({"prompt_tokens": 3, "completion_tokens": None}, Usage(3, 0)),
        ({"prompt_tokens": 3, "prompt_tokens_details": {"cached_tokens": 1}}, Usage(3, 0, 1)),
        ({"prompt_tokens": 3, "prompt_tokens_details": None}, Usage(3, 0)),
        ({"total_tokens": 3}, None),
        ([3], None),
    ],
)
def test_usage(usage: object, cost: Usage | None) -> None:
    assert event({}, usage=usage).usage == cost


@given(st.lists(st.sampled_from(["a", "é", "🙂", "日", "\ud83d", "\ude00", "\udcc3", "\udca9"])))
def test_characters_are_never_broken(pieces: list[str]) -> None:
    characters = CharacterAssembler()
    text = "".join(map(characters.decode, pieces))
    text.encode()
    if all(piece.encode(errors="ignore") for piece in pieces):
        assert text == "".join(pieces)


@given(st.text(), st.data())
def test_bytes_that_are_split_come_together(text: str, data: st.DataObject) -> None:
    raw = text.encode()
    cut = data.draw(st.integers(0, len(raw)))
    halves = [raw[:cut], raw[cut:]]
    characters = CharacterAssembler()
    fed = "".join(characters.decode(half.decode("utf-8", "surrogateescape")) for half in halves)
    assert fed == text
