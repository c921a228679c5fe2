"""Whole sessions without a transport, on a virtual clock; every event fits OpenAI's types."""

from collections.abc import Sequence
from typing import Any

import anyio
import pytest
from trio.testing import MockClock

from llm_adapters import Message, ToolSpec
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


async def test_a_transcription_that_fails_is_told() -> None:
    async with connected(an_agent([], [RuntimeError("no microphone model")])) as client:
        client.update(audio={"input": {"transcription": {"model": "x"}}})
        await client.speak((0.5, False), (0.5, True), (2, False))
        failed = await client.until("conversation.item.input_audio_transcription.failed")
    assert "no microphone model" in failed["error"]["message"]


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


async def test_what_a_client_writes_or_changes_does_not_begin_the_idle_time_anew() -> None:
    detection = {"type": "server_vad", "idle_timeout_ms": 5000}
    async with connected(an_agent([["Hello?"]])) as client:
        client.update(audio={"input": {"turn_detection": detection}})
        client.send("response.create")
        await client.until("response.done")
        began = anyio.current_time()
        await anyio.sleep(3)
        client.update(instructions="Be brief.")
        client.say("for later")
        await client.until("input_audio_buffer.timeout_triggered")
        assert anyio.current_time() - began == pytest.approx(5.2, abs=0.1)
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


async def test_a_transcription_session_is_called_what_its_client_calls_it() -> None:
    """LiveKit names the recogniser in the address; nobody gives log probabilities."""
    async with connected(an_agent(), kind="transcription", model="gpt-transcribe") as client:
        include = ["item.input_audio_transcription.logprobs"]
        client.send("session.update", session={"type": "transcription", "include": include})
        (told,) = [event["session"] for event in client.of("session.updated")]
    assert told["audio"]["input"]["transcription"] == {"model": "gpt-transcribe"}
    assert told["include"] is None


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


async def test_latency_is_told_to_who_includes_it() -> None:
    async with connected(an_agent([["Noon."]], ["what time is it"])) as client:
        client.update(include=["parley.latency"])
        await client.speak((0.5, False), (0.5, True), (2, False))
        latency = await client.until("parley.turn_latency")
    assert latency["total_ms"] > 0
    assert latency["item_id"] == client.of("input_audio_buffer.committed")[0]["item_id"]
    assert latency["response_id"] == client.of("response.created")[0]["response"]["id"]


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


async def test_an_idle_timeout_in_a_transcription_session_ends_nothing() -> None:
    detection = {"type": "server_vad", "idle_timeout_ms": 2000}
    update = {"type": "transcription", "audio": {"input": {"turn_detection": detection}}}
    async with connected(an_agent([], ["one", "two"]), kind="transcription") as client:
        client.send("session.update", session=update)
        await client.speak((0.5, True), (1, False))
        await client.until("input_audio_buffer.timeout_triggered")
        await client.speak((0.5, True), (2, False))
        completed = await client.until("conversation.item.input_audio_transcription.completed", 2)
    assert completed["transcript"] == "two"
    assert "response.created" not in client.types


async def test_parameters_of_a_tool_nested_without_an_end() -> None:
    deep = '{"a":' * 900 + "1" + "}" * 900
    tool = '{"type":"function","name":"lamp","parameters":' + deep + "}"
    session = '{"type":"realtime","tools":[' + tool + "]}"
    async with connected(an_agent([["Yes."]])) as client:
        client.session.receive('{"type":"session.update","session":' + session + "}")
        assert (await client.until("error"))["error"]["code"] == "invalid_json"
        client.send("response.create")
        await client.until("response.done")


async def test_what_breaks_is_an_error_and_the_session_goes_on(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    async with connected(an_agent([["Yes."]])) as client:
        with monkeypatch.context() as patched:
            patched.setattr(client.session, "_response_events", None)
            client.send("response.cancel", event_id="broken")
        error = (await client.until("error"))["error"]
        assert (error["event_id"], error["type"]) == ("broken", "server_error")
        client.send("response.create")
        await client.until("response.done")
