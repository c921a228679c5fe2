"""What clients do to the items of a conversation, and what the model is told then."""

from typing import Any

import anyio
import pytest
from trio.testing import MockClock

from agent.server.realtime import item_events, items
from llm_adapters import Message
from tests.agent.fakes import FakeLlm
from tests.agent.server.realtime.served import STORY, an_agent, connected

pytestmark = pytest.mark.anyio


@pytest.fixture
def anyio_backend() -> tuple[str, dict[str, Any]]:
    return "trio", {"clock": MockClock(autojump_threshold=0)}


async def test_items_are_put_in_order_deleted_and_retrieved() -> None:
    llm = FakeLlm([["Yes."]])
    async with connected(an_agent(llm=llm)) as client:
        for text, after in (("two", None), ("one", "root"), ("three", "two")):
            content = [{"type": "input_text", "text": text}]
            item = {"id": text, "type": "message", "role": "user", "content": content}
            previous = {} if after is None else {"previous_item_id": after}
            client.send("conversation.item.create", item=item, **previous)
        added = client.of("conversation.item.added")
        assert [event["previous_item_id"] for event in added] == [None, None, "two"]
        client.say("two", id="two")
        client.send("conversation.item.delete", item_id="one")
        client.send("conversation.item.delete", item_id="one", event_id="again")
        client.send("conversation.item.retrieve", item_id="nobody", event_id="rci_nobody")
        assert [(e["error"]["code"], e["error"]["event_id"]) for e in client.of("error")] == [
            ("item_create_duplicate_item_id", None),
            ("item_delete_invalid_item_id", "again"),
            ("item_retrieve_invalid_item_id", "rci_nobody"),
        ]
        client.send("response.create")
        await client.until("response.done")
    assert llm.asked[0][1:] == (Message("user", "two three"),)


@pytest.mark.parametrize("behind_the_reply", [False, True])
async def test_what_is_written_while_a_reply_is_played_comes_after_it(
    behind_the_reply: bool,
) -> None:
    """OpenAI's Agents SDK sends a message at once; LiveKit's says behind which item."""
    llm = FakeLlm([STORY, ["Yes."]])
    async with connected(an_agent(llm=llm)) as client:
        client.say("a story")
        client.send("response.create")
        done = await client.until("response.done")  # and 4 s of speech to play
        content = [{"type": "input_text", "text": "and now?"}]
        item = {"type": "message", "role": "user", "content": content}
        last = done["response"]["output"][0]["id"] if behind_the_reply else None
        client.send("conversation.item.create", item=item, previous_item_id=last)
        client.send("response.create")
        await client.until("response.done", 2)
    assert [message.role for message in llm.asked[1][1:]] == ["user", "assistant", "user"]
    assert llm.asked[1][-1].content == "and now?"


@pytest.mark.parametrize("played", [False, True])
async def test_a_reply_deleted_while_it_is_made_or_played_is_forgotten(played: bool) -> None:
    llm = FakeLlm([STORY, ["Yes."]], between=0.0 if played else 0.3)
    async with connected(an_agent(llm=llm)) as client:
        client.say("a story")
        client.send("response.create")
        added = await client.until("response.output_item.added")
        if played:
            await client.until("response.done")
        client.send("conversation.item.delete", item_id=added["item"]["id"])
        await client.until("response.done")
        await anyio.sleep(6)
        client.say("go on")
        client.send("response.create")
        await client.until("response.done", 2)
    assert [(m.role, m.content) for m in llm.asked[-1][1:]] == [("user", "a story go on")]


async def test_a_turn_deleted_before_its_words_are_known_is_forgotten() -> None:
    llm = FakeLlm([["Yes."]])
    async with connected(an_agent(words=["forget this"], llm=llm)) as client:
        client.update(audio={"input": {"turn_detection": None}})
        await client.speak((1, True))
        client.send("input_audio_buffer.commit")
        item = client.of("input_audio_buffer.committed")[0]["item_id"]
        client.send("conversation.item.delete", item_id=item)
        await anyio.sleep(2)
        client.say("hello")
        client.send("response.create")
        await client.until("response.done")
    assert [m.content for m in llm.asked[-1][1:]] == ["hello"]


async def test_clients_may_call_their_items_as_the_agent_calls_its_own() -> None:
    llm = FakeLlm([["One."], ["Two."]])
    async with connected(an_agent(llm=llm)) as client:
        client.say("first", id="reply-1")
        client.say("second", id="turn-1")
        client.send("response.create")
        item = (await client.until("response.done"))["response"]["output"][0]["id"]
        await anyio.sleep(2)
        client.send("conversation.item.truncate", item_id=item, content_index=0, audio_end_ms=0)
        client.send("conversation.item.delete", item_id=item)
        client.send("conversation.item.retrieve", item_id="reply-1")
        kept = await client.until("conversation.item.retrieved")
        assert kept["item"]["content"][0]["text"] == "first"
        client.send("response.create")
        await client.until("response.done", 2)
    assert not client.of("error")
    assert [m.content for m in llm.asked[-1][1:]] == ["first second"]


async def test_pictures_are_shown_to_the_model(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(items, "MAX_IMAGES", 60)
    llm = FakeLlm([["A cat."]])
    cat = "data:image/png;base64,AAAA"
    async with connected(an_agent(llm=llm)) as client:
        image = {"type": "input_image", "image_url": cat}
        for content in ([image], [{"type": "input_text", "text": "What is this?"}, image]):
            client.say("", content=content)
        assert client.of("conversation.item.added")[0]["item"]["content"][0]["image_url"] == cat
        client.say("", content=[image], id="third", event_id="much")
        client.say("", content=[{"type": "input_image", "image_url": "file:///etc/passwd"}])
        much, other = [event["error"] for event in client.of("error")]
        assert "images" in much["message"]
        assert other["param"].startswith("item.content")
        client.send("response.create")
        await client.until("response.done")
    assert llm.asked[0][1:] == (Message("user", "What is this?", images=(cat, cat)),)


async def test_a_call_without_a_call_id_is_given_one() -> None:
    llm = FakeLlm([["Yes."]])
    async with connected(an_agent(llm=llm)) as client:
        call = {"type": "function_call", "name": "lamp", "arguments": "{}"}
        client.send("conversation.item.create", item=call)
        call_id = (await client.until("conversation.item.added"))["item"]["call_id"]
        result = {"type": "function_call_output", "call_id": call_id, "output": "on"}
        client.send("conversation.item.create", item=result)
        client.send("response.create")
        await client.until("response.done")
    calling, told = llm.asked[-1][1:]
    assert calling.calls[0].id == told.call_id == call_id
    assert told.content == "on"


async def test_a_place_in_the_sound_is_a_whole_number_of_milliseconds() -> None:
    async with connected(an_agent([STORY])) as client:
        client.say("a story")
        client.send("response.create")
        item = (await client.until("response.done"))["response"]["output"][0]["id"]
        client.send("conversation.item.truncate", item_id=item, content_index=0, audio_end_ms=500.5)
        error = (await client.until("error"))["error"]
        assert (error["param"], error["code"]) == ("audio_end_ms", "invalid_value")
        client.send("conversation.item.truncate", item_id=item, content_index=0, audio_end_ms=500.0)
        await client.until("conversation.item.truncated")


async def test_a_client_with_too_many_items_still_speaks_and_is_answered(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(item_events, "MAX_ITEMS", 2)
    async with connected(an_agent([["Yes."]], ["hello"])) as client:
        for number in range(3):
            client.say("one more", event_id=f"event-{number}")
        assert len(client.of("error")) == 1
        await client.speak((0.5, False), (0.5, True), (2, False))
        done = await client.until("response.done")
    assert done["response"]["status"] == "completed"
