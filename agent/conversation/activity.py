"""What happens in a conversation, in more detail than its log: for who sends it on elsewhere.

Turns and replies are known by their numbers. Times are `anyio.current_time()` seconds. Of a reply
that is prepared ahead nothing is told before it is wanted.
"""

from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from llm_adapters import ToolCall
from tts import SpokenWord


@dataclass(frozen=True, slots=True)
class TurnStarted:
    """The user begins to speak; `manual`: somebody else says when they have finished.

    `over`: the reply that is sounding, if the user could interrupt one.
    """

    turn: int
    start: float
    manual: bool = False
    over: int | None = None


@dataclass(frozen=True, slots=True)
class TurnStopped:
    """The user's turn is over; `committed`: somebody said so; `dropped`: it is to be forgotten."""

    turn: int
    start: float
    stop: float
    committed: bool = False
    dropped: bool = False


@dataclass(frozen=True, slots=True)
class TurnWords:
    """What is understood of a turn so far; all of it when `final`."""

    turn: int
    text: str
    final: bool


@dataclass(frozen=True, slots=True)
class TurnFailed:
    """The recogniser failed on a turn."""

    turn: int
    why: str


@dataclass(frozen=True, slots=True)
class TurnDecided:
    """What is made of a turn: the user's own, whether it is answered or not, or none."""

    turn: int
    what: Literal["committed", "backchannel", "ignored"]
    text: str = ""


@dataclass(frozen=True, slots=True)
class ReplyBegan:
    """A reply is wanted from now on, as the answer to `turn` or to the request of that number."""

    reply: int
    turn: int
    request: int = 0


@dataclass(frozen=True, slots=True)
class ReplyText:
    """A fragment of its text."""

    reply: int
    delta: str


@dataclass(frozen=True, slots=True)
class ReplyAudio:
    """More of its sound: float32 [n] in [-1, 1], with the words that start in it.

    The words' starts are in samples of the whole reply.
    """

    reply: int
    pcm: NDArray[np.float32]
    sample_rate: int
    words: tuple[SpokenWord, ...] = ()


@dataclass(frozen=True, slots=True)
class ReplyCalls:
    """It ends with calls of tools that somebody else runs."""

    reply: int
    calls: tuple[ToolCall, ...]


@dataclass(frozen=True, slots=True)
class ReplyCost:
    """What a request to the language model cost in tokens."""

    reply: int
    prompt: int
    completion: int
    cached: int


@dataclass(frozen=True, slots=True)
class ReplyMade:
    """All of it has been made, and given to whoever plays it.

    `failure`: what failed; `cut`: it was as long as it may be; `too_long`: the conversation was,
    which is what failed.
    """

    reply: int
    failure: str = ""
    cut: bool = False
    too_long: bool = False


@dataclass(frozen=True, slots=True)
class ReplyHeld:
    """The user speaks, and it waits until it is known what they want.

    `interrupts`: it sounded, and has fallen silent: a barge-in. Else it had not begun.
    """

    reply: int
    interrupts: bool


@dataclass(frozen=True, slots=True)
class ReplyResumed:
    """It goes on from sample `played`: the user wanted nothing of it. `heard`: what was by then."""

    reply: int
    heard: str
    played: int


@dataclass(frozen=True, slots=True)
class ReplyOver:
    """It has been heard to its end, or was stopped; `heard` are the words that were.

    `heard_ms`: how much of its sound that was.
    """

    reply: int
    heard: str
    interrupted: bool
    heard_ms: float = 0.0


Activity = (
    TurnStarted
    | TurnStopped
    | TurnWords
    | TurnFailed
    | TurnDecided
    | ReplyBegan
    | ReplyText
    | ReplyAudio
    | ReplyCalls
    | ReplyCost
    | ReplyMade
    | ReplyHeld
    | ReplyResumed
    | ReplyOver
)
"""Everything of which somebody who watches is told."""
