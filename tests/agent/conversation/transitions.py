"""What the tables of the policy's transitions are made of."""

from collections.abc import Sequence
from typing import Any, NamedTuple

from agent.config.load import Config
from agent.conversation.commands import (
    Command,
    Explain,
)
from agent.conversation.events import (
    ConversationStarted,
    PolicyEvent,
    ReplyEnded,
    ReplyProgress,
    ReplyStarted,
)
from agent.conversation.policy import Policy
from agent.conversation.states import ReplyRecord, ReplyState
from agent.events import Decision, What
from agent.turns.events import (
    PreemptiveTranscript,
    SpeechCandidate,
    SpeechEnded,
    SpeechPaused,
    SpeechProgress,
    SpeechStarted,
    TurnTranscript,
)

PREPARING, DISCARDED, PENDING, SOUNDING, HELD, DONE, INTERRUPTED = ReplyState

QUESTION = "what time is it"
WHY = "1.00 s of silence"
NOW = 10.0
"""When the last event comes; a second after those before it."""


def started(turn: int) -> SpeechStarted:
    return SpeechStarted(turn, 0.0)


def ended(turn: int, *, cut: bool = False) -> SpeechEnded:
    return SpeechEnded(turn, 0.0, 1.0, cut, WHY)


def final(turn: int, text: str) -> TurnTranscript:
    return TurnTranscript(turn, text, final=True)


def partial(turn: int, text: str) -> TurnTranscript:
    return TurnTranscript(turn, text, final=False)


def pause(turn: int, text: str) -> list[PolicyEvent]:
    return [SpeechPaused(turn, 1, 0.0), PreemptiveTranscript(turn, 1, text)]


def explain(turn: int, what: What, why: str) -> Explain:
    return Explain(Decision(turn, what, why))


# What has happened, for each state of the reply number 1.
Events = Sequence[PolicyEvent]
SPEAKING: Events = [ConversationStarted(), started(1)]
PREPARED: Events = [*SPEAKING, *pause(1, QUESTION), ReplyProgress(1, tokens=3)]
ANSWERED: Events = [*SPEAKING, ended(1), final(1, QUESTION)]
HEARD: Events = [*ANSWERED, ReplyStarted(1, NOW - 3)]
DUCKED: Events = [*HEARD, SpeechCandidate()]
OVER_IT: Events = [*DUCKED, started(2)]
WAITING: Events = [*ANSWERED, started(2)]
BARGED_IN: Events = [*OVER_IT, SpeechProgress(2, 0.5)]
HEARD_OUT: Events = [*HEARD, ReplyEnded(1, complete=True)]
PATIENT = {"interruption": {"allow": False}}


class Row(NamedTuple):
    """After `given`, `event` leads to these commands and leaves the reply in `state`."""

    name: str
    given: Events
    event: PolicyEvent
    commands: list[Command]
    state: ReplyState | None = None
    config: dict[str, Any] = {}  # noqa: RUF012


def current(policy: Policy) -> ReplyRecord | None:
    """The reply that is spoken or prepared."""
    return policy.barge_in.reply or policy.prepared.reply


def check(row: Row) -> None:
    """Whether it is as the row says."""
    policy = Policy(Config.model_validate(row.config))
    for event in row.given:
        policy.on(event, NOW - 1)
    reply = current(policy)
    assert policy.on(row.event, NOW) == row.commands
    reply = reply or current(policy)
    assert (reply.state if reply is not None else None) is row.state
