"""What stands in for an engine is named where the engine is: as a model, in traces, to a home."""

import pytest
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter

from agent.agent import Agent
from agent.config.load import parse_config
from agent.config.sections import ServerSettings
from agent.events import AssistantDone, TurnLatency, UserSpeechStarted, WarningEvent
from agent.server.audio.models import names
from agent.server.server import Server
from agent.server.traces import tracing
from agent.server.wyoming.description import describe

pytestmark = pytest.mark.anyio

CONFIG = b"""
stt: {engine: whisper, model: base, fallback: [{engine: pocketsphinx}]}
llm: {adapter: openai, model: big, base_url: "http://127.0.0.1:9/v1", fallback: [{adapter: eliza}]}
tts: {engine: piper, fallback: [{engine: espeak}]}
"""


@pytest.fixture
def server() -> Server:
    found = Server(Agent(parse_config(CONFIG, "agent.yaml")), settings=ServerSettings())
    found.loaded.set()
    return found


def test_models(server: Server) -> None:
    assert names(server) == [
        "parley",
        *("stt/whisper", "stt/pocketsphinx"),
        *("llm/openai", "llm/eliza"),
        *("tts/piper", "tts/espeak"),
    ]


async def test_traces(server: Server) -> None:
    exporter = InMemorySpanExporter()
    async with tracing(exporter) as server.tracer:
        with server.session("realtime") as session:
            session.report(UserSpeechStarted(1))
            session.report(WarningEvent("tts", "tts.fallback", "piper fails: espeak speaks"))
            session.report(WarningEvent("speaker", "speaker.underrun", "late"))
            session.report(TurnLatency(1, 200.0, 10.0, 50.0, 30.0, 5.0, 295.0))
            session.report(AssistantDone(1, ""))
    spans = {span.name: span for span in exporter.get_finished_spans()}
    found = {name: (spans[name].attributes or {}) for name in ("stt", "chat big", "tts")}
    assert found["stt"]["parley.fallback"] == ("pocketsphinx",)
    assert found["chat big"]["parley.fallback"] == ("eliza",)
    assert found["tts"]["parley.engine"] == "piper"
    assert found["tts"]["parley.fallback"] == ("espeak",)
    assert [event.name for event in spans["turn"].events] == ["tts.fallback"]


def test_a_home_reads_of_them_and_chooses_none(server: Server) -> None:
    info = describe(server.agent)
    (heard,) = info.asr[0].models
    (spoken,) = info.tts[0].voices
    (answers,) = info.handle[0].models
    assert heard.description == "base (where it fails, pocketsphinx)"
    assert str(spoken.description).endswith("(where it fails, espeak)")
    assert answers.description == "answers by big (where it fails, eliza)"
