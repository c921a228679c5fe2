"""The objects that a session is made of, with their limits; what is not known is ignored."""

from collections.abc import Mapping
from typing import Annotated, Any, Literal

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field

from agent.server.realtime.formats import Kind
from llm_adapters import Effort, ToolSpec, Truncation

MAX_TEXT = 200_000
"""Characters of instructions."""
MAX_TOOLS = 128


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
    """How far from the microphone the user is, and how much of the noise is taken out."""

    type: Literal["near_field", "far_field"]
    strength: float | None = Field(default=None, ge=0, le=1)


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


class Reasoning(Part):
    """How much the model thinks before it answers, where it can be told."""

    effort: Effort | None = None


class TokenLimits(Part):
    """The most that the model is sent."""

    post_instructions: int | None = Field(default=None, ge=1)


class RetentionRatio(Part):
    """What is kept of a conversation that is longer than it may be."""

    type: Literal["retention_ratio"]
    retention_ratio: float = Field(ge=0, le=1)
    token_limits: TokenLimits | None = None

    @property
    def truncation(self) -> Truncation:
        """The same, as a language model is told it."""
        limits = self.token_limits or TokenLimits()
        return Truncation(keep=self.retention_ratio, limit=limits.post_instructions)
