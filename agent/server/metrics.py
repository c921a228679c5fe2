"""What happens in all conversations, counted for Prometheus."""

from collections.abc import Callable
from functools import partial

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram

from agent.events import (
    AssistantInterrupted,
    AssistantResumed,
    ErrorEvent,
    Event,
    TurnCommitted,
    TurnLatency,
    WarningEvent,
)
from agent.server.processor_time import ProcessorTime
from agent.tools.events import ToolReturned
from tts import Occupancy

SECONDS = (0.01, 0.025, 0.05, 0.1, 0.2, 0.3, 0.5, 0.75, 1.0, 1.5, 2.0, 3.0, 5.0, 10.0)
"""Upper edges of the histograms: people notice 0.2 s, and leave after some."""
STAGES = {
    "endpoint": "endpoint_ms",
    "stt": "stt_ms",
    "llm": "llm_ttft_ms",
    "tts": "tts_ttfa_ms",
    "playback": "playback_ms",
    "total": "total_ms",
}
"""The stages of a turn, and the fields of `TurnLatency` that time them."""

VOICE = {
    "slots": "Utterances that the voice can speak at a time",
    "speaking": "Utterances that it speaks",
    "waiting": "Utterances that wait for a slot",
}
"""The parts of a voice's occupancy."""


class Metrics:
    """The figures of one server; labels are of a few known words, never a client's."""

    def __init__(self) -> None:
        self.registry = registry = CollectorRegistry()
        registry.register(ProcessorTime())
        self.sessions = Gauge(
            "parley_sessions", "Sessions under way", ["protocol"], registry=registry
        )
        self.slots = Gauge("parley_session_slots", "Sessions at a time", registry=registry)
        self.begun = Counter(
            "parley_sessions_begun", "Sessions begun", ["protocol"], registry=registry
        )
        self.refused = Counter(
            "parley_sessions_refused", "Sessions refused", ["reason"], registry=registry
        )
        self._turns = Counter(
            "parley_turns", "The user's turns, spoken or written", registry=registry
        )
        self._latency = Histogram(
            "parley_turn_latency_seconds",
            "Where the time goes from the user's last sound to the agent's first",
            ["stage"],
            buckets=SECONDS,
            registry=registry,
        )
        self._interruptions = Counter(
            "parley_interruptions", "Replies that were cut while they sounded", registry=registry
        )
        self._false_interruptions = Counter(
            "parley_false_interruptions", "Those of them that went on", registry=registry
        )
        self._underruns = Counter(
            "parley_underruns", "Gaps in a reply, for its sound came too late", registry=registry
        )
        self._tools = Counter("parley_tool_calls", "Calls of tools", ["ok"], registry=registry)
        self._errors = Counter("parley_errors", "Errors", ["stage"], registry=registry)
        self._warnings = Counter("parley_warnings", "Warnings", ["stage"], registry=registry)
        for stage in STAGES:
            self._latency.labels(stage)

    def watch_voice(self, occupancy: Callable[[], Occupancy]) -> None:
        """Have the voice's slots among the figures, as they are when somebody asks."""
        for part, what in VOICE.items():
            gauge = Gauge(f"parley_voice_{part}", what, registry=self.registry)
            gauge.set_function(partial(_part, occupancy, part))

    def report(self, event: Event) -> None:
        """Count an event of a conversation."""
        match event:
            case TurnCommitted():
                self._turns.inc()
            case TurnLatency():
                for stage, part in STAGES.items():
                    if (ms := getattr(event, part)) is not None:
                        self._latency.labels(stage).observe(ms / 1000)
            case AssistantInterrupted(how="cut"):
                self._interruptions.inc()
            case AssistantResumed():
                self._false_interruptions.inc()
            case ToolReturned(ok=ok):
                self._tools.labels(str(ok).lower()).inc()
            case ErrorEvent(stage=stage):
                self._errors.labels(stage).inc()
            case WarningEvent(code="speaker.underrun"):
                self._underruns.inc()
            case WarningEvent(stage=stage):
                self._warnings.labels(stage).inc()


def _part(occupancy: Callable[[], Occupancy], part: str) -> float:
    return float(getattr(occupancy(), part))
