"""OpenTelemetry traces: a span for each turn, and in it one for each stage and tool.

Configured by the standard environment variables alone (`OTEL_EXPORTER_OTLP_ENDPOINT`,
`OTEL_TRACES_EXPORTER`, `OTEL_SERVICE_NAME`, `OTEL_SDK_DISABLED`, …). Names follow the semantic
conventions for generative AI where there are some. No span holds a word of what is said.
"""

import os
import time
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Any

import anyio
import anyio.to_thread

from agent.config.engines import EngineSection
from agent.config.load import Config
from agent.errors import ConfigError, ParleyError
from agent.events import (
    AssistantDone,
    AssistantInterrupted,
    AssistantResumed,
    ErrorEvent,
    Event,
    SessionEnded,
    TurnCommitted,
    TurnLatency,
    UserBackchannel,
    UserSpeechStarted,
    WarningEvent,
)
from agent.tools.events import ToolReturned
from tts.extras import NAME, pip_install

if TYPE_CHECKING:
    from opentelemetry.sdk.trace.export import SpanExporter
    from opentelemetry.trace import Span, Tracer

MOST_OPEN = 8
"""Turns of one session that may be open; the oldest end, for nothing was made of them."""
OUTCOMES = {"cut": "interrupted", "unheard": "withdrawn", "ended": "session ended"}
"""What became of a turn whose reply was stopped."""
GOODBYE = 5.0
"""Seconds in which the last spans are sent."""


def wanted() -> bool:
    """Whether the environment asks for traces."""
    if os.environ.get("OTEL_SDK_DISABLED", "").lower() == "true":
        return False
    exporter = os.environ.get("OTEL_TRACES_EXPORTER", "").lower()
    endpoints = ("OTEL_EXPORTER_OTLP_ENDPOINT", "OTEL_EXPORTER_OTLP_TRACES_ENDPOINT")
    return exporter != "none" and (bool(exporter) or any(map(os.environ.get, endpoints)))


@asynccontextmanager
async def tracing(exporter: "SpanExporter | None" = None) -> AsyncGenerator["Tracer | None"]:
    """Send spans for the block, where the environment says; gives None if it says nothing.

    Raises ParleyError when the extra is missing, ConfigError for an exporter that is not known.
    """
    if exporter is None and not wanted():
        yield None
        return
    try:
        from opentelemetry.sdk.resources import SERVICE_NAME, Resource
        from opentelemetry.sdk.trace import TracerProvider
        from opentelemetry.sdk.trace.export import BatchSpanProcessor

        exporter = exporter or _exporter()
    except ImportError as error:
        install = pip_install(f"{NAME}[otel]")
        raise ParleyError(f"traces need {error.name}: {install}") from None
    name = os.environ.get("OTEL_SERVICE_NAME")
    resource = Resource.create({} if name else {SERVICE_NAME: "parley"})
    provider = TracerProvider(resource=resource, shutdown_on_exit=False)
    provider.add_span_processor(BatchSpanProcessor(exporter))
    try:
        yield provider.get_tracer("parley")
    finally:
        with anyio.move_on_after(GOODBYE, shield=True):
            await anyio.to_thread.run_sync(provider.shutdown, abandon_on_cancel=True)


def _exporter() -> "SpanExporter":
    """The exporter that the environment names."""
    name = os.environ.get("OTEL_TRACES_EXPORTER", "").lower() or "otlp"
    if name == "console":
        from opentelemetry.sdk.trace.export import ConsoleSpanExporter

        return ConsoleSpanExporter()
    if name == "otlp":
        from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter

        return OTLPSpanExporter()
    raise ConfigError(f"OTEL_TRACES_EXPORTER is {name!r}; it is otlp, console or none")


class SessionTrace:
    """The spans of one session, made of its events."""

    def __init__(self, tracer: "Tracer", session: str, config: Config) -> None:
        self._tracer = tracer
        self._session = session
        self._stages = _stages(config)
        self._turns: dict[int, Span] = {}

    def report(self, event: Event) -> None:
        """Begin, fill or end the span of a turn."""
        match event:
            case UserSpeechStarted(turn=turn) | TurnCommitted(turn=turn):
                self._turn(turn)
            case TurnLatency():
                self._latency(event)
            case ToolReturned(turn=turn):
                self._tool(event)
            case AssistantResumed(turn=turn):
                self._turn(turn).add_event("false interruption")
            case AssistantInterrupted(turn=turn, how=how):
                self._end(turn, OUTCOMES[how])
            case AssistantDone(turn=turn):
                self._end(turn, "done")
            case UserBackchannel(turn=turn):
                self._end(turn, "backchannel")
            case WarningEvent(code=code) if code.endswith((".fallback", ".recovered")):
                self._changed(code)
            case ErrorEvent(stage=stage, code=code):
                self._failed(stage, code)
            case SessionEnded():
                for turn in [*self._turns]:
                    self._end(turn, "session ended")

    def _turn(self, number: int, start: int | None = None) -> "Span":
        """The span of a turn, begun now (or at `start`) if it is new."""
        if number not in self._turns:
            attributes: dict[str, str | int] = {
                "session.id": self._session,
                "gen_ai.conversation.id": self._session,
                "parley.turn": number,
            }
            self._turns[number] = self._tracer.start_span(
                "turn", attributes=attributes, start_time=start
            )
            while len(self._turns) > MOST_OPEN:
                self._end(next(iter(self._turns)), "unanswered")
        return self._turns[number]

    def _end(self, number: int, outcome: str) -> None:
        if (span := self._turns.pop(number, None)) is not None:
            span.set_attribute("parley.outcome", outcome)
            span.end()

    def _latency(self, event: TurnLatency) -> None:
        """One span after the other, the last of them over now."""
        end = time.time_ns()
        timed = [(stage, getattr(event, field)) for stage, field in _FIELDS.items()]
        known = [(stage, round(ms * 1e6)) for stage, ms in timed if ms is not None]
        at = end - sum(length for _, length in known)
        turn = self._turn(event.turn, at)
        if event.total_ms is not None:
            turn.set_attribute("parley.total_ms", event.total_ms)
        for stage, length in known:
            name, attributes = self._stages[stage]
            self._child(turn, name, at, at + length, attributes)
            at += length

    def _tool(self, event: ToolReturned) -> None:
        end = time.time_ns()
        attributes = {"gen_ai.operation.name": "execute_tool", "gen_ai.tool.name": event.name}
        if not event.ok:
            attributes["error.type"] = "tool_error"
        start = end - round(event.ms * 1e6)
        self._child(
            self._turn(event.turn, start), f"execute_tool {event.name}", start, end, attributes
        )

    def _changed(self, code: str) -> None:
        """Another engine than before is used, as in the latest turn that is open."""
        if self._turns:
            self._turns[max(self._turns)].add_event(code)

    def _failed(self, stage: str, code: str) -> None:
        """An error, in the latest turn that is open; errors do not say of which they are."""
        from opentelemetry.trace import StatusCode

        if self._turns:
            span = self._turns[max(self._turns)]
            span.set_status(StatusCode.ERROR, f"{stage}: {code}")
            span.set_attribute("error.type", code)

    def _child(self, turn: "Span", name: str, start: int, end: int, attributes: Any) -> None:
        from opentelemetry.trace import set_span_in_context

        within = set_span_in_context(turn)
        span = self._tracer.start_span(name, within, attributes=attributes, start_time=start)
        span.end(end)


_FIELDS = {
    "endpoint": "endpoint_ms",
    "stt": "stt_ms",
    "llm": "llm_ttft_ms",
    "tts": "tts_ttfa_ms",
    "playback": "playback_ms",
}


def _stages(config: Config) -> dict[str, tuple[str, dict[str, Any]]]:
    """The name and the attributes of each stage's span."""
    llm = config.llm.engine_name
    model = str(getattr(config.llm, "model", None) or llm)
    chat = {
        "gen_ai.operation.name": "chat",
        "gen_ai.provider.name": llm,
        "gen_ai.request.model": model,
    }
    return {
        "endpoint": ("endpoint", {}),
        "stt": ("stt", {"parley.engine": config.stt.engine_name, **_fallback(config.stt)}),
        "llm": (f"chat {model}", {**chat, **_fallback(config.llm)}),
        "tts": ("tts", {"parley.engine": config.tts.engine_name, **_fallback(config.tts)}),
        "playback": ("playback", {}),
    }


def _fallback(section: EngineSection) -> dict[str, list[str]]:
    """The engines that stand in for a section's; when one does is an event of the turn."""
    others = [each.title for each in section.fallback]
    return {"parley.fallback": others} if others else {}
