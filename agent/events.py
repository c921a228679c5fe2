"""The data that flows: audio, and the events of the log. All frozen, all plain.

An event's `type` is its name in the event log (`--events FILE`); its fields are the line's fields.
Times are `anyio.current_time()` seconds, durations in fields named `_ms` or `_s` are just that.
"""

from collections.abc import Callable
from dataclasses import dataclass, fields
from math import isfinite
from typing import Any, ClassVar, Literal

import numpy as np
from numpy.typing import NDArray

from agent.guards.audio import as_samples

MICROPHONE_RATE = 16000
"""The rate in Hz at which microphones send: what recognisers want."""


Mark = Literal["open", "commit", "clear"]
"""What somebody says of the user's turn: it begins here, is over, or is to be forgotten."""


@dataclass(frozen=True, slots=True)
class Audio:
    """A block of mono float32 samples in [-1, 1]; other floats are converted.

    `time` is when its first sample was captured (`anyio.current_time()`); None means that the
    block has just been captured, its last sample now. `mark`: what somebody says of the user's
    turn, behind the block.
    """

    pcm: NDArray[np.float32]
    sample_rate: int
    time: float | None = None
    mark: Mark | None = None

    def __post_init__(self) -> None:
        """Raise ValueError, naming the field, for what is no block of audio.

        Here, where it is made: so a graph's error names the stage that made it.
        """
        try:
            object.__setattr__(self, "pcm", as_samples(self.pcm))
        except ValueError as error:
            raise ValueError(f"Audio.pcm: {error}") from None
        if not self.sample_rate > 0:
            raise ValueError(f"Audio.sample_rate is {self.sample_rate} Hz; it is more than 0")
        if self.time is not None and not isfinite(self.time):
            raise ValueError(f"Audio.time is {self.time}; it is in seconds, or None for now")

    @property
    def duration(self) -> float:
        """Length in seconds."""
        return len(self.pcm) / self.sample_rate


@dataclass(frozen=True, slots=True)
class Event:
    """Something that happened in a session."""

    type: ClassVar[str]

    def record(self) -> dict[str, Any]:
        """The event as a line of the log, without its time. A None field is left out."""
        values = {field.name: getattr(self, field.name) for field in fields(self)}
        return {"type": self.type, **{k: v for k, v in values.items() if v is not None}}


Report = Callable[[Event], None]
"""Told of every event as it happens; returns at once."""

Hearing = Callable[[str], None]
"""Told of the words of a reply as they are heard, up to four times a second; returns at once."""


def nobody(_: object) -> None:
    """Listen to nothing."""


@dataclass(frozen=True, slots=True)
class SessionStarted(Event):
    """Everything is loaded and open; `config` holds no secrets."""

    type: ClassVar[str] = "session.started"
    config: dict[str, Any]


@dataclass(frozen=True, slots=True)
class SessionEnded(Event):
    """The session is over; `reason` is a word such as `finished` or `interrupted`."""

    type: ClassVar[str] = "session.ended"
    reason: str


@dataclass(frozen=True, slots=True)
class UserSpeechStarted(Event):
    """The user has begun to speak."""

    type: ClassVar[str] = "user.speech_started"
    turn: int


@dataclass(frozen=True, slots=True)
class UserSpeechStopped(Event):
    """The user has stopped: `speech_s` seconds from first to last voiced sample."""

    type: ClassVar[str] = "user.speech_stopped"
    turn: int
    speech_s: float


@dataclass(frozen=True, slots=True)
class UserTranscript(Event):
    """What was understood of the turn so far, or, when `final`, of all of it."""

    type: ClassVar[str] = "user.transcript"
    turn: int
    text: str
    final: bool


@dataclass(frozen=True, slots=True)
class TurnCommitted(Event):
    """The endpoint: the turn is the user's last word, and is being answered.

    `guesses`: replies that were prepared in its pauses, the one that is used among them;
    `wasted_tokens`: what the language model gave for those that were not.
    """

    type: ClassVar[str] = "turn.committed"
    turn: int
    text: str
    guesses: int | None = None
    wasted_tokens: int | None = None


@dataclass(frozen=True, slots=True)
class UserBackchannel(Event):
    """The user said "mm-hm" or the like to the agent's speech, which goes on."""

    type: ClassVar[str] = "user.backchannel"
    turn: int
    text: str


@dataclass(frozen=True, slots=True)
class AssistantText(Event):
    """A fragment of the reply, as the language model emitted it."""

    type: ClassVar[str] = "assistant.text"
    turn: int
    delta: str


@dataclass(frozen=True, slots=True)
class AssistantSpeechStarted(Event):
    """The first sample of the reply leaves the speaker."""

    type: ClassVar[str] = "assistant.speech_started"
    turn: int


How = Literal["cut", "unheard", "ended"]


@dataclass(frozen=True, slots=True)
class AssistantInterrupted(Event):
    """The reply was stopped: the words that had left the speaker, and those that had not.

    `how`: `cut` while it sounded, `unheard` before it did, or `ended` with the session.
    """

    type: ClassVar[str] = "assistant.interrupted"
    turn: int
    heard: str
    unheard: str
    estimated: bool = False
    """Whether the voice did not say when its words were spoken, so that `heard` is an estimate."""
    how: How = "cut"


@dataclass(frozen=True, slots=True)
class AssistantResumed(Event):
    """The reply goes on from the word where it stopped: nobody wanted to interrupt it."""

    type: ClassVar[str] = "assistant.resumed"
    turn: int


@dataclass(frozen=True, slots=True)
class AssistantDone(Event):
    """The reply has been heard to its end."""

    type: ClassVar[str] = "assistant.done"
    turn: int
    text: str


@dataclass(frozen=True, slots=True)
class TurnLatency(Event):
    """Where the time went, in milliseconds; an unknown part is left out, never guessed.

    `endpoint_ms`: last voiced sample to the decision that the user has finished. `stt_ms`: from
    there to the final transcript. `llm_ttft_ms`: to the first token. `tts_ttfa_ms`: from there to
    the first audio. `playback_ms`: to the first sample leaving the speaker. `total_ms`: all of it.
    """

    type: ClassVar[str] = "turn.latency"
    turn: int
    endpoint_ms: float | None = None
    stt_ms: float | None = None
    llm_ttft_ms: float | None = None
    tts_ttfa_ms: float | None = None
    playback_ms: float | None = None
    total_ms: float | None = None


What = Literal[
    "duck",
    "unduck",
    "hold",
    "stop",
    "resume",
    "backchannel",
    "echo",
    "speculate",
    "discard",
    "ignore",
    "wait",
    "commit",
    "idle",
    "sleep",
    "wake",
    "filler",
]


@dataclass(frozen=True, slots=True)
class Decision(Event):
    """What turn-taking decided about turn `turn`, and why, in words.

    `certainty`: how surely the turn sounded finished, from 0 to 1, where that was asked.
    """

    type: ClassVar[str] = "decision"
    turn: int
    what: What
    why: str
    certainty: float | None = None


@dataclass(frozen=True, slots=True)
class WakeHeard(Event):
    """The agent was asleep, and heard its wake word `word`: it listens from now on."""

    type: ClassVar[str] = "wake.heard"
    word: str


@dataclass(frozen=True, slots=True)
class WakeAsleep(Event):
    """The agent sleeps from now on, until it hears its wake word."""

    type: ClassVar[str] = "wake.asleep"
    why: str


@dataclass(frozen=True, slots=True)
class NoticeEvent(Event):
    """Something that people may want to know, and nothing is amiss.

    `code` is a stable word such as `llm.found`.
    """

    type: ClassVar[str] = "notice"
    stage: str
    code: str
    message: str


@dataclass(frozen=True, slots=True)
class WarningEvent(Event):
    """Something is not as it should be, and the session goes on.

    `code` is a stable word such as `speaker.underrun`; `recovered` says whether it is over.
    """

    type: ClassVar[str] = "warning"
    stage: str
    code: str
    message: str
    recovered: bool = True


@dataclass(frozen=True, slots=True)
class ErrorEvent(Event):
    """Something failed and ended a turn or, when not `recovered`, the session."""

    type: ClassVar[str] = "error"
    stage: str
    code: str
    message: str
    recovered: bool


def file_warnings(report: Report) -> Callable[[str, str, bool], None]:
    """Return what tells of a file that is written (`agent.guards`): each as a warning."""

    def tell(code: str, message: str, recovered: bool) -> None:
        report(WarningEvent("files", code, message, recovered))

    return tell
