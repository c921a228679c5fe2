"""The adapter `openai`, asked for one reply otherwise than it was configured, on a real server."""

from contextlib import aclosing

import pytest

from agent.engines.fallback.llm import LanguageModelFallback
from llm_adapters import (
    ContextTooLongError,
    LanguageModel,
    LanguageModelError,
    Message,
    ModelOptions,
    Notice,
    ReplyItem,
    Truncation,
    reply_with,
)
from llm_adapters.auto import Auto
from llm_adapters.context_window import estimate_tokens
from llm_adapters.eliza import Eliza
from tests.llm_adapters.chat_server import REPLY, ChatServer
from tests.llm_adapters.openai.test_replies import QUESTION, TOOLS, adapter, ask, text

pytestmark = pytest.mark.anyio

TURNS = [Message("user", f"{n:02} " + 300 * "x") for n in range(20)]
WHOLE = ModelOptions(truncation=None)


async def ask_with(
    llm: LanguageModel, options: ModelOptions, messages: list[Message] = QUESTION
) -> list[ReplyItem]:
    async with aclosing(reply_with(llm, messages, TOOLS, options)) as reply:
        return [item async for item in reply]


def notices(items: list[ReplyItem]) -> list[str]:
    return [item.code for item in items if isinstance(item, Notice)]


async def test_effort_and_the_number_of_calls_are_asked_for(server: ChatServer) -> None:
    async with adapter(server, "good") as llm:
        await ask_with(llm, ModelOptions(effort="low", parallel_calls=False))
        await ask(llm)
    told, plain = [exchange.body for exchange in server.exchanges]
    assert (told["reasoning_effort"], told["parallel_tool_calls"]) == ("low", False)
    assert not plain.keys() & {"reasoning_effort", "parallel_tool_calls"}


async def test_what_an_endpoint_does_not_know_is_asked_once(server: ChatServer) -> None:
    async with adapter(server, "unreasoning") as llm:
        wanted = ModelOptions(effort="high", parallel_calls=False)
        items = await ask_with(llm, wanted)
        assert notices(items) == ["llm.effort", "llm.parallel_calls"]
        assert text(items) == "".join(REPLY)
        assert not notices(await ask_with(llm, wanted))
        await ask_with(llm, ModelOptions(effort="low"))
    assert len(server.exchanges) == 5
    assert server.exchanges[-1].body["reasoning_effort"] == "low"


async def test_nothing_is_left_out_where_that_is_not_wanted(server: ChatServer) -> None:
    messages = [QUESTION[0], *TURNS]
    async with adapter(server, "good", context=1000) as llm:
        await ask(llm, messages)
        with pytest.raises(ContextTooLongError, match=r"1,?\d\d\d tokens.*llm.context"):
            await ask_with(llm, WHOLE, messages)
    assert len(server.exchanges) == 1
    async with adapter(server, "good", context=8000) as llm:
        await ask_with(llm, WHOLE, messages)
    assert len(server.exchanges[-1].body["messages"]) == 21


async def test_nor_where_the_endpoint_takes_less_than_was_thought(server: ChatServer) -> None:
    async with adapter(server, "forgetful") as llm:
        with pytest.raises(ContextTooLongError, match="available context size"):
            await ask_with(llm, WHOLE, [QUESTION[0], *TURNS])
        assert len(server.exchanges) == 1
        assert text(await ask_with(llm, WHOLE)) == "".join(REPLY)


async def test_a_share_is_kept_of_a_conversation_that_is_too_long(server: ChatServer) -> None:
    cost = estimate_tokens(TURNS[-1])
    truncation = Truncation(keep=0.7, limit=10 * cost)
    sizes = []
    async with adapter(server, "good") as llm:
        for count in range(9, 17):
            await ask_with(llm, ModelOptions(truncation=truncation), [QUESTION[0], *TURNS[:count]])
            told = server.exchanges[-1].body["messages"]
            assert told[0]["content"].startswith("Be brief.")
            assert told[-1]["content"] == TURNS[count - 1].content
            sizes.append(len(told) - 1)
    assert sizes == [9, 10, 8, 9, 10, 8, 9, 10]


async def test_those_that_ask_others_pass_it_on(server: ChatServer) -> None:
    async with adapter(server, "good") as llm:
        auto = Auto()
        auto._llm = llm
        for each in (auto, LanguageModelFallback([("first", llm), ("second", Eliza())])):
            await ask_with(each, ModelOptions(effort="high"))
            assert server.exchanges[-1].body["reasoning_effort"] == "high"


async def test_who_takes_no_options_answers_all_the_same() -> None:
    assert text(await ask_with(Eliza(), ModelOptions(effort="high")))


async def test_a_model_that_is_too_small_is_not_left_alone(server: ChatServer) -> None:
    messages = [QUESTION[0], *TURNS]
    async with adapter(server, "good", context=300) as small, adapter(server, "good") as large:
        both = LanguageModelFallback([("small", small), ("large", large)])
        assert notices(await ask_with(both, WHOLE, messages)) == ["llm.fallback"]
        assert notices(await ask_with(both, WHOLE)) == ["llm.recovered"]
        alone = LanguageModelFallback([("small", small)])
        with pytest.raises(LanguageModelError, match="left out"):
            await ask_with(alone, WHOLE, messages)
