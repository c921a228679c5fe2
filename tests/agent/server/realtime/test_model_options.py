"""What a session asks of the language model besides an answer, with a real endpoint on loopback."""

from collections.abc import AsyncGenerator, Iterator
from contextlib import asynccontextmanager
from typing import Any

import pytest

from llm_adapters.openai.adapter import OpenAI
from tests.agent.fakes import FakeLlm
from tests.agent.server.realtime.served import Client, an_agent, connected
from tests.llm_adapters.chat_server import ChatServer, serving

pytestmark = pytest.mark.anyio


@pytest.fixture
def anyio_backend() -> str:
    return "trio"


@pytest.fixture
def server() -> Iterator[ChatServer]:
    with serving() as running:
        yield running


@asynccontextmanager
async def session(server: ChatServer, **options: Any) -> AsyncGenerator[Client]:
    llm = OpenAI(model="good", base_url=server.url, **options)
    await llm.load()
    try:
        async with connected(an_agent(llm=llm), session={"output_modalities": ["text"]}) as client:
            yield client
    finally:
        await llm.aclose()


async def answer(client: Client, **response: Any) -> dict[str, Any]:
    count = client.types.count("response.done") + 1
    client.send("response.create", response=response)
    done: dict[str, Any] = (await client.until("response.done", count))["response"]
    return done


async def test_reasoning_of_the_session_and_of_one_response(server: ChatServer) -> None:
    async with session(server) as client:
        client.say("Hello?")
        client.update(reasoning={"effort": "minimal"}, parallel_tool_calls=False)
        updated = client.of("session.updated")[-1]["session"]
        assert updated["reasoning"] == {"effort": "minimal"}
        await answer(client)
        await answer(client, reasoning={"effort": "high"})
        client.update(reasoning=None)
        await answer(client)
        client.update(reasoning={"effort": "enormous"})
        assert client.of("error")[-1]["error"]["param"] == "session.reasoning.effort"
    bodies = [x.body for x in server.exchanges]
    bodies = [body for body in bodies if body["messages"][-1]["content"] != "Hello."]  # warm-up
    assert [body.get("reasoning_effort") for body in bodies] == ["minimal", "high", None]


async def test_a_conversation_that_is_too_long_for_no_truncation(server: ChatServer) -> None:
    async with session(server, context=600) as client:
        client.update(truncation="disabled", instructions="Be brief.")
        for number in range(4):
            client.say(f"{number} " + 900 * "x", id=f"item-{number}")
        done = await answer(client)
        assert done["status"] == "failed"
        error = done["status_details"]["error"]
        assert (error["type"], error["code"]) == (
            "invalid_request_error",
            "context_length_exceeded",
        )
        for number in range(3):  # as the protocol has it: the client decides what goes
            client.send("conversation.item.delete", item_id=f"item-{number}")
        assert (await answer(client))["status"] == "completed"
        client.update(truncation="auto")
        client.say("4 " + 900 * "x")
        assert (await answer(client))["status"] == "completed"


async def test_a_retention_ratio(server: ChatServer) -> None:
    ratio = {
        "type": "retention_ratio",
        "retention_ratio": 0.5,
        "token_limits": {"post_instructions": 1000},
    }
    async with session(server) as client:
        client.update(truncation=ratio, instructions="Be brief.")
        assert client.of("session.updated")[-1]["session"]["truncation"] == ratio
        for number in range(9):
            client.say(f"{number} " + 450 * "x")
            await answer(client)
        told = [m["content"] for m in server.exchanges[-1].body["messages"]]
        assert "Be brief." in told[0]
        assert not any(text.startswith("0 ") for text in told)
        assert told[-1].startswith("8 ")
        for wrong in ({**ratio, "retention_ratio": 2}, {"type": "other"}, "never"):
            client.update(truncation=wrong)
            assert client.types[-1] == "error"


async def test_the_effective_session_lacks_what_the_model_takes_none_of() -> None:
    async with connected(an_agent(llm=FakeLlm([]))) as client:
        client.update(truncation="disabled", reasoning={"effort": "low"})
        updated = client.of("session.updated")[-1]["session"]
        assert updated["truncation"] == "auto"
        assert "reasoning" not in updated
