"""The turn policy: a reply is prepared, then discarded or committed, and begins."""

import pytest

from agent.config.load import Config
from agent.conversation.commands import (
    Commit,
    Discard,
    Hold,
    Ignore,
    Prepare,
    Resume,
    Say,
    SetTimer,
    Stop,
    StopTimer,
)
from agent.conversation.events import (
    ConversationStarted,
    ReplyEnded,
    ReplyProgress,
    ReplyStarted,
    TimerRang,
)
from agent.turns.events import (
    PreemptiveTranscript,
    SpeechPaused,
    SpeechProgress,
    SpeechResumed,
    TranscriptionFailed,
)
from tests.agent.conversation.transitions import (
    ANSWERED,
    DISCARDED,
    DONE,
    HEARD_OUT,
    HELD,
    INTERRUPTED,
    NOW,
    PENDING,
    PREPARED,
    PREPARING,
    QUESTION,
    SOUNDING,
    SPEAKING,
    WAITING,
    WHY,
    Row,
    check,
    ended,
    explain,
    final,
    started,
)

ROWS = [
    # PREPARING
    Row(
        "a pause prepares a reply",
        [*SPEAKING, SpeechPaused(1, 1, 0.0)],
        PreemptiveTranscript(1, 1, QUESTION),
        [Prepare(1, f"'{QUESTION}'", 1, QUESTION)],
        PREPARING,
    ),
    Row(
        "unless preparing is off",
        [*SPEAKING, SpeechPaused(1, 1, 0.0)],
        PreemptiveTranscript(1, 1, QUESTION),
        [],
        config={"turn": {"speculate": "stt"}},
    ),
    Row(
        "or there are no words",
        [*SPEAKING, SpeechPaused(1, 1, 0.0)],
        PreemptiveTranscript(1, 1, ""),
        [],
    ),
    Row(
        "or it has been in vain too often",
        [*PREPARED, SpeechResumed(1), SpeechPaused(1, 2, 0.0)],
        PreemptiveTranscript(1, 2, QUESTION),
        [explain(1, "wait", "1 replies have been prepared in vain (turn.max_guesses)")],
        config={"turn": {"max_guesses": 1}},
    ),
    Row(
        "a prepared reply is discarded when the user goes on",
        PREPARED,
        SpeechResumed(1),
        [Discard(1, "the user goes on: 3 tokens wasted", 1)],
        DISCARDED,
    ),
    Row(
        "when the words were others",
        [*PREPARED, ended(1)],
        final(1, "what time is it in rome"),
        [
            Discard(1, "it was 'what time is it in rome': 3 tokens wasted", 1),
            Commit(1, "what time is it in rome", 2, 1, 3),
            SetTimer("filler", 2.5),
        ],
        DISCARDED,
    ),
    Row(
        "when it has failed",
        [*PREPARED, ReplyProgress(1, tokens=3, failure="llm: gone"), ended(1)],
        final(1, QUESTION),
        [
            Discard(1, "llm: gone: 3 tokens wasted", 1),
            Commit(1, QUESTION, 2, 1, 3),
            SetTimer("filler", 2.5),
        ],
        DISCARDED,
    ),
    Row(
        "when the turn was cut",
        [*PREPARED, ended(1, cut=True)],
        final(1, QUESTION),
        [Discard(1, "the turn was cut: 3 tokens wasted", 1), Commit(1, QUESTION, None, 1, 3)],
        DISCARDED,
    ),
    Row(
        "when there were no words after all",
        [*PREPARED, ended(1)],
        final(1, ""),
        [Discard(1, "no words in it: 3 tokens wasted", 1), Ignore(1, interrupted=False)],
        DISCARDED,
    ),
    Row(
        "when the recogniser fails, which is apologised for",
        PREPARED,
        TranscriptionFailed(1),
        [
            Discard(1, "the recogniser failed: 3 tokens wasted", 1),
            Say(1, 2, Config().agent.apology),
        ],
        DISCARDED,
    ),
    # PREPARING → PENDING
    Row(
        "the turn's end commits it: case and marks are the recogniser's",
        [*PREPARED, ended(1)],
        final(1, "What time is it?"),
        [Commit(1, "What time is it?", 1, 1, 0), SetTimer("filler", 2.5)],
        PENDING,
    ),
    # → PENDING
    Row("the turn's end is explained", SPEAKING, ended(1), [explain(1, "commit", WHY)]),
    Row(
        "a reply that was not prepared begins",
        [*SPEAKING, ended(1)],
        final(1, QUESTION),
        [Commit(1, QUESTION, 1, 0, 0), SetTimer("filler", 2.5)],
        PENDING,
    ),
    Row(
        "a cut turn waits for the rest of it",
        [*SPEAKING, ended(1, cut=True), started(2)],
        final(1, "once upon a time"),
        [Commit(1, "once upon a time", None, 0, 0)],
    ),
    Row(
        "which may be silence",
        [*SPEAKING, ended(1, cut=True), started(2), final(1, "once upon a time"), ended(2)],
        final(2, ""),
        [Commit(2, "", 1, 0, 0), SetTimer("filler", 2.5)],
        PENDING,
    ),
    Row(
        "a greeting",
        [],
        ConversationStarted(),
        [Say(0, 1, "Hello.")],
        PENDING,
        {"agent": {"greeting": "Hello."}},
    ),
    # PENDING → SOUNDING, DONE, HELD
    Row("the first sample", ANSWERED, ReplyStarted(1, NOW), [], SOUNDING),
    Row(
        "nothing to say",
        ANSWERED,
        ReplyEnded(1, complete=True),
        [StopTimer("filler")],
        DONE,
    ),
    Row(
        "the user speaks before it",
        ANSWERED,
        started(2),
        [Hold(2, "the user speaks while the reply is prepared", 1)],
        HELD,
    ),
    # HELD, before the first sample
    Row(
        "a noise, and the reply goes on being prepared",
        [*WAITING, ended(2)],
        final(2, ""),
        [Resume(1, "no words in it", 1), Ignore(2, interrupted=False)],
        PENDING,
    ),
    Row(
        "words are the user going on",
        [*WAITING, ended(2)],
        final(2, "in rome"),
        [
            Stop(1),
            StopTimer("filler"),
            Commit(2, "in rome", 2, 0, 0),
            SetTimer("filler", 2.5),
        ],
        INTERRUPTED,
    ),
    # What is over changes nothing
    Row("progress of a turn that is over", HEARD_OUT, SpeechProgress(1, 0.5), []),
    Row("words of it", HEARD_OUT, final(1, "hello"), []),
    Row("a turn that begins again", HEARD_OUT, started(1), []),
    Row("progress of a reply that is over", HEARD_OUT, ReplyProgress(1, asks=True), []),
    Row("its first sample", HEARD_OUT, ReplyStarted(1, NOW), []),
    Row("a timer that was stopped", HEARD_OUT, TimerRang("filler"), []),
]


@pytest.mark.parametrize("row", ROWS, ids=[row.name for row in ROWS])
def test_a_transition(row: Row) -> None:
    check(row)
