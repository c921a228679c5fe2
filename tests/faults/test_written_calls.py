"""Tool calls that a model writes as text are made, or kept silent and told; text stays text."""

import json
from itertools import pairwise
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from llm_adapters.nearly_json import read_nearly_json, read_object
from llm_adapters.openai.calls import ToolCallAssembler
from llm_adapters.openai.reply import Reply
from llm_adapters.openai.stream import Delta
from llm_adapters.text_calls import TextCalls

TOOLS = ("lamp", "clock", "home_search")
KITCHEN = [("lamp", {"room": "kitchen"})]
BOTH = [*KITCHEN, ("clock", {})]

WRITTEN: list[tuple[str, list[tuple[str, dict[str, Any]]]]] = [
    # As people report them.
    ('<tool_call>\n{"name": "lamp", "arguments": {"room": "kitchen"}}\n</tool_call>', KITCHEN),
    ('{"name": "lamp", "parameters": {"room": "kitchen"}}', KITCHEN),
    ('```json\n{"name": "lamp", "arguments": {"room": "kitchen"}}\n```', KITCHEN),
    ('[lamp(room="kitchen")]', KITCHEN),
    ('<function=lamp>{"room": "kitchen"}</function>', KITCHEN),
    ('[TOOL_CALLS][{"name": "lamp", "arguments": {"room": "kitchen"}}]', KITCHEN),
    # And their like.
    ('[TOOL_CALLS]lamp[ARGS]{"room": "kitchen"}', KITCHEN),
    ('[TOOL_CALLS]lamp{"room": "kitchen"}[TOOL_CALLS]clock{}', BOTH),
    ("lamp(room='kitchen')", KITCHEN),
    ('```python\nlamp(room="kitchen")\n```', KITCHEN),
    ('[lamp(room="kitchen"), clock()]', BOTH),
    ('  {"name": "Lamp", "arguments": "{\\"room\\": \\"kitchen\\"}"}', KITCHEN),
    ('{"function": {"name": "functions.lamp", "arguments": {"room": "kitchen"}}}', KITCHEN),
    ('[{"name": "lamp", "arguments": {"room": "kitchen"}}, {"name": "clock", "args": {}}]', BOTH),
    ("<tool_call>{'name': 'lamp', 'arguments': {'room': 'kitchen',}}</tool_call>", KITCHEN),
    ('<tool_call>{"name": "lamp", "arguments": {"room": "kitchen"}', KITCHEN),
    (
        '<tool_call>{"name": "lamp", "arguments": {"room": "kitchen"}}</tool_call>\n'
        '<tool_call>{"name": "clock", "arguments": {}}</tool_call>',
        BOTH,
    ),
    ("<function=clock></function>", [("clock", {})]),
]
TEXTS = [
    "The lamp is on.",
    "lamp, said he, and clock.",
    "lamps (two of them) are on.",
    "[S1] Hello. [S2] Hi.",
    '{"answer": 42}',
    "[1, 2, 3] are numbers.",
    "[laughs] Really?",
    "```json\n[1, 2]\n```",
    "`code` and ```more```.",
    "Call f(x) and <b>wait</b> [TOOL or not].",
    "{",
    "[",
    "",
    "  \n Hi.",
    "clock",
    "clo",
    "a<tool b",
]
UNREADABLE = [
    '<tool_call>{"name": "unlock", "arguments": {"door": "front"}}</tool_call>',
    '{"name": "unlock", "arguments": {"door": "front"}}',
    "<tool_call>lamp kitchen</tool_call>",
    "[TOOL_CALLS]what",
]


def pieces(text: str, cuts: list[int]) -> list[str]:
    places = [0, *sorted(cut % (len(text) + 1) for cut in cuts), len(text)]
    return [text[a:b] for a, b in pairwise(places)]


def read(fragments: list[str]) -> tuple[str, TextCalls]:
    calls = TextCalls(TOOLS)
    said = "".join(map(calls.feed, fragments)) + calls.finish()
    return said, calls


CUTS = st.lists(st.integers(0, 200), max_size=6)


@pytest.mark.parametrize(("text", "expected"), WRITTEN)
@given(cuts=CUTS)
def test_a_reply_that_is_a_call(
    text: str, expected: list[tuple[str, dict[str, Any]]], cuts: list[int]
) -> None:
    said, calls = read(pieces(text, cuts))
    assert said == ""
    assert [(name, json.loads(arguments)) for name, arguments in calls.calls] == expected


@pytest.mark.parametrize("text", TEXTS)
@given(cuts=CUTS)
def test_text_stays_text(text: str, cuts: list[int]) -> None:
    said, calls = read(pieces(text, cuts))
    assert said == text
    assert (calls.calls, calls.unreadable) == ([], "")


@given(st.text("ab{[`<(tool_call>lamp)]}\n", max_size=40), CUTS)
def test_no_fragmentation_matters(text: str, cuts: list[int]) -> None:
    said, calls = read([text])
    again, others = read(pieces(text, cuts))
    assert (said, calls.calls, calls.unreadable) == (again, others.calls, others.unreadable)


@pytest.mark.parametrize("text", UNREADABLE)
def test_what_cannot_be_called_is_silent_and_told(text: str) -> None:
    said, calls = read(pieces(text, [3, 11]))
    assert said == ""
    assert calls.calls == []
    assert calls.unreadable == text


def test_words_before_a_call_are_spoken() -> None:
    said, calls = read(["One mo", "ment. <tool_", 'call>{"name": "clock", "arguments": {}}'])
    assert said == "One moment. "
    assert calls.calls == [("clock", "{}")]


def test_words_are_not_held_back() -> None:
    calls = TextCalls(TOOLS)
    assert [calls.feed(text) for text in ("The", " lamp is <", "b>on")] == [
        "The",
        " lamp is ",
        "<b>on",
    ]


def test_a_reply_gives_the_call_with_an_id() -> None:
    reply = Reply(starts_in_reasoning=False, tools=TOOLS)
    assert reply.add(Delta('<think>hm</think>{"name": "clock",')) == ""
    assert reply.add(Delta('"arguments": {}}')) == ""
    assert reply.finish() == ""
    assert not reply.empty
    assert reply.whole
    (call,) = reply.rest("call_1_")
    assert (call.id, call.name, call.arguments) == ("call_1_text_0", "clock", "{}")  # type: ignore[union-attr]


@pytest.mark.parametrize(
    ("written", "meant"),
    [
        ('{"room": "kitchen"}', {"room": "kitchen"}),
        ('{"room": "kitchen",}', {"room": "kitchen"}),
        ("{'room': 'kitchen'}", {"room": "kitchen"}),
        ("{'room': \"it's\", 'on': True, 'at': None}", {"room": "it's", "on": True, "at": None}),
        ('```json\n{"room": "kitchen"}\n```', {"room": "kitchen"}),
        ('[{"room": "kitchen"}]', {"room": "kitchen"}),
        ('"{\\"room\\": \\"kitchen\\"}"', {"room": "kitchen"}),
        ('{"room": "kitchen"', {"room": "kitchen"}),
        ('{"rooms": ["kitchen", "attic"', {"rooms": ["kitchen", "attic"]}),
        ('{"text": "a, }"}', {"text": "a, }"}),
        ("kitchen", None),
        ('{"room": kitchen}', None),
        ("{room: 'kitchen'}", None),
        ('[{"a": 1}, {"b": 2}]', None),
        ("", None),
        ("[" * 5000, None),
    ],
)
def test_nearly_json(written: str, meant: object) -> None:
    assert read_object(written) == meant


def test_two_readings_are_none() -> None:
    """The comma may belong to the words: with it and without it are not the same."""
    assert read_nearly_json("['a,]',]") is None


def test_arguments_of_a_proper_call_are_mended_too() -> None:
    assembler = ToolCallAssembler()
    assembler.add([{"index": 0, "id": "a", "function": {"name": "lamp", "arguments": "{'x': 1,"}}])
    assembler.add([{"index": 0, "function": {"arguments": "}"}}])
    (call,) = assembler.calls("p")
    assert call.arguments == '{"x": 1}'
