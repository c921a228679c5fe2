"""Metrics, traces and the log: fed by conversations, without a word of what is said."""

import json
import logging
from collections.abc import AsyncGenerator, Sequence
from contextlib import asynccontextmanager
from typing import Any

import anyio
import numpy as np
import openai
import pytest
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter
from websockets.exceptions import InvalidStatus

from agent.agent import Agent
from agent.audio.wav import wav_header
from agent.config.load import Config
from agent.config.sections import ServerSettings
from agent.errors import ConfigError
from agent.events import (
    AssistantDone,
    AssistantInterrupted,
    AssistantResumed,
    ErrorEvent,
    Event,
    SessionEnded,
    TurnCommitted,
    TurnLatency,
    UserSpeechStarted,
    UserTranscript,
    WarningEvent,
)
from agent.guards.secrets import learn
from agent.server.errors import ApiError
from agent.server.logs import JsonFormatter, logging_to_stderr
from agent.server.running import Place, running
from agent.server.security import Keys
from agent.server.server import Server
from agent.server.traces import tracing
from agent.tools.events import ToolCalled, ToolReturned
from stt import SpeechToTextError
from tests.agent.fakes import FakeLlm, FakeStt, FakeTts, LoudnessVad
from tests.agent.server.http import get
from tests.agent.server.realtime.served import STORY, an_agent, connected, raw, until
from tts import Occupancy, TextToSpeechError

pytestmark = pytest.mark.anyio

WORD = "aubergine"
TURN: Sequence[Event] = (
    UserSpeechStarted(1),
    UserTranscript(1, WORD, final=True),
    TurnCommitted(1, WORD),
    ToolCalled(1, "weather", f'"{WORD}"'),
    ToolReturned(1, "weather", f'"{WORD}"', WORD, 20.0, ok=False),
    TurnLatency(1, 200.0, 10.0, 50.0, 30.0, 5.0, 295.0),
    AssistantResumed(1),
    WarningEvent("speaker", "speaker.underrun", WORD),
    ErrorEvent("llm", "LanguageModelError", WORD, recovered=True),
    AssistantInterrupted(1, WORD, WORD),
    UserSpeechStarted(2),
    TurnLatency(2, 300.0, None, 40.0, None, None, None),
    AssistantDone(2, WORD),
    UserSpeechStarted(3),
    SessionEnded("finished"),
)
"""Everything that is counted, once; every text is the word."""


@pytest.fixture
async def loaded() -> Server:
    server = Server(an_agent(), settings=ServerSettings(sessions=1))
    await server.load()
    return server


def value(server: Server, name: str, **labels: str) -> float | None:
    return server.metrics.registry.get_sample_value(name, labels)


async def test_a_conversation_is_counted(loaded: Server) -> None:
    with loaded.session("realtime") as session:
        for event in TURN:
            session.report(event)
        assert value(loaded, "parley_sessions", protocol="realtime") == 1
        with pytest.raises(ApiError):
            loaded.session("speech").__enter__()
    assert value(loaded, "parley_sessions", protocol="realtime") == 0
    assert value(loaded, "parley_sessions_begun_total", protocol="realtime") == 1
    assert value(loaded, "parley_sessions_refused_total", reason="server_busy") == 1
    assert value(loaded, "parley_session_slots") == 1
    assert value(loaded, "parley_turns_total") == 1
    assert value(loaded, "parley_interruptions_total") == 1
    assert value(loaded, "parley_false_interruptions_total") == 1
    assert value(loaded, "parley_underruns_total") == 1
    assert value(loaded, "parley_errors_total", stage="llm") == 1
    assert value(loaded, "parley_tool_calls_total", ok="false") == 1
    seconds, count = "parley_turn_latency_seconds_sum", "parley_turn_latency_seconds_count"
    assert value(loaded, seconds, stage="endpoint") == pytest.approx(0.5)
    assert value(loaded, count, stage="llm") == 2
    assert value(loaded, count, stage="total") == 1


async def test_metrics_are_read_with_a_key_and_hold_no_word() -> None:
    key = "a-key-that-is-long-enough"
    server = Server(an_agent(), Keys((key,)))
    await server.load()
    with server.session("realtime") as session:
        for event in TURN:
            session.report(event)
        async with running(server, Place(port=0)) as address:
            refused, _, _ = await get(f"{address}metrics")
            status, headers, body = await get(
                f"{address}metrics", {"Authorization": f"Bearer {key}"}
            )
    assert (refused, status) == (401, 200)
    assert headers["content-type"].startswith("text/plain; version=")
    assert b'parley_sessions{protocol="realtime"} 1.0' in body
    assert WORD.encode() not in body
    assert key.encode() not in body


async def test_a_turn_over_the_wire_is_counted() -> None:
    server = Server(an_agent([["One ", "two."]]))
    await server.load()
    async with (
        running(server, Place(port=0)) as address,
        openai.AsyncOpenAI(base_url=f"{address}v1", api_key="none") as client,
        client.realtime.connect(model="any") as connection,
    ):
        content = {"type": "input_text", "text": "hello"}
        item: Any = {"type": "message", "role": "user", "content": [content]}
        await connection.conversation.item.create(item=item)
        await connection.response.create()
        with anyio.fail_after(20):
            async for event in connection:
                if event.type == "response.done":
                    break
    count = "parley_turn_latency_seconds_count"
    assert value(server, count, stage="tts") == 1
    assert value(server, "parley_sessions_begun_total", protocol="realtime") == 1
    assert value(server, "parley_turns_total") == 1


async def test_who_leaves_before_the_reply_was_played_has_not_interrupted_it() -> None:
    server = Server(an_agent(llm=FakeLlm([STORY, STORY], between=0.05)))
    await server.load()
    for interrupted, cancel in enumerate((False, True)):
        with anyio.fail_after(20):
            async with running(server, Place(port=0)) as address:
                await ask_and_leave(address, cancel=cancel)
        assert not server.sessions
        assert value(server, "parley_interruptions_total") == interrupted
        server.draining = False


async def ask_and_leave(address: str, *, cancel: bool = False) -> None:
    """Write a question, and go when the answer has begun to sound."""
    async with raw(address.removeprefix("http://").rstrip("/")) as socket:
        content = [{"type": "input_text", "text": "a story"}]
        item = {"type": "message", "role": "user", "content": content}
        created = {"type": "conversation.item.create", "item": item}
        for event in (created, {"type": "response.create"}):
            await socket.send(json.dumps(event))
        await until(socket, "response.output_audio.delta")
        if cancel:
            await socket.send(json.dumps({"type": "response.cancel"}))
            await until(socket, "response.done")


async def test_what_is_written_is_a_turn_once() -> None:
    """Whatever comes with it: earlier words, a second try, a tool's result, an idle client."""
    events: list[Event] = []
    async with connected(
        an_agent([["One."], ["Two."], ["Three."]]), report=events.append
    ) as client:
        client.say("hello")
        client.say("are you there")
        client.send("response.create")
        await client.until("response.done")
        client.send("response.create")  # nothing new
        await client.until("response.done", 2)
        client.say("and now")
        client.send("response.create", response={"input": []})  # about nothing of it
        await client.until("response.done", 3)
        client.send("response.create")
        await client.until("response.done", 4)
    turns = [(event.turn, event.text) for event in events if isinstance(event, TurnCommitted)]
    assert turns == [(1, "hello are you there"), (2, "and now")]
    timed = [event.turn for event in events if isinstance(event, TurnLatency)]
    assert timed[0] == 1
    assert timed[-1] == 2


async def test_engines_that_fail_at_requests_are_counted() -> None:
    class Silent(FakeTts):
        @asynccontextmanager
        async def open(self) -> AsyncGenerator[Any, None]:
            raise TextToSpeechError("out of order")
            yield

    deaf = FakeStt([SpeechToTextError("out of order")])
    server = Server(Agent(Config(), stt=deaf, llm=FakeLlm([]), tts=Silent(), vad=LoudnessVad()))
    await server.load()
    recording = wav_header(16000, 1, 32000) + np.full(16000, 16000, "<i2").tobytes()
    with anyio.fail_after(30):
        async with (
            running(server, Place(port=0)) as address,
            openai.AsyncOpenAI(base_url=f"{address}v1", api_key="none", max_retries=0) as client,
        ):
            with pytest.raises(openai.InternalServerError, match="out of order"):
                await client.audio.speech.create(model="any", voice="any", input="Hello.")
            with pytest.raises(openai.InternalServerError, match="out of order"):
                await client.audio.transcriptions.create(model="any", file=("a.wav", recording))
    for stage in ("tts", "stt"):
        assert value(server, "parley_errors_total", stage=stage) == 1


async def test_a_span_for_each_turn_with_its_stages_and_no_word(loaded: Server) -> None:
    exporter = InMemorySpanExporter()
    async with tracing(exporter) as loaded.tracer:
        with loaded.session("realtime") as session:
            for event in TURN:
                session.report(event)
    spans = exporter.get_finished_spans()
    turns = [span for span in spans if span.name == "turn"]
    first = next(span for span in turns if (span.attributes or {})["parley.turn"] == 1)
    children = [span for span in spans if span.parent and span.parent == first.context]
    assert [span.name for span in children] == [
        "execute_tool weather",
        "endpoint",
        "stt",
        "chat eliza",
        "tts",
        "playback",
    ]
    lengths = [round(((span.end_time or 0) - (span.start_time or 0)) / 1e6) for span in children]
    assert lengths == [20, 200, 10, 50, 30, 5]
    assert [(span.attributes or {})["parley.outcome"] for span in turns] == [
        "interrupted",
        "done",
        "session ended",
    ]
    assert not first.status.is_ok
    assert WORD not in "".join(span.to_json() for span in spans)
    chat = dict(children[3].attributes or {})
    assert chat == {
        "gen_ai.operation.name": "chat",
        "gen_ai.provider.name": "eliza",
        "gen_ai.request.model": "eliza",
    }


@pytest.mark.parametrize(
    ("variables", "there"),
    [
        ({}, False),
        ({"OTEL_TRACES_EXPORTER": "none", "OTEL_EXPORTER_OTLP_ENDPOINT": "http://[::1]:9"}, False),
        ({"OTEL_SDK_DISABLED": "true", "OTEL_TRACES_EXPORTER": "console"}, False),
        ({"OTEL_EXPORTER_OTLP_ENDPOINT": "http://127.0.0.1:9"}, True),
        ({"OTEL_TRACES_EXPORTER": "console"}, True),
    ],
)
async def test_the_environment_says_whether_there_are_traces(
    monkeypatch: pytest.MonkeyPatch, variables: dict[str, str], there: bool
) -> None:
    for name, text in variables.items():
        monkeypatch.setenv(name, text)
    async with tracing() as tracer:
        assert (tracer is not None) is there


async def test_an_exporter_that_nobody_knows(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OTEL_TRACES_EXPORTER", "zipkin")
    with pytest.raises(ConfigError, match="otlp, console or none"):
        async with tracing():
            pass


def lines(caplog: pytest.LogCaptureFixture, *, words: bool) -> list[dict[str, Any]]:
    formatter = JsonFormatter(words=words)
    return [json.loads(formatter.format(record)) for record in caplog.records]


@pytest.mark.parametrize("words", [False, True])
async def test_the_log_has_words_only_when_asked(
    caplog: pytest.LogCaptureFixture, *, words: bool
) -> None:
    caplog.set_level(logging.INFO, "parley.server")
    server = Server(Agent(Config()), settings=ServerSettings(log_words=words))
    server.loaded.set()
    with server.session("realtime") as session:
        for event in TURN:
            session.report(event)
    found = lines(caplog, words=words)
    assert {line["session"] for line in found} == {"realtime-1"}
    assert [line["message"] for line in found][:2] == ["session begins", "turn.committed"]
    error = next(line for line in found if line["message"] == "error" or "stage" in line)
    assert error["stage"]
    assert (WORD in json.dumps(found)) is words


async def test_an_exception_shows_neither_words_nor_secrets(
    caplog: pytest.LogCaptureFixture,
) -> None:
    learn("sk-a-secret-of-somebody")
    try:
        int(WORD)
    except ValueError:
        logging.getLogger("parley.server").exception("failed at sk-a-secret-of-somebody")
    (line,) = lines(caplog, words=False)
    assert line["exception"] == "ValueError"
    assert "test_an_exception_shows" in line["traceback"]
    assert WORD not in line["message"]
    assert "sk-a-secret" not in line["message"]


async def test_a_voice_that_cannot_say_how_busy_it_is_spoils_no_metrics() -> None:
    class Broken(FakeTts):
        def occupancy(self) -> Occupancy:
            raise RuntimeError("lost count")

    server = Server(Agent(Config(), tts=Broken()))
    async with running(server, Place(port=0)) as address:
        status, _, text = await get(f"{address}metrics")
    assert status == 200
    assert b"parley_voice_slots 0.0" in text


async def test_who_is_refused_is_no_error_in_the_log(capsys: pytest.CaptureFixture[str]) -> None:
    server = Server(an_agent(), Keys(("a-key-that-is-long-enough",)))
    with logging_to_stderr(words=False):
        async with running(server, Place(port=0)) as address:
            with pytest.raises(InvalidStatus):
                async with raw(address.removeprefix("http://").rstrip("/")):
                    pass
    assert capsys.readouterr().err == ""


def test_a_collector_that_is_away_is_a_line_like_all_others(
    capsys: pytest.CaptureFixture[str],
) -> None:
    with logging_to_stderr(words=False):
        logging.getLogger("opentelemetry.exporter").warning("no collector at %s", "localhost")
    assert json.loads(capsys.readouterr().err)["message"] == "no collector at localhost"
