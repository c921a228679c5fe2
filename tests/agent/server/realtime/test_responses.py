"""Responses: tools, text alone, out of band, failures and limits; on a virtual clock."""

from typing import Any

import anyio
import pytest
from trio.testing import MockClock

from llm_adapters import LanguageModelError, Message, ToolCall
from tests.agent.fakes import FakeLlm
from tests.agent.server.realtime.served import STORY, an_agent, connected

pytestmark = pytest.mark.anyio


@pytest.fixture
def anyio_backend() -> tuple[str, dict[str, Any]]:
    return "trio", {"clock": MockClock(autojump_threshold=0)}


async def test_a_second_response_is_refused_while_one_is_active() -> None:
    async with connected(an_agent(llm=FakeLlm([["One."], ["Two."]], first=1))) as client:
        client.say("one")
        client.send("response.create")
        client.send("response.create", event_id="second")
        error = (await client.until("error"))["error"]
        assert error["code"] == "conversation_already_has_active_response"
        assert error["event_id"] == "second"
        await client.until("response.done")
        client.send("response.create")  # while the first is still played
        await client.until("response.done", 2)
        done = [event["response"]["status"] for event in client.of("response.done")]
        assert done == ["completed", "completed"]


@pytest.mark.parametrize("delay", [0.0, 1.0])
async def test_tools_of_the_client(delay: float) -> None:
    """Also where the voice speaks later than the model calls: its sound was a second message."""
    calls = [ToolCall("call-1", "lamp", '{"on": true}'), ToolCall("call-2", "door", "{}")]
    llm = FakeLlm([["One moment. ", *calls], ["Done."]])
    agent = an_agent(llm=llm)
    agent.tts._tts.delay = delay  # type: ignore[attr-defined]
    async with connected(agent) as client:
        client.update(tools=[{"type": "function", "name": name} for name in ("lamp", "door")])
        client.say("light")
        client.send("response.create")
        done = (await client.until("response.done"))["response"]
        assert [item["type"] for item in done["output"]] == [
            "message",
            "function_call",
            "function_call",
        ]
        arguments = client.of("response.function_call_arguments.done")
        assert [event["output_index"] for event in arguments] == [1, 2]
        assert [(e["name"], e["call_id"], e["arguments"]) for e in arguments] == [
            ("lamp", "call-1", '{"on": true}'),
            ("door", "call-2", "{}"),
        ]
        for call in ("call-1", "call-2"):
            item = {"type": "function_call_output", "call_id": call, "output": f"{call} done"}
            client.send("conversation.item.create", item=item)
        client.send("response.create")
        await client.until("response.done", 2)
    assert [spec.name for spec in llm.offered[0]] == ["lamp", "door"]
    assert llm.asked[1][2:] == (
        Message("assistant", "One moment."),
        Message("assistant", "", calls=tuple(calls)),
        Message("tool", "call-1 done", call_id="call-1"),
        Message("tool", "call-2 done", call_id="call-2"),
    )


async def test_a_model_that_fails_is_a_failed_response() -> None:
    async with connected(an_agent([[LanguageModelError("the model is down")]])) as client:
        client.say("hello")
        client.send("response.create")
        done = (await client.until("response.done"))["response"]
    assert done["status"] == "failed"
    assert done["status_details"]["error"]["message"] == "the model is down"
    assert done["status_details"]["error"]["code"] == "llm_failed"
    assert "error" not in client.types


async def test_out_of_band() -> None:
    llm = FakeLlm([STORY, ["Sunny."], ["Yes."]])
    async with connected(an_agent(llm=llm)) as client:
        client.say("a secret", id="secret")
        client.send("response.create")
        await client.until("response.output_audio_transcript.delta")
        client.send(
            "response.create",
            response={
                "conversation": "none",
                "output_modalities": ["text"],
                "instructions": "Name the topic.",
                "metadata": {"topic": "1"},
                "input": [
                    {"type": "item_reference", "id": "secret"},
                    {
                        "type": "message",
                        "role": "user",
                        "content": [{"type": "input_text", "text": "weather"}],
                    },
                ],
            },
        )
        await client.until("response.done", 2)
        done = {
            (event["response"]["conversation_id"] is None): event["response"]
            for event in client.of("response.done")
        }
        beside = done[True]
        assert beside["metadata"] == {"topic": "1"}
        assert beside["output"][0]["content"] == [{"type": "output_text", "text": "Sunny."}]
        assert beside["output"][0]["id"] not in {
            event["item"]["id"] for event in client.of("conversation.item.added")
        }
        assert [m.content for m in llm.asked[1][1:]] == ["a secret", "weather"]
        assert llm.asked[1][0].content.endswith("Name the topic.")
        await anyio.sleep(5)
        client.send("response.create", response={"conversation": "none", "input": []})
        await client.until("response.done", 3)
    assert [m.role for m in llm.asked[2]] == ["system"]


async def test_text_alone() -> None:
    async with connected(an_agent([["It is ", "noon."]])) as client:
        client.update(output_modalities=["text"])
        client.say("what time is it")
        client.send("response.create")
        await client.until("response.done")
    assert client.of("response.content_part.added")[0]["part"] == {"type": "text", "text": ""}
    assert client.of("response.output_text.done")[0]["text"] == "It is noon."
    assert not [kind for kind in client.types if "audio" in kind]


async def test_a_response_as_long_as_it_may_be() -> None:
    async with connected(an_agent([STORY])) as client:
        client.say("a story")
        client.send("response.create", response={"max_output_tokens": 3})
        done = (await client.until("response.done"))["response"]
    assert done["status"] == "incomplete"
    assert done["status_details"]["reason"] == "max_output_tokens"
    assert done["output"][0]["content"][0]["transcript"] == "word0 word1 word2 "
