"""The session object: its defaults, what an update changes, and what it means for the agent."""

from collections.abc import Mapping
from typing import Annotated, Any, Literal

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, ValidationError

from agent.config.load import Config
from agent.server.realtime.errors import RealtimeError
from agent.server.realtime.formats import Kind
from llm_adapters import ToolSpec

MAX_TEXT = 200_000
"""Characters of instructions."""
MAX_TOOLS = 128
LONGEST_COMMIT = 600.0
"""Seconds of a turn that the client commits."""


class Part(BaseModel):
    """A part of the session object; what is not known is ignored."""

    model_config = ConfigDict(extra="ignore", hide_input_in_errors=True)


class Format(Part):
    """How samples are written."""

    type: Kind = "audio/pcm"
    rate: Literal[24000, 8000] | None = None


class Transcription(Part):
    """What the user's words are wanted for; the agent's own recogniser gives them."""

    model: str | None = Field(default=None, max_length=256)
    language: str | None = Field(default=None, max_length=64)
    prompt: str | None = Field(default=None, max_length=MAX_TEXT)
    languages: list[str] | None = Field(default=None, max_length=64)
    keywords: list[str] | None = Field(default=None, max_length=1000)
    delay: Literal["minimal", "low", "medium", "high", "xhigh"] | None = None

    @property
    def recognition(self) -> dict[str, str | None]:
        """What the recogniser is told: the one language, and the words that are likely."""
        languages = [self.language] if self.language else self.languages or []
        code = languages[0].replace("_", "-").partition("-")[0] if len(languages) == 1 else ""
        words = [self.prompt or "", *(self.keywords or ())]
        return {"language": code.lower() or None, "prompt": " ".join(filter(None, words))}

    def untold(self) -> "Transcription":
        """Return what is left of it where the recogniser can be told nothing."""
        nothing = dict.fromkeys(("language", "prompt", "languages", "keywords"))
        return self.model_copy(update=nothing)


class ServerVad(Part):
    """Silence of a fixed length ends a turn."""

    type: Literal["server_vad"]
    threshold: float = Field(default=0.5, ge=0, le=1)
    prefix_padding_ms: int = Field(default=300, ge=0, le=10_000)
    silence_duration_ms: int = Field(default=500, ge=0, le=10_000)
    idle_timeout_ms: int | None = Field(default=None, ge=1, le=3_600_000)
    create_response: bool = True
    interrupt_response: bool = True


class SemanticVad(Part):
    """The agent's own turn detector: how finished a turn reads and sounds."""

    type: Literal["semantic_vad"] = "semantic_vad"
    eagerness: Literal["low", "medium", "high", "auto"] = "auto"
    create_response: bool = True
    interrupt_response: bool = True


def _off(value: object) -> object:
    """pipecat cannot send null, and sends false; a detector without a type is the usual one."""
    if value is False:
        return None
    return {"type": "server_vad", **value} if isinstance(value, Mapping) else value


TurnDetection = Annotated[
    Annotated[ServerVad | SemanticVad, Field(discriminator="type")] | None, BeforeValidator(_off)
]


class NoiseReduction(Part):
    """Taken, and left to the client's own."""

    type: Literal["near_field", "far_field"]


class Input(Part):
    """What comes from the user."""

    format: Format = Format()
    transcription: Transcription | None = None
    noise_reduction: NoiseReduction | None = None
    turn_detection: TurnDetection = SemanticVad()


class VoiceId(Part):
    """A voice by its id."""

    id: str = Field(max_length=256)


class Output(Part):
    """What goes to the user."""

    format: Format = Format()
    voice: Annotated[str, Field(max_length=256)] | VoiceId = "default"
    speed: float = Field(default=1.0, ge=0.25, le=1.5)


class AudioSettings(Part):
    """Both ways."""

    input: Input = Input()
    output: Output = Output()


class FunctionTool(Part):
    """A function that the client runs."""

    type: Literal["function"] = "function"
    name: str = Field(min_length=1, max_length=64)
    description: str = Field(default="", max_length=MAX_TEXT)
    parameters: dict[str, Any] = Field(default_factory=lambda: {"type": "object", "properties": {}})

    def spec(self) -> ToolSpec:
        """Return it as a language model is told it."""
        return ToolSpec(self.name, self.description, self.parameters)


class ToolChoice(Part):
    """One function that is to be called."""

    type: Literal["function"] = "function"
    name: str = Field(max_length=64)


Tools = Annotated[list[FunctionTool], Field(max_length=MAX_TOOLS)]
Choice = Literal["auto", "none", "required"] | ToolChoice
Modalities = Annotated[list[Literal["text", "audio"]], Field(min_length=1, max_length=2)]
MaxTokens = Annotated[int, Field(ge=1, le=4096)] | Literal["inf"]


class SessionSettings(Part):
    """The whole effective session object."""

    type: Literal["realtime", "transcription"] = "realtime"
    model: str = Field(default="parley", max_length=256)
    output_modalities: Modalities = ["audio"]
    instructions: str = Field(default="", max_length=MAX_TEXT)
    prompt: dict[str, Any] | None = None
    tools: Tools = []
    tool_choice: Choice = "auto"
    parallel_tool_calls: bool = True
    max_output_tokens: MaxTokens = "inf"
    reasoning: dict[str, Any] | None = None
    truncation: Literal["auto", "disabled"] | dict[str, Any] = "auto"
    tracing: Literal["auto"] | dict[str, Any] | None = None
    include: list[str] | None = Field(default=None, max_length=16)
    audio: AudioSettings = AudioSettings()

    @property
    def speaks(self) -> bool:
        """Whether answers have a voice."""
        return "audio" in self.output_modalities

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
        transcription = body["audio"]["input"]["transcription"]
        if transcription is not None:
            body["audio"]["input"]["transcription"] = _said(transcription)
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


def defaults(config: Config, kind: Literal["realtime", "transcription"]) -> SessionSettings:
    """The session of an agent before a client has said anything."""
    settings = SessionSettings(type=kind, instructions=config.agent.instructions)
    if kind == "transcription":
        settings.audio.input.transcription = Transcription(model="default")
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


_WHOLE = ("format", "transcription", "noise_reduction", "voice", "prompt", "tool_choice")
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
