"""What servers send beside the protocol neither cuts a reply nor adds an apology to it."""

import json
from collections.abc import Sequence
from contextlib import aclosing
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from llm_adapters import (
    LanguageModelError,
    Message,
    Notice,
    ReplyItem,
    TextDelta,
    ToolCall,
    ToolSpec,
)
from llm_adapters.openai.adapter import OpenAI
from llm_adapters.openai.calls import ToolCallAssembler
from tests.faults.hostile import STREAM, head, serving

pytestmark = pytest.mark.anyio

TOOLS = [ToolSpec("lamp", "Switch on a lamp.", {"type": "object", "properties": {}})]
END = 'data: {"choices": [{"delta": {}, "finish_reason": "stop"}]}\n\ndata: [DONE]\n\n'


def event(delta: dict[str, Any]) -> str:
    return "data: " + json.dumps({"choices": [{"delta": delta}]}) + "\n\n"


def say(text: str) -> str:
    return event({"content": text})


def call(arguments: str | None, **more: Any) -> dict[str, Any]:
    """A fragment; `name`, `id` and `index` are what the server puts into it."""
    function = {} if arguments is None else {"arguments": arguments}
    if "name" in more:
        function["name"] = more.pop("name")
    return {"function": function, **more}


async def ask(text: str) -> list[ReplyItem]:
    """The reply that a server's body is."""
    with serving(head(STREAM), lambda: [text.encode()]) as url:
        llm = OpenAI(model="m", base_url=url, retries=0)
        try:
            async with aclosing(llm.reply([Message("user", "Hello?")], TOOLS)) as reply:
                return [item async for item in reply]
        finally:
            await llm.aclose()


def text_of(items: Sequence[ReplyItem]) -> str:
    return "".join(item.text for item in items if isinstance(item, TextDelta))


KEEP_ALIVES = [
    "data:\n\n",
    "data: \n\n",
    "data\n\n",
    ": ping\n\n",
    "event: ping\ndata:\n\n",
    "id: 3\nretry: 10\n\n",
    "\r\n\r\n",
    "data: {}\n\n",
    'data: {"choices": []}\n\n',
    'data: {"choices": [{"delta": {"role": "assistant"}}]}\n\n',
    "event: message\n",
]


@pytest.mark.parametrize("between", KEEP_ALIVES)
async def test_what_is_no_event_cuts_nothing(between: str) -> None:
    body = between + say("Good morning, ") + between + say("how are you?") + between + END
    assert text_of(await ask(body)) == "Good morning, how are you?"


WHOLE = [
    "Good morning, how are you?",
    "Yes.",
    "Wait…",
    "Of course!\n",
    'He said "no."',
    "(It is late.)",
    "*Done.*",
    "好的。",
]


@pytest.mark.parametrize("text", WHOLE)
async def test_a_sentence_that_ends_without_a_reason_is_whole(text: str) -> None:
    items = await ask(say(text))
    assert text_of(items) == text
    assert [item.code for item in items if isinstance(item, Notice)] == ["llm.no_end"]


@pytest.mark.parametrize("text", ["Once upon", "First, ", "The price is 3", "It is 3.5 met"])
async def test_half_a_sentence_is_not(text: str) -> None:
    with pytest.raises(LanguageModelError, match="broke off in the middle of its reply"):
        await ask(say(text))


async def test_that_replies_have_no_end_is_told_once() -> None:
    with serving(head(STREAM), lambda: [say("Yes.").encode()]) as url:
        llm = OpenAI(model="m", base_url=url, retries=0)
        notices = []
        for _ in range(3):
            async with aclosing(llm.reply([Message("user", "Hello?")])) as reply:
                notices += [item async for item in reply if isinstance(item, Notice)]
        await llm.aclose()
    assert len(notices) == 1


async def test_half_an_event_at_the_end_is_no_event() -> None:
    items = await ask(say("Good morning.") + 'data: {"choices": [{"del')
    assert text_of(items) == "Good morning."


KITCHEN, ATTIC = '{"room": "kitchen"}', '{"room": "attic"}'
ONE = [("lamp", KITCHEN)]
BOTH = [("lamp", KITCHEN), ("lamp", ATTIC)]
CALLS: dict[str, tuple[list[dict[str, Any]], list[tuple[str, str]]]] = {
    "the number drifts": (
        [
            call("", name="lamp", id="a", index=0),
            call('{"room": "kit', index=1),
            call('chen"}', index=1),
        ],
        ONE,
    ),
    "the number drifts with each fragment": (
        [call("", name="lamp", id="a", index=0)]
        + [call(char, index=number) for number, char in enumerate(KITCHEN, 1)],
        ONE,
    ),
    "the number drifts, the id stays": (
        [
            call("", name="lamp", id="a", index=0),
            call('{"room": ', name="lamp", id="a", index=1),
            call('"kitchen"}', name="lamp", id="a", index=2),
        ],
        ONE,
    ),
    "every number is 0": (
        [call(KITCHEN, name="lamp", id="", index=0), call(ATTIC, name="lamp", id="", index=0)],
        BOTH,
    ),
    "every number is 0, in pieces": (
        [
            call("", name="lamp", index=0),
            call('{"room": ', index=0),
            call('"kitchen"}', index=0),
            call("", name="lamp", index=0),
            call(ATTIC, index=0),
        ],
        BOTH,
    ),
    "every number is 0, with ids": (
        [call(KITCHEN, name="lamp", id="a", index=0), call(ATTIC, name="lamp", id="b", index=0)],
        BOTH,
    ),
    "every id is new": (
        [
            call('{"room": ', name="lamp", id="a", index=0),
            call('"kitchen"}', id="b", index=0),
        ],
        ONE,
    ),
    "every id is the same": (
        [call(KITCHEN, name="lamp", id="a", index=0), call(ATTIC, name="lamp", id="a", index=1)],
        BOTH,
    ),
    "no numbers": (
        [call(KITCHEN, name="lamp", id="a"), call(ATTIC, name="lamp", id="b")],
        BOTH,
    ),
    "the id first, the name later": (
        [call(None, id="a", index=0), call(None, name="lamp", index=0), call(KITCHEN, index=0)],
        ONE,
    ),
    "numbers from 1": (
        [call(KITCHEN, name="lamp", id="a", index=1), call(ATTIC, name="lamp", id="b", index=2)],
        BOTH,
    ),
    "the name with every piece": (
        [
            call('{"room": ', name="lamp", id="a", index=0),
            call('"kitchen"}', name="lamp", id="a", index=0),
        ],
        ONE,
    ),
}


@pytest.mark.parametrize("how", CALLS)
async def test_calls_are_put_together(how: str) -> None:
    fragments, called = CALLS[how]
    body = "".join(event({"tool_calls": [fragment]}) for fragment in fragments)
    calls = [item for item in await ask(body + END) if isinstance(item, ToolCall)]
    assert [(call.name, call.arguments) for call in calls] == called
    assert len({call.id for call in calls}) == len(called)


async def test_whole_calls_without_a_reason_are_calls() -> None:
    body = event({"tool_calls": [call(KITCHEN, name="lamp", id="a", index=0)]})
    assert [item for item in await ask(body) if isinstance(item, ToolCall)]
    with pytest.raises(LanguageModelError, match="broke off"):
        await ask(event({"tool_calls": [call('{"room": ', name="lamp", id="a", index=0)]}))


ARGUMENTS = st.dictionaries(st.text(max_size=5), st.integers() | st.text(max_size=8)).map(
    json.dumps
)


@given(st.lists(ARGUMENTS, min_size=1, max_size=4), st.data())
def test_however_they_are_cut(arguments: list[str], data: st.DataObject) -> None:
    """In order, the numbers right, all the same, or none: the calls are the same."""
    numbers = data.draw(st.sampled_from(["right", "zero", "none"]))
    assembler = ToolCallAssembler()
    for number, text in enumerate(arguments):
        cut = data.draw(st.integers(0, len(text)))
        index = {"right": {"index": number}, "zero": {"index": 0}, "none": {}}[numbers]
        assembler.add([call(text[:cut], name="lamp", id=f"c{number}", **index)])
        assembler.add([call(text[cut:], **index)])
    assert [each.arguments for each in assembler.calls("x")] == arguments
    assert assembler.whole
