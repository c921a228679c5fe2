"""A voice far softer than the user's is side talk; who calls the agent stops it."""

from typing import Any

import numpy as np
import pytest

from agent.config.sections import InterruptionSettings
from agent.conversation.barge_in import BargeIn
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
    assert user.weigh(-30) is UNKNOWN
    for level in (-60, -26, None, -24, -26):
        user.learn(level)
    assert user.weigh(-36) == Evidence(10)
    assert user.weigh(None) is UNKNOWN
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


def test_side_talk_over_a_reply_is_not_answered_after_it() -> None:
    barge_in = BargeIn(InterruptionSettings(), do=lambda _: None)
    barge_in.user.learn(-26)
    over = ReplyRecord(1, 1, ReplyState.DONE)
    aside = TurnRecord(2, over=over, voice=1.5, level=-36, text="dinner is ready")
    assert barge_in.decide(aside, 10.0, final=True) == "nothing"
    aside.over = None  # nobody spoke: when unsure the user is answered
    assert barge_in.decide(aside, 10.0, final=True) == "stop"
