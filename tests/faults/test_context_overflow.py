"""A conversation that is too long is cut, in whatever words the server says so."""

import json
from collections.abc import AsyncGenerator, Awaitable, Callable, Sequence
from contextlib import aclosing, asynccontextmanager
from typing import Any

import pytest

from agent.engines.fallback.llm import LanguageModelFallback
from llm_adapters import LanguageModelError, Message, Notice, ReplyItem, TextDelta, ToolCall
from llm_adapters.openai.adapter import OpenAI
from llm_adapters.openai.refusal import Refusal, find_refusal
from tests.llm_adapters.chat_server import BEHAVIOURS, ChatServer, Exchange, serving

pytestmark = pytest.mark.anyio

LIMIT = 1000
"""Tokens of four characters that the server takes."""

WORDINGS = {
    "openai": (
        "This model's maximum context length is 1000 tokens. However, your messages "
        "resulted in 2000 tokens."
    ),
    "xai": "This model's maximum prompt length is 1000 but the request contains 2000 tokens.",
    "gemini": "The input token count (2000) exceeds the maximum number of tokens allowed (1000).",
    "tgi": (
        "Input validation error: `inputs` tokens + `max_new_tokens` must be <= 1000. "
        "Given: 2000 `inputs` tokens and 100 `max_new_tokens`"
    ),
    "groq": "Please reduce the length of the messages or completion.",
    "poolside": "Input length 2000 exceeds the maximum allowed input length of 1000 tokens.",
    "proxy": "input length and `max_tokens` exceed context limit: 2000 + 100 > 1000",
    "together": "The input (2000 tokens) is longer than the model's limit of 1000 tokens.",
    "llama.cpp": (
        "request (2000 tokens) exceeds the available context size (1000 tokens), try increasing it"
    ),
    "anthropic": "prompt is too long: 2000 tokens > 1000 maximum",
    "cohere": (
        "too many tokens: total number of tokens in the prompt cannot exceed 1000 - received 2000"
    ),
    "mistral": (
        "Prompt contains 2000 tokens and 0 draft tokens, too large for model with 1000 "
        "maximum context length"
    ),
    "bedrock": "Input is too long for requested model.",
    "vllm": (
        "The decoder prompt (length 2000) is longer than the maximum model length of 1000"
        " tokens. Make sure that `max_model_len` is no smaller"
    ),
    "lm studio": (
        "Trying to keep the first 2000 tokens when context the overflows. However, the "
        "model is loaded with context length of only 1000 tokens"
    ),
}
OTHER_REFUSALS = [
    "this model takes no temperature",
    "max_tokens is too large: 100000. This model supports at most 16384 completion tokens",
    "'messages' must contain the word 'json' in some form",
    "Invalid value for 'content': expected a string, got null",
    "Rate limit reached for requests",
    "The model `gpt-9` does not exist",
    "unsupported content type",
    "Conversation roles must alternate user/assistant/user/assistant",
]


def size(x: Exchange) -> int:
    return sum(len(str(message["content"] or "")) for message in x.body["messages"]) // 4


def refusing(
    refuse: Callable[[Exchange], Awaitable[None]],
) -> Callable[[Exchange], Awaitable[None]]:
    async def answer(x: Exchange) -> None:
        await (BEHAVIOURS["good"](x) if size(x) <= LIMIT else refuse(x))

    return answer


def status(code: int, error: Any) -> Callable[[Exchange], Awaitable[None]]:
    """A refusal with a status of its own."""

    async def refuse(x: Exchange) -> None:
        await x.start(code, "application/json")
        await x.write(json.dumps(error).encode(), more=False)

    return refusing(refuse)


def stream(text: str) -> Callable[[Exchange], Awaitable[None]]:
    """A refusal within a stream that begins well."""

    async def refuse(x: Exchange) -> None:
        await x.start()
        await x.write(text.encode(), more=False)

    return refusing(refuse)


FULL = WORDINGS["llama.cpp"]
ERROR = {"code": 400, "message": FULL, "type": "exceed_context_size_error"}
SILENT = {"code": 400, "message": "2000 > 1000", "type": "exceed_context_size_error"}
REFUSALS = {
    **{
        f"in the words of {who}": status(400, {"error": {"message": w}})
        for who, w in WORDINGS.items()
    },
    "by its code": status(400, {"error": {"message": "no", "code": "context_length_exceeded"}}),
    "by its type": status(
        400, {"error": {"message": "2000 > 1000", "type": "exceed_context_size_error"}}
    ),
    "by its status": status(413, {"error": {"message": "no"}}),
    "as a detail": status(422, {"detail": WORDINGS["tgi"]}),
    "as a failure": status(500, {"error": WORDINGS["llama.cpp"]}),
    "as a rate": status(
        429,
        {
            "error": {
                "message": "Request too large for m on tokens per min: Limit 1000, Requested 2000"
            }
        },
    ),
    "in an event": stream("data: " + json.dumps({"error": ERROR}) + "\n\ndata: [DONE]\n\n"),
    "in an event, by its type": stream("data: " + json.dumps({"error": SILENT}) + "\n\n"),
    "in a line of its own": stream("error: " + json.dumps(ERROR) + "\n\ndata: [DONE]\n\n"),
    "without a frame": stream(json.dumps({"error": ERROR})),
    "without a frame, with an end": stream(json.dumps({"error": ERROR}) + "\n"),
    "flat": stream(
        "data: "
        + json.dumps({"error_type": "context_length_exceeded", "error_message": FULL})
        + "\n\n"
    ),
    "as an event of errors": stream("event: error\ndata: " + json.dumps(SILENT) + "\n\n"),
    "as an object of errors": stream("data: " + json.dumps({"object": "error", **ERROR}) + "\n\n"),
    "without a word": status(400, {"error": {"message": "Bad request"}}),
    "without a body": status(400, {}),
}


def conversation(turns: int = 60) -> list[Message]:
    told = [Message("system", "Be brief.")]
    for number in range(turns):
        told.append(Message("user", f"Tell me fact number {number} about the garden."))
        told.append(
            Message("assistant", f"Fact {number}: a garden needs water, and " + "light " * 10)
        )
    return [*told, Message("user", "Can you hear me?")]


@asynccontextmanager
async def adapter(server: ChatServer, **options: Any) -> AsyncGenerator[OpenAI, None]:
    llm = OpenAI(model="tested", base_url=server.url, retries=0, **options)
    await llm.load()
    try:
        yield llm
    finally:
        await llm.aclose()


async def ask(llm: Any, messages: Sequence[Message]) -> list[ReplyItem]:
    async with aclosing(llm.reply(messages)) as reply:
        return [item async for item in reply]


@pytest.fixture(scope="module")
def running() -> Any:
    with serving() as server:
        yield server


@pytest.fixture
def server(running: ChatServer) -> ChatServer:
    running.clear()
    return running


@pytest.mark.parametrize("how", REFUSALS)
async def test_it_is_cut_and_answered(
    server: ChatServer, monkeypatch: pytest.MonkeyPatch, how: str
) -> None:
    monkeypatch.setitem(BEHAVIOURS, "tested", REFUSALS[how])
    messages = conversation()
    async with adapter(server) as llm:
        notice, *items = await ask(llm, messages)
        assert isinstance(notice, Notice)
        assert notice.code == "llm.context"
        assert [item for item in items if isinstance(item, TextDelta)]
        tries = len(server.exchanges)
        await ask(llm, [*messages, Message("assistant", "Yes."), Message("user", "Good.")])
    assert tries <= 4
    assert len(server.exchanges) == tries + 1  # what helped is kept
    shown = server.exchanges[-1].body["messages"]
    assert shown[0]["content"].startswith("Be brief.")
    assert shown[-1]["content"] == "Good."


@pytest.mark.parametrize("words", OTHER_REFUSALS)
async def test_other_refusals_are_no_reason_to_forget(
    server: ChatServer, monkeypatch: pytest.MonkeyPatch, words: str
) -> None:
    """It is tried with half, once, for nothing; and the whole conversation is shown again."""
    answers = status(400, {"error": {"message": words}})
    monkeypatch.setattr("tests.faults.test_context_overflow.LIMIT", 0)
    monkeypatch.setitem(BEHAVIOURS, "tested", answers)
    messages = conversation()
    assert not Refusal(words, status=400).too_long
    async with adapter(server) as llm:
        with pytest.raises(LanguageModelError, match=r"rejects the request \(400\)"):
            await ask(llm, messages)
        assert len(server.exchanges) == 2
        monkeypatch.setitem(BEHAVIOURS, "tested", BEHAVIOURS["good"])
        await ask(llm, messages)
    assert len(server.exchanges[-1].body["messages"]) == len(messages)


async def test_a_limit_that_does_not_help_is_not_kept(
    server: ChatServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("tests.faults.test_context_overflow.LIMIT", 0)
    monkeypatch.setitem(BEHAVIOURS, "tested", REFUSALS["by its code"])
    messages = conversation()
    async with adapter(server) as llm:
        with pytest.raises(LanguageModelError):
            await ask(llm, messages)
        monkeypatch.setitem(BEHAVIOURS, "tested", BEHAVIOURS["good"])
        await ask(llm, messages)
    assert len(server.exchanges[-1].body["messages"]) == len(messages)


async def test_a_big_result_costs_no_memory_of_what_was_said(
    server: ChatServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Three pages of a tool's, for a server that takes 4,096 tokens; a turn later all is shown."""
    monkeypatch.setattr("tests.faults.test_context_overflow.LIMIT", 4096)
    monkeypatch.setitem(BEHAVIOURS, "tested", REFUSALS["in an event"])
    calls = tuple(ToolCall(f"c{n}", "search", "{}") for n in range(3))
    page = "the weather in some town was fine and warm all day long. " * 140
    messages = [
        Message("system", "Be brief."),
        Message("user", "My name is Ada."),
        Message("assistant", "Hello, Ada."),
        Message("user", "What is the weather?"),
        Message("assistant", "", calls=calls),
        *(Message("tool", f"{call.id} {page}", call_id=call.id) for call in calls),
    ]
    async with adapter(server) as llm:
        assert [item for item in await ask(llm, messages) if isinstance(item, TextDelta)]
        assert len(server.exchanges) == 2
        after = [*messages, Message("assistant", "It is fine."), Message("user", "Who am I?")]
        await ask(llm, after)
    shown = server.exchanges[-1].body["messages"]
    assert len(server.exchanges) == 3
    assert len(shown) == len(after)
    assert shown[1]["content"] == "My name is Ada."
    assert [message["content"][:2] for message in shown if message["role"] == "tool"] == [
        "c0",
        "c1",
        "c2",
    ]


async def test_what_is_left_out_is_summed_up(
    server: ChatServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    """By the model, when it is told to: not while somebody waits for an answer."""

    async def sums_up(x: Exchange) -> None:
        if "Sum up" in x.body["messages"][0]["content"]:
            await x.start()
            await x.say("They spoke", " of gardens.")
            await x.end()
        else:
            await BEHAVIOURS["good"](x)

    monkeypatch.setitem(BEHAVIOURS, "tested", sums_up)
    messages = conversation()
    async with adapter(server, context=800) as adapter_:
        llm = LanguageModelFallback([("tested", adapter_)])
        await llm.summarise()  # nothing is left out yet
        await ask(llm, messages)
        assert len(server.exchanges) == 1
        assert "gardens" not in server.exchanges[0].body["messages"][0]["content"]
        await llm.summarise()
        asked = server.exchanges[1].body["messages"][1]["content"]
        assert "fact number 0" in asked
        await ask(llm, messages)
        told = server.exchanges[2].body["messages"][0]["content"]
        assert told == "Be brief.\n\nEarlier in this conversation: They spoke of gardens."
        await llm.summarise()  # it has not become more
        assert len(server.exchanges) == 3
        longer = [*messages, *conversation()[1:]]
        await ask(llm, longer)
        await llm.summarise()
        assert (
            server.exchanges[4].body["messages"][1]["content"].startswith("Before: They spoke of")
        )
        await ask(llm, conversation(2))  # another conversation is not told of this one
        assert server.exchanges[5].body["messages"][0]["content"] == "Be brief."


async def test_a_summary_that_fails_is_not_asked_for_again(
    server: ChatServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(BEHAVIOURS, "tested", BEHAVIOURS["good"])
    async with adapter(server, context=800) as llm:
        await ask(llm, conversation())
        monkeypatch.setitem(BEHAVIOURS, "tested", BEHAVIOURS["wrong-key"])
        with pytest.raises(LanguageModelError):
            await llm.summarise()
        await llm.summarise()
    assert len(server.exchanges) == 2


@pytest.mark.parametrize(
    "chunk",
    [
        {"error": None, "choices": []},
        {"error": "", "choices": []},
        {"choices": [{"delta": {"content": "an error"}}]},
        {"type": "content_block_delta"},
    ],
)
async def test_what_is_no_refusal(chunk: dict[str, Any]) -> None:
    assert find_refusal(chunk) is None
