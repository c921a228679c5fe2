"""What Home Assistant asks for, asked with its own client."""

import time
from typing import Any

import anyio
import numpy as np
import pytest
from wyoming.asr import Transcribe, Transcript
from wyoming.audio import AudioChunk, AudioStart, AudioStop
from wyoming.event import Event, Eventable
from wyoming.info import Describe, Info
from wyoming.ping import Ping
from wyoming.tts import Synthesize, SynthesizeChunk, SynthesizeStart, SynthesizeStop

from agent.agent import Agent
from agent.config.load import Config
from agent.config.sections import AgentSettings, ServerSettings
from agent.server.server import Server
from agent.server.wyoming import connection as module
from agent.server.wyoming import conversations
from llm_adapters import LanguageModelError
from stt import SpeechToTextError
from tests.agent.fakes import TTS_RATE, FakeLlm, FakeStt, FakeTts, LoudnessVad
from tests.agent.server.wyoming.conftest import Serving, ask, client

pytestmark = pytest.mark.anyio

PIECE = 1024


def sound(
    seconds: float, rate: int = 16000, width: int = 2, channels: int = 1, loud: bool = True
) -> list[Eventable]:
    """A recording as a client sends it: of something loud, or of silence."""
    full = (1 << (8 * width - 1)) - 1
    level = 0.5 if loud else 0.0
    count = round(seconds * rate)
    if width == 1:
        pcm = np.full((count, channels), round(128 + level * 127), np.uint8).tobytes()
    else:
        value = round(level * full).to_bytes(width, "little", signed=True)
        pcm = value * count * channels
    size = PIECE * width * channels
    form: dict[str, Any] = {"rate": rate, "width": width, "channels": channels}
    chunks = [AudioChunk(**form, audio=pcm[i : i + size]) for i in range(0, len(pcm), size)]
    return [Transcribe(language="en"), AudioStart(**form), *chunks, AudioStop()]


def spoken(text: str, voice: Any = None) -> list[Eventable]:
    """A text as Home Assistant has it spoken while it is written."""
    pieces = [SynthesizeChunk(text[i : i + 5]) for i in range(0, len(text), 5)]
    return [SynthesizeStart(voice), *pieces, Synthesize(text, voice), SynthesizeStop()]


def seconds_of(events: list[Event]) -> float:
    chunks = [AudioChunk.from_event(e) for e in events if e.type == "audio-chunk"]
    assert all((c.rate, c.width, c.channels) == (TTS_RATE, 2, 1) for c in chunks)
    return sum(chunk.seconds for chunk in chunks)


async def test_it_describes_itself_within_a_second_before_it_is_loaded(serving: Serving) -> None:
    async with serving(load=False) as port:
        began = time.monotonic()
        async with client(port) as home:
            (event,) = await ask(home, Describe(), until="info")
        assert time.monotonic() - began < 1
    info = Info.from_event(event)
    programs: list[Any] = [*info.asr, *info.tts, *info.handle]
    models: list[Any] = [*info.asr[0].models, *info.tts[0].voices, *info.handle[0].models]
    assert len(programs) == len(models) == 3
    assert all(each.installed and each.version for each in [*programs, *models])
    assert all(each.name and each.attribution.url for each in [*programs, *models])
    assert all(each.languages for each in models)
    assert info.tts[0].supports_synthesize_streaming
    assert info.satellite is None, "or Home Assistant takes neither ears nor voice from here"


async def test_speech_is_understood(serving: Serving) -> None:
    async with serving(["turn on the light"]) as port, client(port) as home:
        (event,) = await ask(home, *sound(1.0), until="transcript")
    assert Transcript.from_event(event).text == "turn on the light"


async def test_silence_is_an_empty_transcript(serving: Serving) -> None:
    async with serving(["never said", "said", "neither"]) as port, client(port) as home:
        (event,) = await ask(home, *sound(1.0, loud=False), until="transcript")
        assert Transcript.from_event(event).text == ""
        (event,) = await ask(home, *sound(1.0), until="transcript")
        assert Transcript.from_event(event).text == "said", "one connection serves several"
        (event,) = await ask(home, Transcribe(), AudioStop(), until="transcript")
        assert Transcript.from_event(event).text == ""


@pytest.mark.parametrize(
    ("rate", "width", "channels"),
    [(8000, 2, 1), (16000, 1, 1), (22050, 3, 1), (44100, 2, 2), (48000, 4, 2), (16000, 2, 1)],
)
async def test_sound_of_any_kind_is_converted(
    serving: Serving, rate: int, width: int, channels: int
) -> None:
    stt = FakeStt(["hello"])
    async with serving(stt=stt) as port, client(port) as home:
        (event,) = await ask(home, *sound(1.5, rate, width, channels), until="transcript")
    assert Transcript.from_event(event).text == "hello"
    assert stt.heard_s == [pytest.approx(1.5, abs=0.01)]


async def test_a_text_is_spoken(serving: Serving) -> None:
    async with serving() as port, client(port) as home:
        events = await ask(home, Synthesize("Hello there"), until="audio-stop")
    assert events[0].type == "audio-start"
    assert seconds_of(events) == pytest.approx(0.4)


async def test_a_text_without_words_is_a_start_and_a_stop(serving: Serving) -> None:
    async with serving() as port, client(port) as home:
        events = await ask(home, Synthesize(" "), until="audio-stop")
    assert [e.type for e in events] == ["audio-start", "audio-stop"]


async def test_a_text_is_spoken_while_it_is_written_and_its_copy_is_not(serving: Serving) -> None:
    async with serving() as port, client(port) as home:
        await ask(home, SynthesizeStart(), SynthesizeChunk("One two. Three "), until="audio-chunk")
        rest = [SynthesizeChunk("four."), Synthesize("One two. Three four."), SynthesizeStop()]
        events = await ask(home, *rest, until="synthesize-stopped")
        assert 0.6 <= seconds_of(events) <= 0.8, "the first piece came before the text was over"
        kinds = [e.type for e in events if e.type != "audio-chunk"]
        assert kinds == ["audio-stop", "audio-start", "audio-stop", "synthesize-stopped"]
        events = await ask(home, *spoken("Five six."), until="synthesize-stopped")
        assert seconds_of(events) == pytest.approx(0.4)


async def test_a_voice_nobody_has_is_the_one_there_is(serving: Serving) -> None:
    async with serving() as port, client(port) as home:
        for voice in ({"name": "nobody", "speaker": "else"}, {"language": "xx"}):
            await home.write_event(Event("synthesize", {"text": "Yes", "voice": voice}))
            events = await ask(home, until="audio-stop")
            assert seconds_of(events) == pytest.approx(0.2)


def question(text: str, conversation: str | None = "one") -> Transcript:
    context = None if conversation is None else {"conversation_id": conversation, "device_id": "d"}
    return Transcript(text, language="en", context=context)


async def test_the_agent_answers_and_remembers_by_conversation(serving: Serving) -> None:
    llm = FakeLlm([["Hello ", "Ann."], ["Who ", "knows?"], ["Ann."], ["No idea."]])
    async with serving(llm=llm) as port:
        async with client(port) as home:
            events = await ask(home, question("I am Ann"), until="handled-stop")
        assert [e.type for e in events] == [
            *("handled-start", "handled-chunk", "handled-chunk", "handled", "handled-stop")
        ]
        assert events[-2].data["text"] == "Hello Ann."
        assert events[-2].data["context"]["conversation_id"] == "one"
        async with client(port) as home:
            await ask(home, question("Who am I?", "two"), until="handled-stop")
            events = await ask(home, question("Who am I?"), until="handled-stop")
            assert events[-2].data["text"] == "Ann."
            await ask(home, question("Who am I?", None), until="handled-stop")
    spoken_to = [[m.content for m in asked if m.role != "system"] for asked in llm.asked]
    assert spoken_to[1] == ["Who am I?"] == spoken_to[3]
    assert spoken_to[2] == ["I am Ann", "Hello Ann.", "Who am I?"]


async def test_no_answer_is_an_apology_and_the_conversation_goes_on(serving: Serving) -> None:
    replies = [["Well ", LanguageModelError("no such model")], ["Better."]]
    config = Config(agent=AgentSettings(apology="Sorry."))
    async with serving(replies=replies, config=config) as port, client(port) as home:
        events = await ask(home, question("Hello?"), until="handled-stop")
        assert events[-2].type == "not-handled"
        assert events[-2].data["text"] == "Well  Sorry."
        events = await ask(home, question("Hello?"), until="handled-stop")
        assert events[-2].data["text"] == "Better."


async def test_what_is_asked_in_writing_is_counted(serving: Serving) -> None:
    llm = FakeLlm([["Hello."], [LanguageModelError("no such model")], ["Yes."]])
    stt = FakeStt([SpeechToTextError("no ears")])
    server = Server(Agent(Config(), stt=stt, llm=llm, tts=FakeTts(), vad=LoudnessVad()))
    async with serving(server=server) as port, client(port) as home:
        for name in ("one", "one", "two"):
            await ask(home, question("Hello?", name), until="handled-stop")
        await ask(home, *sound(1.0), until="error")
    value = server.metrics.registry.get_sample_value
    assert value("parley_turns_total") == 3
    assert value("parley_turn_latency_seconds_count", {"stage": "llm"}) == 2
    assert value("parley_errors_total", {"stage": "llm"}) == 1
    assert value("parley_errors_total", {"stage": "stt"}) == 1


async def test_the_oldest_conversation_makes_room(
    serving: Serving, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(conversations, "MOST", 2)
    llm = FakeLlm([["Yes."]] * 5)
    async with serving(llm=llm) as port, client(port) as home:
        for name in ("one", "two", "one", "three", "two"):
            await ask(home, question("Hello", name), until="handled-stop")
    lengths = [len([m for m in asked if m.role != "system"]) for asked in llm.asked]
    assert lengths == [1, 1, 3, 1, 1]


async def test_a_conversation_that_is_too_long_begins_anew(
    serving: Serving, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(conversations, "TURNS", 2)
    llm = FakeLlm([["Yes."]] * 3)
    async with serving(llm=llm) as port, client(port) as home:
        for _ in range(3):
            await ask(home, question("Hello"), until="handled-stop")
    assert [len([m for m in asked if m.role != "system"]) for asked in llm.asked] == [1, 3, 1]


async def test_a_conversation_goes_on_with_another_agent(serving: Serving) -> None:
    llm, other = FakeLlm([["Yes."]]), FakeLlm([["No."]])
    engines: dict[str, Any] = {"stt": FakeStt([]), "tts": FakeTts(), "vad": LoudnessVad()}
    server = Server(Agent(Config(), llm=llm, **engines))
    async with serving(server=server) as port, client(port) as home:
        await ask(home, question("Hello"), until="handled-stop")
        config = Config(agent=AgentSettings(instructions="Be new."))
        server.agent = Agent(config, llm=other, **engines)
        events = await ask(home, question("And now?"), until="handled-stop")
    assert events[-2].data["text"] == "No."
    system, *told = other.asked[0]
    assert system.content.endswith("Be new.")
    assert [message.content for message in told] == ["Hello", "Yes.", "And now?"]


async def test_a_silent_conversation_is_forgotten(
    serving: Serving, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(conversations, "KEPT", 0.05)
    llm = FakeLlm([["Yes."]] * 2)
    async with serving(llm=llm) as port, client(port) as home:
        await ask(home, question("Hello"), until="handled-stop")
        await anyio.sleep(0.3)
        await ask(home, question("Hello"), until="handled-stop")
    assert [len([m for m in asked if m.role != "system"]) for asked in llm.asked] == [1, 1]


async def test_what_nobody_knows_is_ignored_and_a_ping_answered(serving: Serving) -> None:
    async with serving(["hello"]) as port, client(port) as home:
        await home.write_event(Event("of-next-year", {"a": 1}, b"bytes"))
        (pong,) = await ask(home, Ping("there?"), until="pong")
        assert pong.data["text"] == "there?"
        (event,) = await ask(home, *sound(0.5), until="transcript")
        assert Transcript.from_event(event).text == "hello"


@pytest.mark.parametrize(
    "event",
    [
        Event("synthesize", {}),
        Event("synthesize", {"text": 7}),
        Event("synthesize", {"text": "Hi", "voice": 7}),
        Event("transcript", {"context": {"conversation_id": "x"}}),
        Event("transcript", {"text": None}),
        Event("audio-chunk", {"rate": 16000}, b"12"),
        Event("transcript", {"text": "x" * 20_001}),
        Event("synthesize", {"text": "x" * 20_001}),
    ],
)
async def test_an_event_that_makes_no_sense_is_an_error_and_no_end(
    serving: Serving, event: Event
) -> None:
    async with serving(["hello"]) as port, client(port) as home:
        await home.write_event(event)
        (error,) = await ask(home, until="error")
        assert error.data["code"] == "bad_event"
        (heard,) = await ask(home, *sound(0.5), until="transcript")
        assert Transcript.from_event(heard).text == "hello"


@pytest.mark.parametrize(
    "form", [(0, 2, 1), (-1, 2, 1), (16000, 5, 1), (16000, 2, 0), (16000, 2, 99), ("16", 2, 1)]
)
async def test_sound_that_is_none_is_an_error_and_the_end(
    serving: Serving, form: tuple[Any, int, int]
) -> None:
    """Who waits for a transcript does not look at errors."""
    data = dict(zip(("rate", "width", "channels"), form, strict=True))
    async with serving(["never heard", "hello"]) as port:
        async with client(port) as home:
            await home.write_event(Event("audio-start", data))
            await home.write_event(Event("audio-chunk", data, b"1234"))
            (error,) = await ask(home, until="the end")
            assert error.data["code"] == "bad_event"
        async with client(port) as home:
            (event,) = await ask(home, *sound(0.5), until="transcript")
            assert Transcript.from_event(event).text == "hello"


async def test_an_engine_that_fails_ends_the_connection_and_no_other(serving: Serving) -> None:
    stt = FakeStt([SpeechToTextError("the recogniser is ill"), "hello"])
    async with serving(stt=stt, tts=FakeTts(fail_at=1)) as port, client(port) as other:
        await ask(other, Ping(), until="pong")
        async with client(port) as home:
            (error,) = await ask(home, *sound(0.5), until="the end")
            assert error.data == {"text": "the recogniser is ill", "code": "failed"}
        async with client(port) as home:
            events = await ask(home, *spoken("One two three."), until="the end")
            assert events[-1].type == "error"
        (event,) = await ask(other, *sound(0.5), until="transcript")
        assert Transcript.from_event(event).text == "hello"


async def test_a_request_waits_for_the_models(
    serving: Serving, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "LOADING", 0.1)
    async with serving(["hello"], load=False) as port, client(port) as home:
        (error,) = await ask(home, *sound(0.5), until="the end")
        assert error.data["code"] == "not_ready"


async def test_a_full_server_is_busy(serving: Serving) -> None:
    agent = Agent(Config(), stt=FakeStt(["hello"]), llm=FakeLlm([]), tts=FakeTts())
    server = Server(agent, settings=ServerSettings(sessions=1))
    async with serving(server=server, load=False) as port, client(port) as home:
        server.loaded.set()
        with server.session("another"):
            (error,) = await ask(home, *sound(0.5), until="the end")
            assert error.data["code"] == "server_busy"


async def test_many_connections_share_the_engines(serving: Serving) -> None:
    stt = FakeStt([f"text {n}" for n in range(12)], delay=0.2)
    heard: list[str] = []

    async def one(port: int) -> None:
        async with client(port) as home:
            (event,) = await ask(home, *sound(0.5), until="transcript")
            heard.append(Transcript.from_event(event).text)

    async with serving(stt=stt) as port:
        began = time.monotonic()
        async with anyio.create_task_group() as tasks:
            for _ in range(12):
                tasks.start_soon(one, port)
        assert time.monotonic() - began < 2.0, "side by side, not one after the other"
    assert sorted(heard) == sorted(f"text {n}" for n in range(12))


async def test_an_answer_may_end_when_the_server_stops(serving: Serving) -> None:
    stt = FakeStt(["hello"], delay=0.5)
    agent = Agent(Config(), stt=stt, llm=FakeLlm([]), tts=FakeTts(), vad=LoudnessVad())
    server = Server(agent)
    async with serving(server=server, load=False) as port, client(port) as home:
        server.loaded.set()
        for event in sound(0.5):
            await home.write_event(event.event())
        while not server.sessions:  # noqa: ASYNC110  (nobody tells)
            await anyio.sleep(0.01)
        async with anyio.create_task_group() as tasks:
            tasks.start_soon(server.drain, 5.0)
            await anyio.sleep(0.05)
            async with client(port) as late:
                (error,) = await ask(late, *sound(0.5), until="the end")
                assert error.data["code"] == "server_busy"
            (heard,) = await ask(home, until="transcript")
            assert heard.type == "transcript"
