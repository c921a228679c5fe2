"""The sections of an agent's configuration, with every default and its meaning.

`agent.config` reads them from YAML; the engines' own sections are made from their constructors.
"""

import re
from collections.abc import Iterator
from typing import Annotated, Any, Self, get_args

from pydantic import (
    BaseModel,
    ConfigDict,
    Field,
    ValidationInfo,
    field_validator,
    model_validator,
)
from pydantic_core import PydanticCustomError

# Nothing here is longer than this; milliseconds by mistake are noticed.
Seconds = Annotated[float, Field(ge=0, le=10)]
Probability = Annotated[float, Field(gt=0, lt=1)]


class Section(BaseModel):
    """A mapping in the YAML file: unknown keys are errors, values never change."""

    model_config = ConfigDict(
        extra="forbid", frozen=True, allow_inf_nan=False, hide_input_in_errors=True
    )

    @field_validator("*", mode="before")
    @classmethod
    def _true_is_no_number(cls, value: object, info: ValidationInfo) -> object:
        """Refuse `silence: true`, which pydantic would take as one second."""
        if isinstance(value, bool) and info.field_name:
            annotation = cls.model_fields[info.field_name].annotation
            if not _admits_bool(annotation):
                raise PydanticCustomError("not_bool", "should not be true or false")
        return value

    def __repr_args__(self) -> Iterator[tuple[str | None, Any]]:
        for key, value in super().__repr_args__():
            yield key, MASK if value and is_secret(key or "") else value


MASK = "********"


def is_secret(key: str) -> bool:
    """Whether the value of a key of this name must never be shown."""
    return re.search(r"(^|_)(key|token|password|secret)$", key) is not None


def _admits_bool(annotation: Any) -> bool:
    return annotation in (Any, bool) or any(
        isinstance(part, bool) or _admits_bool(part) for part in get_args(annotation)
    )


class AgentSettings(Section):
    """Who the agent is and what it says by itself."""

    name: str = Field(default="Parley", description="Shown in the terminal.")
    instructions: str = Field(
        default="You are a helpful voice assistant. You are heard, not read: answer in short, "
        "plain sentences, without lists, markdown or emoji.",
        description="The system message: who the agent is and how it speaks.",
    )
    greeting: str = Field(
        default="", description="Spoken when the session starts; empty for silence."
    )
    apology: str = Field(
        default="Sorry, something went wrong. Please try again.",
        description="Spoken when a reply fails; empty for silence.",
    )


class MicrophoneSettings(Section):
    """Where the user's voice comes from."""

    device: str | int | None = Field(
        default=None, description="Part of a device's name, or its index; null for the default."
    )
    latency: Seconds = Field(default=0.04, description="What is asked of the device, in seconds.")


class SpeakerSettings(Section):
    """Where the agent's voice goes."""

    device: str | int | None = Field(
        default=None, description="Part of a device's name, or its index; null for the default."
    )
    latency: Seconds = Field(default=0.06, description="What is asked of the device, in seconds.")
    prebuffer: Seconds = Field(
        default=0.08, description="Audio gathered before a reply starts to play, against stutter."
    )


class VadSettings(Section):
    """When a sound is a voice (Silero v6, one probability per 32 ms)."""

    start: Probability = Field(default=0.5, description="Speech begins at this probability.")
    stop: Probability = Field(
        default=0.35, description="Speech goes on down to this probability (hysteresis)."
    )

    @model_validator(mode="after")
    def _hysteresis(self) -> Self:
        if self.stop > self.start:
            raise PydanticCustomError("hysteresis", "stop should not be greater than start")
        return self


class TurnSettings(Section):
    """When the user has begun, finished, or interrupts. All in seconds."""

    min_speech: Seconds = Field(
        default=0.1, description="Voice shorter than this is a click, not speech."
    )
    silence: Seconds = Field(default=0.5, description="Silence that ends the user's turn.")
    pre_roll: Seconds = Field(default=0.3, description="Audio kept from before speech was noticed.")
    min_interruption: Seconds = Field(
        default=0.25, description="Voice that stops the agent while it speaks."
    )
    max_length: Annotated[float, Field(gt=1)] = Field(
        default=60.0, description="A longer monologue is cut into turns of this length."
    )
