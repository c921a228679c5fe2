"""The sections of an agent's configuration, with every default and its meaning.

`agent.config` reads them from YAML; the engines' own sections are made from their constructors.
"""

from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field

Seconds = Annotated[float, Field(ge=0)]
Probability = Annotated[float, Field(gt=0, lt=1)]


class Section(BaseModel):
    """A mapping in the YAML file: unknown keys are errors, values never change."""

    model_config = ConfigDict(extra="forbid", frozen=True)


class AgentSettings(Section):
    """Who the agent is and what it says by itself."""

    name: str = Field("Parley", description="Shown in the terminal.")
    instructions: str = Field(
        "You are a helpful voice assistant. You are heard, not read: answer in short, plain "
        "sentences, without lists, markdown or emoji.",
        description="The system message: who the agent is and how it speaks.",
    )
    greeting: str = Field("", description="Spoken when the session starts; empty for silence.")
    apology: str = Field(
        "Sorry, something went wrong. Please try again.",
        description="Spoken when a reply fails; empty for silence.",
    )


class MicrophoneSettings(Section):
    """Where the user's voice comes from."""

    device: str | int | None = Field(
        None, description="Part of a device's name, or its index; null for the default."
    )
    latency: Seconds = Field(0.04, description="What is asked of the device, in seconds.")


class SpeakerSettings(Section):
    """Where the agent's voice goes."""

    device: str | int | None = Field(
        None, description="Part of a device's name, or its index; null for the default."
    )
    latency: Seconds = Field(0.06, description="What is asked of the device, in seconds.")
    prebuffer: Seconds = Field(
        0.08, description="Audio gathered before a reply starts to play, against stutter."
    )


class VadSettings(Section):
    """When a sound is a voice (Silero v6, one probability per 32 ms)."""

    start: Probability = Field(0.5, description="Speech begins at this probability.")
    stop: Probability = Field(
        0.35, description="Speech goes on down to this probability (hysteresis)."
    )


class TurnSettings(Section):
    """When the user has begun, finished, or interrupts. All in seconds."""

    min_speech: Seconds = Field(0.1, description="Voice shorter than this is a click, not speech.")
    silence: Seconds = Field(0.5, description="Silence that ends the user's turn.")
    pre_roll: Seconds = Field(0.3, description="Audio kept from before speech was noticed.")
    min_interruption: Seconds = Field(
        0.25, description="Voice that stops the agent while it speaks."
    )
    max_length: Annotated[float, Field(gt=1)] = Field(
        60.0, description="A longer monologue is cut into turns of this length."
    )
