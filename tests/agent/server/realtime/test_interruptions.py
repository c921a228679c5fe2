"""Barge-in: what the client is told, what is kept of a reply that was cut; on a virtual clock."""

from typing import Any

import anyio
import numpy as np
import pytest
from numpy.typing import NDArray
from trio.testing import MockClock

from agent.audio.files import PacedSpeaker
from tests.agent.fakes import FakeLlm
from tests.agent.server.realtime.served import STORY, an_agent, connected

pytestmark = pytest.mark.anyio


@pytest.fixture
def anyio_backend() -> tuple[str, dict[str, Any]]:
    return "trio", {"clock": MockClock(autojump_threshold=0)}


async def nowhere(_pcm: NDArray[np.float32], _when: float) -> None: ...


async def test_barge_in_closes_the_response_and_what_was_heard_stays() -> None:
    llm = FakeLlm([STORY, ["All right."]], between=0.15)  # slower than it is spoken
    async with connected(an_agent(words=["a story", "stop that"], llm=llm)) as client:
        await client.speak((0.5, False), (0.5, True), (2, False), (1, True))
        done = (await client.until("response.done"))["response"]
        assert done["status"] == "cancelled"
        assert done["status_details"] == {"type": "cancelled", "reason": "turn_detected"}
        item = done["output"][0]
        assert item["status"] == "incomplete"
        place = client.types.index("response.done")
        assert client.types[place - 5 : place] == [
            "response.output_audio.done",
            "response.output_audio_transcript.done",
            "response.content_part.done",
            "conversation.item.done",
            "response.output_item.done",
        ]
        assert client.types.index("input_audio_buffer.speech_started", 20) < place
        client.send(
            "conversation.item.truncate", item_id=item["id"], content_index=0, audio_end_ms=500
        )
        await client.until("conversation.item.truncated")
        client.send("conversation.item.retrieve", item_id=item["id"])
        kept = (await client.until("conversation.item.retrieved"))["item"]
        assert kept["content"][0]["transcript"] == "word0 word1"
        assert kept["status"] == "incomplete"
        await client.speak((1.5, False))
        await client.until("response.done", 2)
    assert [(m.role, m.content) for m in llm.asked[-1][1:]] == [
        ("user", "a story"),
        ("assistant", "word0 word1"),
        ("user", "stop that"),
    ]


async def test_a_backchannel_does_not_stop_the_clients_player() -> None:
    """The client is told nothing of "mm-hm": it would stop."""
    async with connected(an_agent([STORY], ["a story", "mm-hm"])) as client:
        await client.speak((0.5, False), (0.5, True), (2, False), (0.2, True), (2, False))
    assert len(client.of("input_audio_buffer.speech_started")) == 1
    assert [e["response"]["status"] for e in client.of("response.done")] == ["completed"]


async def test_speech_that_does_not_interrupt() -> None:
    detection = {"type": "server_vad", "interrupt_response": False}
    async with connected(an_agent([STORY, ["Two."]], ["a story", "two"])) as client:
        client.update(audio={"input": {"turn_detection": detection}})
        await client.speak((0.5, False), (0.5, True), (2, False), (0.5, True), (6, False))
        await client.until("response.done", 2)
    assert client.types.count("input_audio_buffer.speech_started") == 2
    statuses = [event["response"]["status"] for event in client.of("response.done")]
    assert statuses == ["completed", "completed"]


async def test_cancel() -> None:
    async with connected(an_agent(llm=FakeLlm([STORY, ["Yes."]], between=0.3))) as client:
        client.send("response.cancel", event_id="none")
        error = (await client.until("error"))["error"]
        assert error["code"] == "response_cancel_not_active"
        assert error["message"].startswith("Cancellation failed")
        client.say("a story")
        client.send("response.create")
        await anyio.sleep(1)
        client.send("response.cancel")
        done = (await client.until("response.done"))["response"]
        assert done["status_details"] == {"type": "cancelled", "reason": "client_cancelled"}
        count = len(client.events)
        await anyio.sleep(5)
        assert len(client.events) == count, "no event of that response afterwards"
        client.send("response.create")
        assert (await client.until("response.done", 2))["response"]["status"] == "completed"


async def test_a_false_interruption_goes_on_as_a_response_of_its_own() -> None:
    """A cough of 0.4 s stops the client's player; what it had not heard comes again."""
    llm = FakeLlm([STORY, ["Yes."]])
    async with connected(an_agent(words=["a story", ""], llm=llm)) as client:
        await client.speak((0.5, False), (0.5, True), (1.5, False), (0.4, True), (3, False))
        await client.until("response.done", 2)
        first, rest = (event["response"] for event in client.of("response.done"))
        # It had been made whole, and was only being played: nothing was left to cancel.
        assert first["status"] == rest["status"] == "completed"
        said = rest["output"][0]["content"][0]["transcript"]
        assert said.split() == "".join(STORY).split()[-len(said.split()) :]
        assert 8 < len(said.split()) < 18
        await anyio.sleep(5)
        item = rest["output"][0]["id"]
        client.send("conversation.item.truncate", item_id=item, content_index=0, audio_end_ms=500)
        await client.until("conversation.item.truncated")
        client.say("go on")
        client.send("response.create")
        await client.until("response.done", 3)
    heard = llm.asked[-1][2].content.split()
    assert heard == "".join(STORY).split()[: len(heard)]
    assert len(heard) == 20 - len(said.split()) + 2 or len(heard) == 20 - len(said.split()) + 3


async def test_where_the_sound_has_a_way_of_its_own() -> None:
    """As on WebRTC: no sound in events, but when it is played; truncated without being asked."""
    speaker = PacedSpeaker(24000, nowhere)
    agent = an_agent([STORY, ["Yes."]], ["a story", "stop that"])
    async with connected(agent, speaker=speaker) as client:
        await client.speak((0.5, False), (0.5, True), (2, False), (1, True), (3, False))
        await client.until("output_audio_buffer.stopped")
    assert "response.output_audio.delta" not in client.types
    kinds = [kind for kind in client.types if kind.startswith("output_audio_buffer")]
    assert kinds == [
        f"output_audio_buffer.{w}" for w in ("started", "cleared", "started", "stopped")
    ]
    first = client.of("response.done")[0]["response"]["id"]
    assert client.of("output_audio_buffer.cleared")[0]["response_id"] == first
    truncated = client.of("conversation.item.truncated")[0]
    assert 500 < truncated["audio_end_ms"] < 2500


async def test_truncating_what_was_completed_long_ago() -> None:
    llm = FakeLlm([STORY, ["Yes."]])
    async with connected(an_agent(llm=llm)) as client:
        client.say("a story")
        client.send("response.create")
        item = (await client.until("response.done"))["response"]["output"][0]["id"]
        await anyio.sleep(6)
        client.send("conversation.item.truncate", item_id=item, content_index=0, audio_end_ms=4050)
        await client.until("conversation.item.truncated")  # a little too much is no error
        client.send("conversation.item.truncate", item_id=item, content_index=0, audio_end_ms=1000)
        await client.until("conversation.item.truncated", 2)
        client.send("conversation.item.truncate", item_id=item, content_index=0, audio_end_ms=9000)
        error = (await client.until("error"))["error"]
        assert "already shorter than 9000ms" in error["message"]
        client.say("go on")
        client.send("response.create")
        await client.until("response.done", 2)
    assert llm.asked[-1][2].content == "word0 word1 word2 word3 word4"
    assert llm.asked[-1][2].interrupted
