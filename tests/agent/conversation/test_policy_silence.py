"""The turn policy: idleness, announcements, fillers."""

import pytest

from agent.conversation.commands import (
    Fill,
    Say,
    SetTimer,
    StopTimer,
)
from agent.conversation.events import (
    Announcement,
    ConversationEnded,
    ConversationStarted,
    ReplyEnded,
    ReplyProgress,
    TimerRang,
    ToolsTakeLong,
)
from tests.agent.conversation.transitions import (
    ANSWERED,
    DONE,
    HEARD,
    HEARD_OUT,
    HELD,
    PENDING,
    SOUNDING,
    WAITING,
    Row,
    check,
    explain,
    started,
)

ROWS = [
    # Silence
    Row(
        "nobody speaks",
        HEARD,
        ReplyEnded(1, complete=True),
        [StopTimer("filler"), SetTimer("idle", 30.0)],
        DONE,
        {"idle": {"after": 30}},
    ),
    Row(
        "for long: the agent asks",
        HEARD_OUT,
        TimerRang("idle"),
        [explain(1, "idle", "30 s of silence"), Say(1, 2, "Are you still there?")],
        PENDING,
        {"idle": {"after": 30}},
    ),
    Row(
        "for longer: it sleeps",
        [*HEARD_OUT, TimerRang("idle"), ReplyEnded(2, complete=True)],
        TimerRang("idle"),
        [explain(1, "sleep", "silence again: nothing more is said until the user speaks")],
        None,
        {"idle": {"after": 30}},
    ),
    Row(
        "and wakes",
        [*HEARD_OUT, TimerRang("idle"), ReplyEnded(2, complete=True), TimerRang("idle")],
        started(2),
        [explain(2, "wake", "the user speaks")],
        None,
        {"idle": {"after": 30}},
    ),
    Row("an announcement", HEARD_OUT, Announcement("Tea!"), [Say(1, 2, "Tea!")], PENDING),
    Row("waits for the reply", HEARD, Announcement("Tea!"), [], SOUNDING),
    Row(
        "which is over",
        [*HEARD, Announcement("Tea!")],
        ReplyEnded(1, complete=True),
        [StopTimer("filler"), Say(1, 2, "Tea!")],
        DONE,
    ),
    Row(
        "a late reply is filled for",
        ANSWERED,
        TimerRang("filler"),
        [Fill(1, "the user has heard nothing for a while")],
        PENDING,
    ),
    Row("one that sounds is not", HEARD, TimerRang("filler"), [], SOUNDING),
    Row(
        "unless it has run dry",
        [*HEARD, ReplyProgress(1, starved=True)],
        TimerRang("filler"),
        [Fill(1, "the user has heard nothing for a while")],
        SOUNDING,
    ),
    Row("nor one that the user holds", WAITING, TimerRang("filler"), [], HELD),
    Row(
        "slow tools are filled for at once",
        ANSWERED,
        ToolsTakeLong(1),
        [Fill(1, "the user has heard nothing for a while")],
        PENDING,
    ),
    Row(
        "or after the words before them",
        HEARD,
        ToolsTakeLong(1),
        [StopTimer("filler"), SetTimer("tools", 0.5)],
        SOUNDING,
    ),
    Row(
        "which are looked for again",
        [*HEARD, ToolsTakeLong(1)],
        TimerRang("tools"),
        [SetTimer("tools", 0.5)],
        SOUNDING,
    ),
    Row(
        "the end stops the watch",
        [ConversationStarted()],
        ConversationEnded(),
        [StopTimer("idle")],
        None,
        {"idle": {"after": 30}},
    ),
]


@pytest.mark.parametrize("row", ROWS, ids=[row.name for row in ROWS])
def test_a_transition(row: Row) -> None:
    check(row)
