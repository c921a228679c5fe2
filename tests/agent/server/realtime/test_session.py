"""Whole sessions without a transport, on a virtual clock; every event fits OpenAI's types."""

from collections.abc import Sequence
from typing import Any

import anyio
import numpy as np
import pytest
from numpy.typing import NDArray
from trio.testing import MockClock

from agent.audio.files import PacedSpeaker
from llm_adapters import LanguageModelError, Message, ToolCall, ToolSpec
from tests.agent.fakes import FakeLlm
from tests.agent.server.realtime.served import STORY, an_agent, base64_of, connected, sound

pytestmark = pytest.mark.anyio

ANSWER = [
    "response.created",
    "response.output_item.added",
    "conversation.item.added",
    "response.content_part.added",
    "response.output_audio_transcript.delta",
    "response.output_audio.delta",
    "response.output_audio.done",
    "response.output_audio_transcript.done",
    "response.content_part.done",
    "conversation.item.done",
    "response.output_item.done",
    "response.done",
]


@pytest.fixture
def anyio_backend() -> tuple[str, dict[str, Any]]:
    return "trio", {"clock": MockClock(autojump_threshold=0)}


async def nowhere(_pcm: NDArray[np.float32], _when: float) -> None: ...


def without_repeats(types: list[str]) -> list[str]:
    """Each kind where it was first."""
    return list(dict.fromkeys(types))


async def test_a_spoken_turn_in_order() -> None:
    async with connected(an_agent([["It is ", "noon."]], ["what time is it"])) as client:
        client.update(audio={"input": {"transcription": {"model": "whisper-1"}}})
        await client.speak((1, False), (1, True), (1.5, False))
        await client.until("response.done")
    types = without_repeats(client.types)
    transcript = "conversation.item.input_audio_transcription.completed"
    assert types[:2] == ["session.created", "session.updated"]
    assert [kind for kind in types[2:] if kind != transcript] == [
        "input_audio_buffer.speech_started",
        "input_audio_buffer.speech_stopped",
        "input_audio_buffer.committed",
        "conversation.item.added",
        "conversation.item.done",
        *(kind for kind in ANSWER if not kind.startswith("conversation.item")),
    ]
    started, stopped = client.of(types[2])[0], client.of(types[3])[0]
    assert started["audio_start_ms"] == pytest.approx(700, abs=60)
    assert stopped["audio_end_ms"] == pytest.approx(2000, abs=60)
    user, assistant = (event["item"] for event in client.of("conversation.item.added"))
    assert user["id"] == started["item_id"] == stopped["item_id"]
    assert user["content"] == [{"type": "input_audio", "transcript": None}]
    assert client.of("input_audio_buffer.committed")[0]["previous_item_id"] is None
    assert client.of("conversation.item.added")[1]["previous_item_id"] == user["id"]
    completed = client.of(transcript)[0]
    assert completed["transcript"] == "what time is it"
    assert completed["usage"]["seconds"] == pytest.approx(1, abs=0.1)
    done = client.of("response.done")[0]["response"]
    assert done["status"] == "completed"
    assert done["output"][0]["id"] == assistant["id"]
    assert done["output"][0]["content"] == [{"type": "output_audio", "transcript": "It is noon."}]
    assert done["usage"]["total_tokens"] >= done["usage"]["output_tokens"] > 0
    deltas = client.of("response.output_audio_transcript.delta")
    assert "".join(event["delta"] for event in deltas) == "It is noon."


async def test_text_in_and_sound_out_faster_than_it_is_heard() -> None:
    async with connected(an_agent([STORY])) as client:
        began = anyio.current_time()
        client.say("a story", id="mine")
        client.send("response.create", response={"metadata": {"client_event_id": "7"}})
        created = await client.until("response.created")
        assert created["response"]["metadata"] == {"client_event_id": "7"}
        await client.until("response.done")
        assert anyio.current_time() - began < 0.5
    assert [t for t in without_repeats(client.types) if t not in client.types[:3]] == [
        kind for kind in ANSWER if not kind.startswith("conversation.item")
    ]
    sizes = [len(event["delta"]) for event in client.of("response.output_audio.delta")]
    assert sum(sizes) * 3 // 4 == pytest.approx(4 * 48000, abs=4)
    assert max(sizes) <= 12_804  # 200 ms


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


async def test_manual_commits() -> None:
    agent = an_agent([["Noon."]], ["what time is it"])
    async with connected(agent) as client:
        client.update(audio={"input": {"turn_detection": None, "transcription": {"model": "x"}}})
        client.send("input_audio_buffer.commit", event_id="empty")
        error = (await client.until("error"))["error"]
        assert (error["code"], error["event_id"]) == ("input_audio_buffer_commit_empty", "empty")
        client.send("input_audio_buffer.append", audio=base64_of(sound(60, loud=True)))
        client.send("input_audio_buffer.commit")
        client.send("response.create")
        await client.until("response.done")
        transcript = "conversation.item.input_audio_transcription.completed"
        assert client.of(transcript)[0]["transcript"] == "what time is it"
    assert "input_audio_buffer.speech_started" not in client.types
    assert client.types.count("input_audio_buffer.committed") == 1
    assert agent.stt._stt.heard_s == [pytest.approx(60, abs=0.1)]  # type: ignore[attr-defined]


async def test_a_commit_gives_no_response_by_itself() -> None:
    async with connected(an_agent([], ["one"])) as client:
        client.update(audio={"input": {"turn_detection": None}})
        await client.speak((1, True))
        client.send("input_audio_buffer.commit")
        await anyio.sleep(5)
    assert "response.created" not in client.types


async def test_voice_detection_without_answers() -> None:
    async with connected(an_agent([["Two."]], ["one", "two"])) as client:
        client.update(
            audio={"input": {"turn_detection": {"type": "server_vad", "create_response": False}}}
        )
        await client.speak((0.5, False), (0.5, True), (2, False), (0.5, True), (2, False))
        assert client.types.count("input_audio_buffer.committed") == 2
        assert "response.created" not in client.types
        client.send("response.create")
        await client.until("response.done")


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


async def test_a_transcription_that_fails_is_told() -> None:
    async with connected(an_agent([], [RuntimeError("no microphone model")])) as client:
        client.update(audio={"input": {"transcription": {"model": "x"}}})
        await client.speak((0.5, False), (0.5, True), (2, False))
        failed = await client.until("conversation.item.input_audio_transcription.failed")
    assert "no microphone model" in failed["error"]["message"]


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


async def test_idle_timeout_counts_from_the_end_of_playback() -> None:
    detection = {"type": "server_vad", "idle_timeout_ms": 5000}
    async with connected(an_agent([STORY, ["Hello?"]])) as client:
        client.update(audio={"input": {"turn_detection": detection}})
        client.say("a story")
        client.send("response.create")
        await client.until("response.done")
        began = anyio.current_time()
        await client.until("input_audio_buffer.timeout_triggered")
        assert anyio.current_time() - began == pytest.approx(9, abs=0.2)  # 4 s are played
        await client.until("response.done", 2)


async def test_the_session_limit() -> None:
    async with connected(an_agent(), seconds=60) as client:
        error = (await client.until("error"))["error"]
    assert error["code"] == "session_expired"


async def test_a_transcription_session() -> None:
    async with connected(an_agent([], ["what time is it"]), kind="transcription") as client:
        client.send("session.update", session={"type": "transcription", "audio": {"input": {}}})
        await client.until("session.updated")
        await client.speak((0.5, False), (0.5, True), (2, False))
        client.send("response.create", event_id="no")
        assert (await client.until("error"))["error"]["event_id"] == "no"
    assert client.of("session.created")[0]["session"]["type"] == "transcription"
    transcript = client.of("conversation.item.input_audio_transcription.completed")[0]
    assert transcript["transcript"] == "what time is it"
    assert "response.created" not in client.types


async def test_a_transcription_session_greets_nobody_and_asks_no_model() -> None:
    """LiveKit's recogniser opens such sessions; each asked the model to warm up."""
    for kind, said in (("transcription", 0), ("realtime", 1)):
        llm = WarmLlm()
        agent = an_agent(llm=llm, agent={"greeting": "Hello."})
        async with connected(agent, kind=kind) as client:
            await anyio.sleep(5)
        assert client.types.count("response.done") == said
        assert llm.warmed == said


class WarmLlm(FakeLlm):
    """Counts how often it was warmed up."""

    def __init__(self) -> None:
        super().__init__([])
        self.warmed = 0

    async def warm_up(self, messages: Sequence[Message], tools: Sequence[ToolSpec]) -> None:
        del messages, tools
        self.warmed += 1


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


async def test_latency_is_told_to_who_includes_it() -> None:
    async with connected(an_agent([["Noon."]], ["what time is it"])) as client:
        client.update(include=["parley.latency"])
        await client.speak((0.5, False), (0.5, True), (2, False))
        latency = await client.until("parley.turn_latency")
    assert latency["total_ms"] > 0
    assert latency["item_id"] == client.of("input_audio_buffer.committed")[0]["item_id"]
    assert latency["response_id"] == client.of("response.created")[0]["response"]["id"]


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


async def test_an_update_merges_and_the_answer_is_the_whole_session() -> None:
    async with connected(an_agent()) as client:
        tool = {"type": "function", "name": "lamp"}
        client.update(instructions="Be brief.", tools=[tool], output_modalities=["text", "audio"])
        client.update(audio={"input": {"turn_detection": {"type": "server_vad"}}})
        client.update(audio={"input": {"turn_detection": {"silence_duration_ms": 900}}})
        client.update(audio={"output": {"format": {"type": "audio/pcmu"}}})
        session = client.of("session.updated")[-1]["session"]
        assert session["instructions"] == "Be brief."
        assert session["output_modalities"] == ["audio"]
        assert [each["name"] for each in session["tools"]] == ["lamp"]
        assert session["audio"]["input"]["turn_detection"] == {
            "type": "server_vad",
            "threshold": 0.5,
            "prefix_padding_ms": 300,
            "silence_duration_ms": 900,
            "idle_timeout_ms": None,
            "create_response": True,
            "interrupt_response": True,
        }
        assert session["audio"]["input"]["format"] == {"type": "audio/pcm", "rate": 24000}
        assert session["audio"]["output"]["format"] == {"type": "audio/pcmu"}
        # pipecat cannot send null, and sends false.
        client.update(instructions="", tools=[], audio={"input": {"turn_detection": False}})
        cleared = client.of("session.updated")[-1]["session"]
        assert (cleared["instructions"], cleared["tools"]) == ("", [])
        assert cleared["audio"]["input"]["turn_detection"] is None
        client.update(audio={"output": {"speed": 9}}, instructions="Never.")
        assert client.types[-1] == "error"
        client.update()
        assert client.of("session.updated")[-1]["session"]["instructions"] == ""
