"""The turn policy: what the user's voice does to a reply that sounds."""

import pytest

from agent.config.load import Config
from agent.conversation.commands import (
    Backchannel,
    Commit,
    Duck,
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
    ReplyEnded,
    ReplyProgress,
)
from agent.turns.events import (
    PreemptiveTranscript,
    SpeechCandidate,
    SpeechPaused,
    SpeechProgress,
    SpeechRejected,
    SpeechResumed,
    TranscriptionFailed,
)
from tests.agent.conversation.transitions import (
    ANSWERED,
    BARGED_IN,
    DONE,
    DUCKED,
    HEARD,
    HELD,
    INTERRUPTED,
    OVER_IT,
    PATIENT,
    PENDING,
    SOUNDING,
    Row,
    check,
    ended,
    explain,
    final,
    partial,
    started,
)

ROWS = [
    # SOUNDING: ducked or not
    Row("perhaps a voice", HEARD, SpeechCandidate(), [Duck(1, "perhaps a voice")], SOUNDING),
    Row("is ducked for once", DUCKED, SpeechCandidate(), [], SOUNDING),
    Row(
        "and for again in a turn",
        [*HEARD, started(2)],
        SpeechResumed(2),
        [Duck(1, "perhaps a voice")],
        SOUNDING,
    ),
    Row("a click", DUCKED, SpeechRejected(), [Unduck(1, "a click")], SOUNDING),
    Row("a voice is no word yet", OVER_IT, SpeechProgress(2, 0.2), [], SOUNDING),
    Row("no duck before the first sample", ANSWERED, SpeechCandidate(), [], PENDING),
    Row("nor of what may not be interrupted", HEARD, SpeechCandidate(), [], SOUNDING, PATIENT),
    Row(
        "all has been heard",
        HEARD,
        ReplyEnded(1, complete=True),
        [StopTimer("filler")],
        DONE,
    ),
    Row(
        "ducked to its end",
        DUCKED,
        ReplyEnded(1, complete=True),
        [Unduck(1, "the reply is over"), StopTimer("filler")],
        DONE,
    ),
    Row(
        "the voice has failed",
        HEARD,
        ReplyEnded(1, complete=False),
        [StopTimer("filler")],
        INTERRUPTED,
    ),
    # SOUNDING → HELD
    Row(
        "insistent voice interrupts",
        OVER_IT,
        SpeechProgress(2, 0.25),
        [Interrupt(2, "0.25 s of voice", 1)],
        HELD,
    ),
    Row(
        "later where there could have been words",
        [*OVER_IT, partial(2, "")],
        SpeechProgress(2, 0.25),
        [],
        SOUNDING,
    ),
    Row(
        "words interrupt sooner",
        [*OVER_IT, SpeechProgress(2, 0.2)],
        partial(2, "stop"),
        [Interrupt(2, "'stop'", 1)],
        HELD,
    ),
    Row(
        "words that may be a backchannel are waited for",
        OVER_IT,
        partial(2, "right"),
        [],
        SOUNDING,
    ),
    # HELD, in mid-speech
    Row("insists again", BARGED_IN, SpeechProgress(2, 1.0), [], HELD),
    Row(
        "it was a cough",
        [*BARGED_IN, ended(2)],
        final(2, ""),
        [
            Resume(1, "no words in it", 1),
            Unduck(1, "no words in it"),
            Ignore(2, interrupted=True),
        ],
        SOUNDING,
    ),
    Row(
        "a backchannel",
        [*BARGED_IN, ended(2)],
        final(2, "right"),
        [
            explain(2, "backchannel", "'right'"),
            Resume(1, "'right'", 1),
            Unduck(1, "'right'"),
            Backchannel(2, "right"),
        ],
        SOUNDING,
    ),
    Row(
        "which answers, if the reply asks",
        [*BARGED_IN, ReplyProgress(1, asks=True), ended(2)],
        final(2, "right"),
        [
            Unduck(1, "the reply is over"),
            Stop(1),
            StopTimer("filler"),
            Commit(2, "right", 2, 0, 0),
            SetTimer("filler", 2.5),
        ],
        INTERRUPTED,
    ),
    Row(
        "the turn is the user's as soon as all words are known",
        [*BARGED_IN, SpeechPaused(2, 1, 0.0)],
        PreemptiveTranscript(2, 1, "stop that"),
        [
            Unduck(1, "the reply is over"),
            Stop(1),
            StopTimer("filler"),
            Prepare(2, "'stop that'", 2, "stop that"),
        ],
        INTERRUPTED,
    ),
    Row(
        "it was an echo",
        [*BARGED_IN, ReplyProgress(1, echoed="it is noon in london"), ended(2)],
        final(2, "noon in london"),
        [
            explain(2, "echo", "the agent's own words: 'noon in london'"),
            Resume(1, "no words in it", 1),
            Unduck(1, "no words in it"),
            Ignore(2, interrupted=True),
        ],
        SOUNDING,
    ),
    Row(
        "the recogniser fails on what interrupts",
        BARGED_IN,
        TranscriptionFailed(2),
        [
            Unduck(1, "the reply is over"),
            Stop(1),
            StopTimer("filler"),
            Say(2, 2, Config().agent.apology),
        ],
        INTERRUPTED,
    ),
    Row(
        "a click while its words are awaited",
        [*BARGED_IN, ended(2), SpeechCandidate()],
        SpeechRejected(),
        [],
        HELD,
    ),
    # A reply that may not be interrupted
    Row(
        "a noise meanwhile is none",
        [*HEARD, started(2), ended(2)],
        final(2, ""),
        [Ignore(2, interrupted=False)],
        SOUNDING,
        PATIENT,
    ),
    Row(
        "all that is said meanwhile is answered at once",
        [*HEARD, started(2), ended(2), final(2, "stop"), started(3), ended(3), final(3, "please")],
        ReplyEnded(1, complete=True),
        [
            StopTimer("filler"),
            Commit(2, "stop", None, 0, 0),
            Commit(3, "please", 2, 0, 0),
            SetTimer("filler", 2.5),
        ],
        DONE,
        PATIENT,
    ),
    Row(
        "what is said meanwhile waits",
        [*HEARD, started(2), ended(2)],
        final(2, "stop that"),
        [],
        SOUNDING,
        PATIENT,
    ),
    Row(
        "and is answered after it",
        [*HEARD, started(2), ended(2), final(2, "stop that")],
        ReplyEnded(1, complete=True),
        [StopTimer("filler"), Commit(2, "stop that", 2, 0, 0), SetTimer("filler", 2.5)],
        DONE,
        PATIENT,
    ),
    Row(
        "a tool's words may be heard out, too",
        [*HEARD, ReplyProgress(1, interruptible=False), started(2)],
        SpeechProgress(2, 1.0),
        [],
        SOUNDING,
    ),
    # After the reply
    Row(
        "a backchannel that ends after it",
        [*HEARD, started(2), SpeechProgress(2, 0.2), ReplyEnded(1, complete=True), ended(2)],
        final(2, "right"),
        [explain(2, "backchannel", "'right', at the end of the reply"), Backchannel(2, "right")],
    ),
    Row(
        "but to go on is to say more",
        [*HEARD, started(2), SpeechProgress(2, 0.2), ReplyEnded(1, complete=True), ended(2)],
        final(2, "go on"),
        [Commit(2, "go on", 2, 0, 0), SetTimer("filler", 2.5)],
        PENDING,
    ),
    Row(
        "answers its question",
        [
            *HEARD,
            started(2),
            ReplyProgress(1, asks=True),
            ReplyEnded(1, complete=True),
            ended(2),
        ],
        final(2, "right"),
        [Commit(2, "right", 2, 0, 0), SetTimer("filler", 2.5)],
        PENDING,
    ),
]


@pytest.mark.parametrize("row", ROWS, ids=[row.name for row in ROWS])
def test_a_transition(row: Row) -> None:
    check(row)
