"""A voice far softer than the user's is side talk; who calls the agent stops it."""

from typing import Any

import numpy as np
import pytest

from agent.config.sections import InterruptionSettings
from agent.conversation.barge_in import BargeIn
from agent.conversation.events import ReplyProgress
from agent.conversation.states import ReplyRecord, ReplyState, TurnRecord
from agent.turns.interruption import Verdict, decide
from agent.turns.side_talk import UNKNOWN, Evidence, VoiceLevel, VoiceProfile


def verdict(text: str, evidence: Evidence, *, final: bool = False, **settings: Any) -> Verdict:
    return decide(
        InterruptionSettings(**settings),
        spoken=3.0,
        voice=0.8,
        text=text,
        final=final,
        partials=True,
        evidence=evidence,
    )


def test_a_far_softer_voice_is_waited_for_and_then_nothing() -> None:
    assert verdict("dinner is ready", Evidence(10)).meaning == "wait"
    over = verdict("dinner is ready", Evidence(10), final=True)
    assert over == Verdict("nothing", "a voice 10 dB softer than the user's")


@pytest.mark.parametrize("evidence", [UNKNOWN, Evidence(0), Evidence(7.9), Evidence(-12)])
def test_a_voice_that_may_be_the_users_stops_the_agent(evidence: Evidence) -> None:
    assert verdict("dinner is ready", evidence).meaning == "stop"


@pytest.mark.parametrize("text", ["Stop!", "no, wait a moment", "hey, listen"])
def test_a_soft_voice_that_calls_the_agent_stops_it(text: str) -> None:
    assert verdict(text, Evidence(20)).meaning == "stop"


def test_side_talk_may_be_heard_like_all_else() -> None:
    assert verdict("dinner is ready", Evidence(20), side_talk="hear").meaning == "stop"


def test_the_users_level_is_that_of_their_latest_turns() -> None:
    user = VoiceProfile()
    assert user.weigh(-30) == UNKNOWN
    for level in (-60, -26, None, -24, -26):
        user.learn(level)
    assert user.weigh(-36) == Evidence(10)
    assert user.weigh(None) == UNKNOWN
    for _ in range(5):  # who has moved away is the user still
        user.learn(-40)
    assert user.weigh(-40) == Evidence(0)


def test_the_level_is_that_of_the_loud_windows() -> None:
    level = VoiceLevel()
    assert level.decibels is None
    for amplitude in [0.001] * 3 + [0.1] * 5:
        level.add(np.full(512, amplitude, np.float32))
    assert level.decibels == pytest.approx(-20, abs=0.1)
    level.forget()
    assert level.decibels is None


@pytest.mark.parametrize(
    "text",
    [
        "actually, tell me about something else",
        "hold on, can you say that again?",
        "sorry, I did not understand the last word",
        "what about the price?",
        "Parley, that will do",
        "and how long does the ferry take?",  # what was asked about
    ],
)
def test_a_soft_voice_that_speaks_to_the_agent_or_of_its_subject_stops_it(text: str) -> None:
    user = VoiceProfile("Parley")
    user.learn(-26, "When does the ferry leave?")
    assert verdict(text, user.weigh(-37)).meaning == "stop"


@pytest.mark.parametrize(
    "text",
    [
        "did you feed the cat today?",
        "put the bags next to the door",
        "can you pass the salt",
    ],
)
def test_a_soft_voice_that_speaks_to_somebody_else_does_not(text: str) -> None:
    user = VoiceProfile("Parley")
    user.learn(-26, "When does the ferry leave?")
    assert verdict(text, user.weigh(-37)).meaning == "wait"


def silent(*, asks: bool = False, **settings: Any) -> BargeIn:
    """A conversation in which a reply has been heard, and nobody speaks."""
    barge_in = BargeIn(InterruptionSettings(**settings), do=lambda _: None, name="Parley")
    barge_in.user.learn(-26, "When does the ferry leave?")
    barge_in.reply = ReplyRecord(1, 1, ReplyState.SOUNDING, progress=ReplyProgress(1, asks=asks))
    barge_in.end(barge_in.reply, ReplyState.DONE)
    return barge_in


def soft(text: str, number: int = 2, **kwargs: Any) -> TurnRecord:
    return TurnRecord(number, voice=1.5, level=-36, text=text, **kwargs)


def answered(barge_in: BargeIn, turn: TurnRecord) -> bool:
    """Whether it is, in its pause and at its end."""
    meanings = {barge_in.decide(turn, 10.0, final=True) for _ in range(2)}
    assert len(meanings) == 1
    if meanings == {"nothing"}:
        barge_in.pass_over(turn, 10.0)
    return meanings == {"stop"}


def test_side_talk_over_a_reply_is_not_answered_after_it() -> None:
    barge_in = silent()
    over = ReplyRecord(1, 1, ReplyState.DONE)
    assert not answered(barge_in, soft("dinner is ready", over=over))


def test_side_talk_is_not_answered_when_nobody_speaks_either() -> None:
    barge_in = silent()
    assert not answered(barge_in, soft("dinner is ready"))
    assert answered(barge_in, TurnRecord(3, voice=1.5, level=-28, text="dinner is ready"))


@pytest.mark.parametrize("text", ["Parley, dinner is ready", "tell me a story", "the ferry?"])
def test_a_soft_turn_to_the_agent_is_answered(text: str) -> None:
    assert answered(silent(), soft(text))


def test_the_answer_to_a_question_may_be_soft() -> None:
    assert answered(silent(asks=True), soft("at nine in the morning"))


def test_who_says_it_again_is_answered() -> None:
    barge_in = silent()
    assert not answered(barge_in, soft("I would like some music"))
    assert answered(barge_in, soft("I would like some music, please", 3))


def test_who_has_moved_away_is_answered_at_the_third_turn() -> None:
    barge_in = silent()
    texts = ["I would like some music", "how is the weather", "is anybody there"]
    turns = [soft(text, number) for number, text in enumerate(texts, 2)]
    assert [answered(barge_in, turn) for turn in turns] == [False, False, True]


def test_side_talk_in_silence_may_be_answered_like_all_else() -> None:
    assert answered(silent(side_talk="hear"), soft("dinner is ready"))


def test_what_somebody_commits_is_answered_however_soft() -> None:
    assert answered(silent(), soft("dinner is ready", committed=True))


@pytest.mark.parametrize(("below", "heard"), [(9.0, True), (10.0, False)])
def test_a_command_that_is_not_too_soft_is_for_the_agent(below: float, heard: bool) -> None:
    """Who turns away while they speak is softer than they were."""
    why = Evidence(below).side_talk("remind me to write a short message")
    assert (why is None) is heard
    assert Evidence(below).side_talk("the children are playing outside") is not None
