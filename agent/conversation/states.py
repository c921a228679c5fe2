"""What turn-taking knows of a reply and of a turn: plain records (the chart is in `policy`)."""

import re
from dataclasses import dataclass, field
from enum import Enum, auto

from agent.conversation.commands import Commit
from agent.conversation.events import ReplyProgress


class ReplyState(Enum):
    """Where a reply stands."""

    PREPARING = auto()
    """It may be wanted: generated ahead of the turn's end, and not played."""
    DISCARDED = auto()
    """It was prepared in vain."""
    PENDING = auto()
    """It is its turn, and nothing has been heard of it yet."""
    SOUNDING = auto()
    HELD = auto()
    """Silent, until it is known what the user wants."""
    DONE = auto()
    """It has been heard to its end."""
    INTERRUPTED = auto()
    """It was stopped before that, or a failure cut it short."""


@dataclass(slots=True)
class ReplyRecord:
    """What is known of a reply."""

    number: int
    turn: int  # the user's, which it answers or comes after
    state: ReplyState
    began: float | None = None  # when its first sample was heard
    ducked: bool = False  # softer, for there may be a voice
    request: int = 0  # that it answers
    progress: ReplyProgress = field(default_factory=lambda: ReplyProgress(0))

    @property
    def sounding(self) -> bool:
        """Whether it can be heard now."""
        return self.state is ReplyState.SOUNDING


@dataclass(slots=True)
class TurnRecord:
    """What is known of a turn of the user's that has not been answered yet."""

    number: int
    began: float = 0.0
    over: ReplyRecord | None = None  # the reply that sounded when it began
    voice: float = 0.0  # seconds, since it began or went on
    level: float | None = None  # of its voice, in dBFS
    pitch: float | None = None  # and in semitones
    text: str = ""  # its words so far
    manual: bool = False  # somebody says when it is over
    held: bool = False  # the user does, who speaks until then
    ended: bool = False  # its last words are being understood
    committed: bool = False  # somebody said that it is over
    interrupted: bool = False  # a reply was silenced for it
    cut: bool = False
    attempts: int = 0  # preemptive replies
    wasted_tokens: int = 0


def committed(turn: TurnRecord, reply: ReplyRecord | None, request: int = 0) -> Commit:
    """The commit of a turn, and of the reply that answers it."""
    number = reply.number if reply is not None else None
    return Commit(turn.number, turn.text, number, turn.attempts, turn.wasted_tokens, request)


def plain(text: str) -> str:
    """The words alone: neither case nor punctuation changes what was said."""
    return " ".join(re.sub(r"[^\w\s]", "", text.casefold()).split())
