"""The session object: its defaults, what an update changes, and what it means for the agent."""

from collections.abc import Mapping
from typing import Any, Literal

from pydantic import Field, ValidationError

from agent.config.load import Config
from agent.server.realtime.errors import RealtimeError
from agent.server.realtime.session_parts import (
    MAX_TEXT,
    AudioSettings,
    Choice,
    Format,
    MaxTokens,
    Modalities,
    Part,
    Reasoning,
    RetentionRatio,
    ServerVad,
    Tools,
    Transcription,
)
from llm_adapters import ModelOptions, Truncation

LATENCY = "parley.latency"
"""What a client includes to be told where the time of each turn went; it is all that there is."""
LONGEST_COMMIT = 600.0
"""Seconds of a turn that the client commits."""


class SessionSettings(Part):
    """The whole effective session object."""

    type: Literal["realtime", "transcription"] = "realtime"
    model: str = Field(default="parley", max_length=256)
    output_modalities: Modalities = Field(default=["audio"])
    instructions: str = Field(default="", max_length=MAX_TEXT)
    prompt: dict[str, Any] | None = None
    tools: Tools = Field(default=[])
    tool_choice: Choice = "auto"
    parallel_tool_calls: bool = True
    max_output_tokens: MaxTokens = "inf"
    reasoning: Reasoning | None = None
    truncation: Literal["auto", "disabled"] | RetentionRatio = "auto"
    tracing: Literal["auto"] | dict[str, Any] | None = None
    include: list[str] | None = Field(default=None, max_length=16)
    audio: AudioSettings = AudioSettings()

    @property
    def speaks(self) -> bool:
        """Whether answers have a voice."""
        return "audio" in self.output_modalities

    @property
    def model_options(self) -> ModelOptions:
        """What the language model is asked for besides an answer."""
        truncation: Truncation | None = Truncation()
        if self.truncation != "auto":
            truncation = None if self.truncation == "disabled" else self.truncation.truncation
        effort = self.reasoning.effort if self.reasoning is not None else None
        return ModelOptions(
            effort=effort, truncation=truncation, parallel_calls=self.parallel_tool_calls
        )

    def without_model_options(self) -> "SessionSettings":
        """Return what is left of it where the language model can be told nothing."""
        unsaid = {"reasoning": None, "truncation": "auto", "parallel_tool_calls": True}
        return self.model_copy(update=unsaid)

    def merged(self, update: Mapping[str, Any]) -> "SessionSettings":
        """This session after an update: what is absent stays. Raises RealtimeError."""
        whole = _merge(self.model_dump(), update)
        try:
            return SessionSettings.model_validate(whole)
        except ValidationError as error:
            raise explained(error, "session") from None

    def body(self, session_id: str, expires_at: int) -> dict[str, Any]:
        """Return it as clients are told it."""
        body = {
            "id": session_id,
            "object": "realtime.session",
            "expires_at": expires_at,
            **self.model_dump(),
            "output_modalities": ["audio" if self.speaks else "text"],  # never both
        }
        for way in ("input", "output"):
            body["audio"][way]["format"] = wire_format(getattr(self.audio, way).format)
        for part in ("transcription", "noise_reduction"):
            if (given := body["audio"]["input"][part]) is not None:
                body["audio"]["input"][part] = _said(given)
        if isinstance(self.truncation, RetentionRatio):
            body["truncation"] = self.truncation.model_dump(exclude_none=True)
        body["include"] = [each for each in self.include or () if each == LATENCY] or None
        if self.type == "transcription":
            kept = ("id", "object", "type", "expires_at", "include")
            audio = {"input": body["audio"]["input"]}
            return {**{key: body[key] for key in kept}, "audio": audio}
        if body["reasoning"] is None:
            del body["reasoning"]
        return body

    def sections(self, config: Config) -> dict[str, dict[str, Any]]:
        """Return what it changes of the agent's configuration, `config`."""
        detection = self.audio.input.turn_detection
        responds = self.type == "realtime"
        if detection is None:
            turn = {"detector": "manual", "respond": False, "max_length": LONGEST_COMMIT}
            return {"turn": turn, "idle": {"after": None}}
        allow = config.interruption.allow if detection.interrupt_response else False
        sections: dict[str, dict[str, Any]] = {
            "turn": {"respond": responds and detection.create_response},
            "interruption": {"allow": allow},
            "idle": {"after": None},
        }
        turn = sections["turn"]
        turn["max_length"] = config.turn.max_length
        if isinstance(detection, ServerVad):
            start = min(max(detection.threshold, 0.01), 0.99)
            sections["vad"] = {"start": start, "stop": min(config.vad.stop, start)}
            turn["detector"] = "silence"
            turn["silence"] = detection.silence_duration_ms / 1000
            turn["pre_roll"] = detection.prefix_padding_ms / 1000
            if detection.idle_timeout_ms is not None:
                sections["idle"] = {"after": detection.idle_timeout_ms / 1000, "prompt": ""}
            return sections
        own = config.turn.detector
        turn["detector"] = own if own in ("smart_turn", "words") else "words"
        turn["silence"] = config.turn.silence
        turn["pre_roll"] = config.turn.pre_roll
        longest = {"low": 8.0, "medium": 4.0, "high": 2.0, "auto": config.turn.unfinished}
        turn["unfinished"] = longest[detection.eagerness]
        sections["vad"] = {"start": config.vad.start, "stop": config.vad.stop}
        return sections


def defaults(
    config: Config, kind: Literal["realtime", "transcription"], model: str | None = None
) -> SessionSettings:
    """The session of an agent before a client has said anything but, perhaps, its model."""
    settings = SessionSettings(type=kind, instructions=config.agent.instructions)
    if model:
        settings.model = model
    if kind == "transcription":
        settings.audio.input.transcription = Transcription(model=model or "default")
        settings.audio.input.turn_detection = ServerVad(type="server_vad")
    return settings


def wire_format(format_: Format) -> dict[str, Any]:
    """Return a format as clients are told it."""
    return {"type": format_.type, **({"rate": 24000} if format_.type == "audio/pcm" else {})}


def explained(error: ValidationError, param: str) -> RealtimeError:
    """The first thing that is wrong with what a client sent."""
    first = error.errors(include_url=False, include_input=False)[0]
    places = (str(part) for part in first["loc"] if part not in ("server_vad", "semantic_vad"))
    where = ".".join(filter(None, (param, *places)))
    missing = first["type"] == "missing"
    message = f"Missing required parameter: '{where}'." if missing else f"{where}: {first['msg']}"
    code = "missing_required_parameter" if missing else "invalid_value"
    return RealtimeError(message, code=code, param=where)


_WHOLE = (
    "format",
    "transcription",
    "noise_reduction",
    "voice",
    "prompt",
    "tool_choice",
    "truncation",
    "reasoning",
)
"""Objects that are replaced and not merged."""


def _merge(whole: Mapping[str, Any], update: Mapping[str, Any]) -> dict[str, Any]:
    merged = dict(whole)
    for key, value in update.items():
        before = merged.get(key)
        if key not in _WHOLE and isinstance(before, Mapping) and isinstance(value, Mapping):
            same = value.get("type", before.get("type")) == before.get("type")
            merged[key] = _merge(before, value) if same else value
        elif value is not None or key in _NULLABLE:
            merged[key] = value
    return merged


_NULLABLE = (
    "turn_detection",
    "transcription",
    "noise_reduction",
    "tracing",
    "prompt",
    "include",
    "reasoning",
    "idle_timeout_ms",
)
"""What null clears; of anything else it means nothing."""


def _said(values: Mapping[str, Any]) -> dict[str, Any]:
    return {key: value for key, value in values.items() if value is not None}
