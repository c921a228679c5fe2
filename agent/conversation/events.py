"""What the turn-taking policy is told besides the user's words: of replies, tools and time.

Replies are known by the numbers that the policy gave them. Times are `anyio.current_time()`
seconds.
"""

from dataclasses import dataclass
from typing import Literal

from agent.turns.events import SpeechCandidate, SpeechRejected, SpeechStarted, TurnEvent


@dataclass(frozen=True, slots=True)
class ConversationStarted:
    """Everything is ready; the agent may greet."""


@dataclass(frozen=True, slots=True)
class ConversationEnded:
    """No more will come from the user; what is being said is said to its end."""


@dataclass(frozen=True, slots=True)
class Woken:
    """The wake word was heard: the user is about to speak, or speaks on."""


@dataclass(frozen=True, slots=True)
class ReplyStarted:
    """The first sample of a reply leaves the speaker, at `time`."""

    reply: int
    time: float


@dataclass(frozen=True, slots=True)
class ReplyProgress:
    """How a reply stands now, told before any other event: what turn-taking depends on."""

    reply: int
    tokens: int = 0
    """Fragments that the language model has given."""
    failure: str = ""
    """What an engine said that failed."""
    interruptible: bool = True
    """Whether the user may cut in."""
    asks: bool = False
    """Whether it ends with a question that the user can have understood by now."""
    starved: bool = False
    """Whether all there is of it so far has been heard, and more is awaited."""
    delivered: bool = False
    """Whether all of it has been sent to a listener who plays it by themselves."""
    echoed: str = ""
    """The words that were heard and may come back through the microphone; none without an echo."""


@dataclass(frozen=True, slots=True)
class ReplyEnded:
    """A reply is over; `complete`: it was heard to its end, and no engine failed."""

    reply: int
    complete: bool


@dataclass(frozen=True, slots=True)
class ToolsTakeLong:
    """A reply waits for tools that take their time."""

    reply: int


@dataclass(frozen=True, slots=True)
class Announcement:
    """Something besides the user wants `text` said, at the next pause, by `request` if any."""

    text: str
    request: int = 0


@dataclass(frozen=True, slots=True)
class Typed:
    """The user says `text` without a voice: a turn of its own, and its end."""

    turn: int
    text: str
    request: int


@dataclass(frozen=True, slots=True)
class ReplyWanted:
    """Somebody wants an answer to the conversation as it stands."""

    request: int


@dataclass(frozen=True, slots=True)
class RequestWithdrawn:
    """A request is not wanted any more, whatever has become of it."""

    request: int


@dataclass(frozen=True, slots=True)
class ReplyStopped:
    """Somebody wants no more of a reply, such as a listener who has stopped it."""

    reply: int


@dataclass(frozen=True, slots=True)
class Silenced:
    """The agent is to be silent now: no more of any reply."""


@dataclass(frozen=True, slots=True)
class TurnHeld:
    """The user has begun to hold a turn (push to talk), or has let go of it and said nothing."""

    held: bool


@dataclass(frozen=True, slots=True)
class WordsAwaited:
    """Somebody says that the user's turn is over: its words are on their way."""


@dataclass(frozen=True, slots=True)
class ContextChanged:
    """Somebody has changed what the model is told; `awaited`: more words of theirs are to come.

    None: as before.
    """

    awaited: bool | None = None


TimerName = Literal["idle", "filler", "tools", "words", "tone", "sleep"]


@dataclass(frozen=True, slots=True)
class TimerRang:
    """The time that was set with `SetTimer` is over."""

    timer: TimerName


ReplyEvent = ReplyStarted | ReplyProgress | ToolsTakeLong | ReplyEnded
"""What is about a reply."""

ConversationEvent = (
    ConversationStarted
    | SpeechCandidate
    | SpeechRejected
    | SpeechStarted
    | TimerRang
    | Woken
    | ConversationEnded
)
"""What is about no turn or reply that there is."""

RequestEvent = (
    Announcement
    | Typed
    | ReplyWanted
    | RequestWithdrawn
    | ReplyStopped
    | Silenced
    | TurnHeld
    | WordsAwaited
    | ContextChanged
)
"""What somebody asks for who does not speak."""

PolicyEvent = ConversationEvent | TurnEvent | ReplyEvent | RequestEvent
"""Everything that the policy can be told."""
