"""The turn policy bears whatever it is told, in any order, and gives commands that can be done."""

from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from agent.config.load import Config
from agent.conversation.commands import (
    Backchannel,
    Command,
    Commit,
    Discard,
    Duck,
    Hold,
    Ignore,
    Interrupt,
    Prepare,
    Resume,
    Say,
    SetTimer,
    Stop,
    StopTimer,
    Unduck,
)
from agent.conversation.events import (
    Announcement,
    ConversationEnded,
    ConversationStarted,
    PolicyEvent,
    ReplyEnded,
    ReplyProgress,
    ReplyStarted,
    TimerName,
    TimerRang,
    ToolsTakeLong,
)
from agent.conversation.policy import Policy
from agent.conversation.states import ReplyRecord
from agent.turns.events import (
    PreemptiveTranscript,
    SpeechCandidate,
    SpeechEnded,
    SpeechPaused,
    SpeechProgress,
    SpeechRejected,
    SpeechResumed,
    SpeechStarted,
    TranscriptionFailed,
    TurnTranscript,
)
from tests.agent.conversation.transitions import (
    DISCARDED,
    DONE,
    HELD,
    INTERRUPTED,
    PENDING,
    PREPARING,
    SOUNDING,
)

CHART = {
    PREPARING: {DISCARDED, PENDING},
    PENDING: {SOUNDING, HELD, DONE, INTERRUPTED},
    SOUNDING: {HELD, DONE, INTERRUPTED},
    HELD: {PENDING, SOUNDING, DONE, INTERRUPTED},
}
"""Where a reply may go from where; from anywhere else nowhere."""

NUMBERS = st.integers(1, 4)
TEXTS = st.sampled_from(["", "yeah", "stop", "stop that", "what time is it", "well well well"])
SECONDS = st.sampled_from([0.1, 0.2, 0.5, 1.5])
TIMERS = st.sampled_from(["idle", "filler", "tools"])
FINISHED = st.booleans()

EVENTS: st.SearchStrategy[PolicyEvent] = st.one_of(
    st.just(ConversationStarted()),
    st.just(SpeechCandidate()),
    st.just(SpeechRejected()),
    st.builds(SpeechStarted, NUMBERS, st.just(0.0)),
    st.builds(SpeechProgress, NUMBERS, SECONDS),
    st.builds(SpeechPaused, NUMBERS, NUMBERS, st.just(0.0)),
    st.builds(SpeechResumed, NUMBERS),
    st.builds(SpeechEnded, NUMBERS, st.just(0.0), st.just(1.0), st.booleans()),
    st.builds(TurnTranscript, NUMBERS, TEXTS, FINISHED),
    st.builds(PreemptiveTranscript, NUMBERS, NUMBERS, TEXTS),
    st.builds(TranscriptionFailed, NUMBERS),
    st.builds(ReplyStarted, NUMBERS, st.just(0.0)),
    st.builds(
        ReplyProgress,
        NUMBERS,
        tokens=st.integers(0, 9),
        failure=st.sampled_from(["", "llm: gone"]),
        interruptible=st.booleans(),
        asks=st.booleans(),
        starved=st.booleans(),
        echoed=TEXTS,
    ),
    st.builds(ToolsTakeLong, NUMBERS),
    st.builds(ReplyEnded, NUMBERS, FINISHED),
    st.builds(Announcement, st.just("Tea!")),
    st.builds(TimerRang, TIMERS),
    st.just(ConversationEnded()),
)
CONFIGS = st.sampled_from(
    [
        {"agent": {"greeting": "Hello."}, "idle": {"after": 10}},
        {"turn": {"max_guesses": 1}, "thinking": {"after": None}},
        {"interruption": {"allow": False}},
        {"interruption": {"allow": "after 2 s", "min_words": 2}, "idle": {"after": 10}},
        {"turn": {"speculate": "off"}},
    ]
)


class Performer:
    """Does what it is told, and minds if it cannot be done: a session without sound."""

    def __init__(self) -> None:
        self.replies: dict[int, bool] = {}  # that there are; whether it is their turn
        self.timers: set[TimerName] = set()
        self.ducked = False
        self.turns: set[int] = set()  # that have begun, and nothing has been made of them

    def hear(self, event: PolicyEvent) -> None:
        """What makes or ends things besides commands."""
        match event:
            case SpeechStarted(turn):
                self.turns.add(turn)
            case TranscriptionFailed(turn):
                self.turns.discard(turn)
            case ReplyEnded(reply):
                self.replies.pop(reply, None)

    def do(self, command: Command) -> None:
        """Raise AssertionError where that cannot be done."""
        match command:
            case Duck():
                assert not self.ducked
                self.ducked = True
            case Unduck():
                assert self.ducked
                self.ducked = False
            case Hold(reply=reply) | Interrupt(reply=reply) | Resume(reply=reply):
                assert self.replies[reply]
            case Stop(reply):
                assert self.replies.pop(reply)
            case Discard(reply=reply):
                assert self.replies.pop(reply, False) is False
            case Prepare(reply=reply):
                assert reply not in self.replies
                self.replies[reply] = False
            case Say(reply=reply):
                assert not any(self.replies.values())
                self.replies[reply] = True
            case Commit(turn=turn, reply=reply):
                self.turns.remove(turn)
                if reply is not None:
                    assert not any(self.replies.values())
                    self.replies[reply] = True
            case Backchannel(turn=turn) | Ignore(turn=turn):
                self.turns.remove(turn)
            case SetTimer(timer=timer):
                assert timer not in self.timers
                self.timers.add(timer)
            case StopTimer(timer):
                self.timers.remove(timer)


@given(CONFIGS, st.lists(st.tuples(EVENTS, SECONDS), max_size=80))
def test_no_sequence_of_events_raises_or_leaves_an_impossible_state(
    config: dict[str, Any], events: list[tuple[PolicyEvent, float]]
) -> None:
    policy, performer = Policy(Config.model_validate(config)), Performer()
    records: dict[int, tuple[ReplyRecord, Any]] = {}
    now = 0.0
    for event, seconds in events:
        now += seconds
        performer.hear(event)
        if isinstance(event, TimerRang):
            performer.timers.discard(event.timer)
        for command in policy.on(event, now):
            performer.do(command)
        current, prepared = policy.barge_in.reply, policy.prepared.reply
        for record in (current, prepared):
            if record is not None:
                records.setdefault(record.number, (record, record.state))
        for number, (record, before) in records.items():
            assert record.state is before or record.state in CHART.get(before, ())
            records[number] = record, record.state
        assert current is None or current.state in (PENDING, SOUNDING, HELD)
        assert prepared is None or prepared.state is PREPARING
        assert performer.ducked == (current is not None and current.ducked)
        assert not performer.ducked or (current is not None and current.state in (SOUNDING, HELD))


@given(st.permutations([SpeechProgress(1, 0.5), TurnTranscript(1, "yes", final=True)]))
def test_what_comes_after_a_turn_changes_nothing(late: list[PolicyEvent]) -> None:
    """As once in `bench.loop`: insistent speech in a turn that was over ended the session."""
    policy = Policy(Config())
    over: list[PolicyEvent] = [
        SpeechStarted(1, 0.0),
        SpeechEnded(1, 0.0, 1.0, cut=False),
        TurnTranscript(1, "what time is it", final=True),
        ReplyStarted(1, 2.0),
    ]
    for event in over:
        policy.on(event, 2.0)
    for event in late:
        assert policy.on(event, 3.0) == []
