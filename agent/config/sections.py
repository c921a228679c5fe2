"""The sections of an agent's configuration, with every default and its meaning.

`agent.config.load` reads them from YAML; the engines' own sections are made from their
constructors.
"""

import ipaddress
import math
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from typing import Annotated, Any, Literal, Self, TypeVar, get_args

from pydantic import (
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    ValidationInfo,
    field_validator,
    model_validator,
)
from pydantic_core import PydanticCustomError

from agent.guards.secrets import public

# Nothing here is longer than this; milliseconds by mistake are noticed.
Seconds = Annotated[float, Field(ge=0, le=10)]
Probability = Annotated[float, Field(gt=0, lt=1)]


Choice = TypeVar("Choice")
# YAML reads a bare `off` as false.
Switch = Annotated[Choice, BeforeValidator(lambda value: "off" if value is False else value)]


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
            yield key, public(value, key or "")


def _admits_bool(annotation: Any) -> bool:
    return annotation in (Any, bool) or any(
        isinstance(part, bool) or _admits_bool(part) for part in get_args(annotation)
    )


EchoMode = Literal["auto", "cancel", "half_duplex", "off"]


PREAMBLE = (
    "This is a spoken conversation: your words are read aloud as you write them, and the user's "
    "words come from a speech recogniser, which may mishear. Answer as people talk: one to three "
    "short sentences unless asked for more, the answer first. Write plain sentences only: no "
    "lists, headings, tables, markdown, code, emoji or links. Write numbers, units and "
    "abbreviations so that they can be said. When the user's words make no sense, ask. An answer "
    "of yours that ends in a dash was interrupted there: the user did not hear the rest."
)
"""What every language model is told before its instructions: that it is heard, not read."""


class AgentSettings(Section):
    """Who the agent is and what it says by itself."""

    name: str = Field(default="Parley", description="Shown in the terminal.")
    instructions: str = Field(
        default="You are a helpful assistant.",
        description="Who the agent is: the part of the system message that is yours.",
    )
    preamble: str = Field(
        default=PREAMBLE,
        description="The part before it: that the language model is heard, not read.",
    )
    sounds: bool = Field(
        default=True,
        description="Tell the language model which sounds, such as (laughs), the voice can make.",
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
    """When the user has begun and when they have finished. All lengths in seconds.

    How much silence ends a turn depends on how finished it sounds (`agent.turns.detector`).
    """

    mode: Literal["open", "push_to_talk"] = Field(
        default="open",
        description="Whether `parley talk` listens all the time, or only while the user holds the "
        "turn (the space bar, `parley ctl talk`); the microphone is muted until then.",
    )
    detector: Literal["smart_turn", "words", "silence", "manual"] = Field(
        default="words",
        description="What judges whether a turn is finished: its sound (Smart-Turn v3, downloaded "
        "at the first start) and words, its words alone, nothing but silence, or nobody: a program "
        "says so (push to talk).",
    )
    respond: bool = Field(
        default=True,
        description="Answer a turn as soon as it is over; false waits until a program asks for it.",
    )
    model: str = Field(
        default="pipecat-ai/smart-turn-v3",
        description="Smart-Turn v3: its repository on Hugging Face, a folder or an .onnx file.",
    )
    min_speech: Seconds = Field(
        default=0.1, description="Voice shorter than this is a click, not speech."
    )
    pause: Seconds = Field(
        default=0.09, description="Silence after which a turn's end is guessed and prepared for."
    )
    complete: Seconds = Field(
        default=0.1, description="Silence that ends a turn that surely sounds finished."
    )
    silence: Seconds = Field(
        default=0.6,
        description="Silence that ends a turn of which nothing is known; a turn that sounds "
        "finished never takes more, one that sounds unfinished never less.",
    )
    unfinished: Seconds = Field(
        default=2.5, description="Silence that ends a turn that surely sounds unfinished."
    )
    speculate: Switch[Literal["off", "stt", "llm", "all"]] = Field(
        default="all",
        description="How far a reply is prepared in a pause, before the turn is surely over: not "
        "at all (nor are all of its words weighed in the pause), its words recognised, the model "
        "asked, or all of it but the playing.",
    )
    max_guesses: Annotated[int, Field(ge=0, le=100)] = Field(
        default=4, description="Replies prepared in vain per turn; further ones wait for its end."
    )
    pre_roll: Seconds = Field(default=0.3, description="Audio kept from before speech was noticed.")
    max_length: Annotated[float, Field(gt=1)] = Field(
        default=60.0, description="A longer monologue is cut into turns of this length."
    )


class InterruptionSettings(Section):
    """What stops the agent while it speaks. It only speaks more softly at first."""

    allow: bool | Annotated[str, Field(pattern=r"^after \d+(\.\d+)? s$")] = Field(
        default=True, description="Whether at all; `after 2 s` spares the first seconds of a reply."
    )
    min_speech: Seconds = Field(
        default=0.2, description="Voice that stops the agent, once there are words in it."
    )
    min_words: Annotated[int, Field(ge=0, le=20)] = Field(
        default=0, description="Words that it takes besides; 0 asks for none."
    )
    side_talk: Literal["ignore", "hear"] = Field(
        default="ignore",
        description="Whether voices far softer than the user's, and words to somebody else, stop "
        "it; `hear`: like all others.",
    )

    @property
    def spared(self) -> float:
        """Seconds of a reply that cannot be interrupted."""
        if isinstance(self.allow, str):
            return float(self.allow.split()[1])
        return 0.0 if self.allow else math.inf


class IdleSettings(Section):
    """What the agent does in a long silence."""

    after: Annotated[float, Field(gt=0)] | None = Field(
        default=None, description="Seconds of silence before the agent speaks up; null for never."
    )
    prompt: str = Field(default="Are you still there?", description="What it says then.")
    prompts: Annotated[int, Field(ge=1, le=10)] = Field(
        default=1, description="How often, before it sleeps until the user speaks."
    )


class ThinkingSettings(Section):
    """A filler: what is heard while the user waits for a reply."""

    after: Seconds | None = Field(
        default=2.5, description="Seconds without a sound before it; null for none."
    )
    say: str = Field(default="", description="Spoken then; empty for a soft tone.")


class SessionSettings(Section):
    """What is kept of a conversation."""

    save: str | None = Field(
        default=None,
        description="Folder for conversations, see `parley history`; null to keep none.",
    )
    forget: Annotated[str, Field(pattern=r"^[1-9]\d{0,4} (hour|day|week|month|year)s?$")] | None = (
        Field(
            default=None,
            description="Delete kept conversations in which nothing was said for so long, such as "
            "`30 days` (hours, days, weeks, months, years), whenever one begins; null for never.",
        )
    )
    watch: bool = Field(
        default=False,
        description="Take up changes of the configuration's files while a conversation goes on.",
    )

    @property
    def folder(self) -> Path | None:
        """Where conversations are kept, if they are."""
        return Path(self.save).expanduser() if self.save else None

    @property
    def kept_for(self) -> timedelta | None:
        """How long they are kept, if not for ever."""
        if self.forget is None:
            return None
        number, unit = self.forget.split()
        days = {"hour": 1 / 24, "day": 1, "week": 7, "month": 30, "year": 365}
        return timedelta(days=int(number) * days[unit.removesuffix("s")])


class ServerSettings(Section):
    """What `parley serve` lets in, and how much of it."""

    origins: list[str] = Field(
        default=[],
        description="Web pages that may talk to it besides its own, such as https://example.org; "
        "'*' for all.",
    )
    sessions: Annotated[int, Field(ge=1, le=10_000)] = Field(
        default=50, description="Conversations at a time; one more is told that the server is busy."
    )
    session_minutes: Annotated[float, Field(gt=0, le=24 * 60)] = Field(
        default=60.0, description="A conversation ends after that."
    )
    idle_minutes: Annotated[float, Field(gt=0, le=24 * 60)] = Field(
        default=15.0,
        description="A conversation ends after so long without anything from a client.",
    )
    webrtc_ports: Annotated[str, Field(pattern=r"^\d{1,5}-\d{1,5}$")] | None = Field(
        default=None,
        description="UDP ports of calls, such as 40000-40100, where only some can be reached, as "
        "in a container; null for any.",
    )
    webrtc_address: str | None = Field(
        default=None,
        description="Address at which calls reach this computer, where it is not its own, as in a "
        "container; null for those that it has.",
    )
    record: str | None = Field(
        default=None,
        description="Folder for recordings and transcripts of all conversations; null for none.",
    )
    log_words: bool = Field(
        default=False, description="Whether what is said may stand in the server's log."
    )

    @field_validator("webrtc_address")
    @classmethod
    def _address(cls, value: str | None) -> str | None:
        if value is not None:
            try:
                ipaddress.ip_address(value)
            except ValueError:
                raise PydanticCustomError("address", "should be an IP address") from None
        return value

    @field_validator("webrtc_ports")
    @classmethod
    def _port_range(cls, value: str | None) -> str | None:
        if value is not None:
            first, last = map(int, value.split("-"))
            if not 1024 <= first <= last <= 65535:
                raise PydanticCustomError("ports", "should be ports from 1024 to 65535, low-high")
        return value

    @property
    def ports(self) -> range | None:
        """UDP ports of calls; None for any."""
        if self.webrtc_ports is None:
            return None
        first, last = map(int, self.webrtc_ports.split("-"))
        return range(first, last + 1)
