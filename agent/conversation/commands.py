"""What the turn-taking policy decides: commands, which the session executes in their order.

Replies are known by numbers, which the policy gives them; turns are the user's.
"""

from dataclasses import dataclass
from typing import ClassVar

from agent.conversation.events import TimerName
from agent.events import Decision, What


class Command:
    """Something that the session is to do."""

    __slots__ = ()


@dataclass(frozen=True, slots=True)
class Decided(Command):
    """A command that is logged, with its reason, as the `Decision` named `what`."""

    what: ClassVar[What]
    turn: int
    why: str


@dataclass(frozen=True, slots=True)
class Duck(Decided):
    """Lower the agent's voice."""

    what: ClassVar[What] = "duck"


@dataclass(frozen=True, slots=True)
class Unduck(Decided):
    """Back to its full level."""

    what: ClassVar[What] = "unduck"


@dataclass(frozen=True, slots=True)
class Hold(Decided):
    """Let a reply that has not begun wait, until `Resume` or `Stop`."""

    what: ClassVar[What] = "hold"
    reply: int


@dataclass(frozen=True, slots=True)
class Interrupt(Decided):
    """Silence a reply, until `Resume` or `Stop`: this is a barge-in."""

    what: ClassVar[What] = "stop"
    reply: int


@dataclass(frozen=True, slots=True)
class Resume(Decided):
    """Go on with a reply where it was silenced."""

    what: ClassVar[What] = "resume"
    reply: int


@dataclass(frozen=True, slots=True)
class Stop(Command):
    """End a reply for good: what has been heard of it is all there will be."""

    reply: int


@dataclass(frozen=True, slots=True)
class Prepare(Decided):
    """Begin a preemptive reply: as if the user had said `text`, but for the playing."""

    what: ClassVar[What] = "speculate"
    reply: int
    text: str


@dataclass(frozen=True, slots=True)
class Discard(Decided):
    """Drop the preemptive reply: nothing of it is ever heard or told."""

    what: ClassVar[What] = "discard"
    reply: int


@dataclass(frozen=True, slots=True)
class Commit(Command):
    """The turn is the user's, its words enter the history, and `reply` answers it.

    A reply that was not prepared begins now. None: the turn was cut, the rest is awaited.
    `attempts`: preemptive replies there have been, and the `wasted_tokens` of those discarded.
    """

    turn: int
    text: str
    reply: int | None
    attempts: int
    wasted_tokens: int
    request: int = 0


@dataclass(frozen=True, slots=True)
class Answer(Command):
    """Answer the conversation as it stands, as `reply`."""

    turn: int
    reply: int
    request: int


@dataclass(frozen=True, slots=True)
class Refuse(Command):
    """Nothing comes of a request."""

    request: int


@dataclass(frozen=True, slots=True)
class Backchannel(Command):
    """The turn was one: it is noted beside the conversation."""

    turn: int
    text: str


@dataclass(frozen=True, slots=True)
class Ignore(Command):
    """The turn was nothing; `interrupted`: though the agent fell silent for it."""

    turn: int
    interrupted: bool


@dataclass(frozen=True, slots=True)
class Say(Command):
    """Say something that is no answer, as `reply`."""

    turn: int
    reply: int
    text: str
    request: int = 0


@dataclass(frozen=True, slots=True)
class Leave(Command):
    """Take a reply as heard: its listener, who has all of it, may play it while the next begins."""

    reply: int


@dataclass(frozen=True, slots=True)
class Fill(Decided):
    """Play the filler: the user is waiting."""

    what: ClassVar[What] = "filler"


@dataclass(frozen=True, slots=True)
class SetTimer(Command):
    """Tell `TimerRang` in `seconds`; what was set before is forgotten."""

    timer: TimerName
    seconds: float


@dataclass(frozen=True, slots=True)
class StopTimer(Command):
    """Do not."""

    timer: TimerName


@dataclass(frozen=True, slots=True)
class Tone(Command):
    """Play the tone that says that the agent listens."""


@dataclass(frozen=True, slots=True)
class Sleep(Command):
    """Hear nothing more until the wake word is heard."""

    why: str


@dataclass(frozen=True, slots=True)
class Explain(Command):
    """Nothing is to be done; this is why."""

    decision: Decision
