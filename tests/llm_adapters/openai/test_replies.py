"""The adapter `openai` and what a reply may be made of: tools, thoughts, costs, torn characters."""

from collections.abc import AsyncGenerator, Sequence
from contextlib import aclosing, asynccontextmanager
from typing import Any

import anyio
import pytest

from agent.engines.fallback.llm import LanguageModelFallback
from llm_adapters import (
    LanguageModel,
    LanguageModelError,
    Message,
    Notice,
    ReplyItem,
    TextDelta,
    ToolCall,
    ToolSpec,
    Usage,
)
from llm_adapters.openai.adapter import OpenAI
from tests.llm_adapters.chat_server import REPLY, ChatServer
from tests.llm_adapters.strange import SPOKEN

pytestmark = pytest.mark.anyio

QUESTION = [Message("system", "Be brief."), Message("user", "Hello?")]
PARAMETERS = {"type": "object", "properties": {"a": {"type": "integer"}}}
TOOLS = [ToolSpec("add", "Add numbers.", PARAMETERS)]


@asynccontextmanager
async def adapter(server: ChatServer, model: str, **options: Any) -> AsyncGenerator[OpenAI, None]:
    llm = OpenAI(model=model, base_url=server.url, token_timeout=5, **options)
    await llm.load()
    try:
        yield llm
    finally:
        await llm.aclose()


async def ask(
    llm: LanguageModel, messages: Sequence[Message] = QUESTION, tools: Sequence[ToolSpec] = ()
) -> list[ReplyItem]:
    async with aclosing(llm.reply(messages, tools)) as reply:
        return [item async for item in reply]


def text(items: Sequence[ReplyItem]) -> str:
    return "".join(item.text for item in items if isinstance(item, TextDelta))


def calls(items: Sequence[ReplyItem]) -> list[ToolCall]:
    return [item for item in items if isinstance(item, ToolCall)]


async def test_tools_are_offered_and_called(server: ChatServer) -> None:
    async with adapter(server, "one-call") as llm:
        items = await ask(llm, tools=TOOLS)
    assert items == [TextDelta("One moment."), ToolCall("x1", "add", '{"a": 1}')]
    function = {"name": "add", "description": "Add numbers.", "parameters": PARAMETERS}
    assert server.exchanges[0].body["tools"] == [{"type": "function", "function": function}]


@pytest.mark.parametrize(
    ("model", "called"),
    [
        ("split-call", [ToolCall("x1", "add", '{"text": "Grüß \\" dich"}')]),
        ("two-calls", [ToolCall("x1", "add", '{"a": 1}'), ToolCall("x2", "sub", '{"b": 22}')]),
        ("unnumbered-calls", [ToolCall("x1", "add", '{"a": 1}'), ToolCall("x2", "sub", "{}")]),
        (
            "nameless-calls",
            [ToolCall("call_1_0", "add", '{"a": 1}'), ToolCall("call_1_1", "sub", "{}")],
        ),
    ],
)
async def test_calls_are_put_together(
    server: ChatServer, model: str, called: list[ToolCall]
) -> None:
    async with adapter(server, model) as llm:
        assert await ask(llm, tools=TOOLS) == called


async def test_half_a_call_is_none(server: ChatServer) -> None:
    async with adapter(server, "call-midway") as llm:
        with pytest.raises(LanguageModelError, match="broke off in the middle of its reply"):
            await ask(llm, tools=TOOLS)


async def test_calls_and_results_are_told(server: ChatServer) -> None:
    messages = [
        *QUESTION,
        Message("assistant", "", calls=(ToolCall("x1", "add", '{"a":'), ToolCall("x2", "sub", ""))),
        Message("tool", "3", call_id="x1"),
        Message("tool", "4", call_id="x2"),
    ]
    async with adapter(server, "good") as llm:
        await ask(llm, messages)
    asked, first, second = server.exchanges[0].body["messages"][2:]
    # What is no JSON would be the server's undoing.
    assert [call["function"]["arguments"] for call in asked["tool_calls"]] == ["{}", "{}"]
    assert [call["id"] for call in asked["tool_calls"]] == ["x1", "x2"]
    assert first == {"role": "tool", "content": "3", "tool_call_id": "x1"}
    assert second["tool_call_id"] == "x2"


async def test_thoughts_are_not_spoken(server: ChatServer) -> None:
    async with adapter(server, "torn-thought") as llm:
        items = await ask(llm)
    assert text(items) == SPOKEN
    assert all(isinstance(item, TextDelta) and item.text for item in items)


async def test_reasoning_that_nothing_opened_is_spoken_once_at_most(server: ChatServer) -> None:
    async with adapter(server, "opened-thought") as llm:
        assert text(await ask(llm)) == "Who is this?" + "".join(REPLY)
        assert text(await ask(llm)) == "".join(REPLY)


async def test_a_model_known_to_begin_in_a_thought(server: ChatServer) -> None:
    async with adapter(server, "opened-thought-thinking") as llm:
        assert text(await ask(llm)) == "".join(REPLY)


async def test_a_thought_that_speaks_of_the_user_is_never_spoken(server: ChatServer) -> None:
    async with adapter(server, "opened-aloud") as llm:
        assert text(await ask(llm)) == "".join(REPLY)
        assert text(await ask(llm)) == "".join(REPLY)


async def test_half_a_character_at_the_end_is_dropped(server: ChatServer) -> None:
    async with adapter(server, "half-character") as llm:
        assert text(await ask(llm)) == "".join(REPLY)


async def test_torn_characters_are_whole(server: ChatServer) -> None:
    async with adapter(server, "torn-characters") as llm:
        assert text(await ask(llm)) == "Grü🙂!🙂?"


async def test_the_cost_is_told(server: ChatServer) -> None:
    async with adapter(server, "counted") as llm:
        assert (await ask(llm))[-1] == Usage(20, 5, 16)
    assert server.exchanges[0].body["stream_options"] == {"include_usage": True}


async def test_a_server_that_does_not_count(server: ChatServer) -> None:
    async with adapter(server, "uncounted") as llm:
        first = await ask(llm)
        assert isinstance(first[0], Notice)
        assert first[0].code == "llm.no_usage"
        assert text(first) == "".join(REPLY)
        assert await ask(llm) == [TextDelta(word) for word in REPLY]
    assert len(server.exchanges) == 3


async def test_a_model_without_tools(server: ChatServer) -> None:
    async with adapter(server, "toolless") as llm:
        first = await ask(llm, tools=TOOLS)
        assert isinstance(first[0], Notice)
        assert first[0].message == "toolless takes no tools (toolless does not support tools)"
        assert text(first) == "".join(REPLY)
        await ask(llm, tools=TOOLS)
    assert ["tools" in exchange.body for exchange in server.exchanges] == [True, False, False]


async def test_a_smaller_context_than_expected(server: ChatServer) -> None:
    turns = [Message("user", f"{n} " + 300 * "x") for n in range(20)]
    async with adapter(server, "forgetful") as llm:
        items = await ask(llm, [QUESTION[0], *turns])
        notices = [item for item in items if isinstance(item, Notice)]
        assert [notice.code for notice in notices] == ["llm.context"] * len(notices)
        assert text(items) == "".join(REPLY)
        asked = len(server.exchanges)
        await ask(llm, [QUESTION[0], *turns])
    assert len(server.exchanges) == asked + 1
    assert server.exchanges[-1].body["messages"][0]["content"] == "Be brief."


async def test_a_date_to_come_again(server: ChatServer) -> None:
    async with adapter(server, "busy-until") as llm:
        assert text(await ask(llm)) == "".join(REPLY)
    first, second = server.exchanges
    assert second.time - first.time >= 1.0


@pytest.mark.parametrize("model", ["silent", "silent-after-head", "busy"])
async def test_a_model_that_is_slow_gives_way_to_another(
    server: ChatServer, monkeypatch: pytest.MonkeyPatch, model: str
) -> None:
    """By default it has half a minute, which nobody wants to wait if another one can answer."""
    monkeypatch.setattr("llm_adapters.openai.adapter.FAST_FIRST_TOKEN", 0.3)
    monkeypatch.setattr("llm_adapters.openai.adapter.FAST_WAIT", 0.3)
    async with adapter(server, model) as slow, adapter(server, "good") as good:
        llm = LanguageModelFallback([("slow", slow), ("good", good)])
        with anyio.fail_after(10):
            notice, *items = await ask(llm)
    assert isinstance(notice, Notice)
    assert notice.message.startswith(f"slow fails ({server.url} ")
    assert notice.message.endswith(": good answers")
    assert text(items) == "".join(REPLY)


async def test_a_time_out_that_is_set_is_kept(server: ChatServer) -> None:
    async with adapter(server, "silent", first_token_timeout=0.4) as llm:
        llm.fail_fast()
        with pytest.raises(LanguageModelError, match=r"within 0\.4 s"):
            await ask(llm)


@pytest.mark.parametrize("model", ["good", "warm"])
async def test_warming_up(server: ChatServer, model: str) -> None:
    async with adapter(server, model) as llm:
        await llm.warm_up(QUESTION[:1], TOOLS)
        (warm_up,) = server.exchanges
        assert warm_up.body["max_tokens"] == 1
        assert warm_up.body["messages"][0] == {"role": "system", "content": "Be brief."}
        assert warm_up.body["tools"]
        await ask(llm, tools=TOOLS)
        first = server.exchanges[1]
        assert first.body["messages"][0] == warm_up.body["messages"][0]
        assert first.body["tools"] == warm_up.body["tools"]
        assert first.client == warm_up.client


async def test_what_a_warm_up_finds_out_is_told_later(server: ChatServer) -> None:
    async with adapter(server, "toolless") as llm:
        await llm.warm_up(QUESTION[:1], TOOLS)
        items = await ask(llm, tools=TOOLS)
    assert isinstance(items[0], Notice)
    assert items[0].code == "llm.no_tools"


async def test_a_warm_up_that_fails_says_why(server: ChatServer) -> None:
    async with adapter(server, "unknown") as llm:
        with pytest.raises(LanguageModelError, match="has no model 'unknown'"):
            await llm.warm_up([])
