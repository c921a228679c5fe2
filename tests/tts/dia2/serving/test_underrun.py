"""When the network pauses because its text is late: arithmetic on a clock of our own."""

import math

import pytest

from tts.dia2.serving.underrun import TextUnderrun

FRAME = 0.08


def test_it_waits_until_everything_has_been_heard_and_a_little_longer() -> None:
    starvation = TextUnderrun(0.1, limit=3, frame=FRAME)
    starvation.sent(now=10.0)
    starvation.sent(now=10.01)  # faster than it is heard
    assert starvation.due(taken=1, now=10.02) == pytest.approx(10.0 + 2 * FRAME + 0.1)


def test_with_nothing_heard_yet_it_is_patient() -> None:
    starvation = TextUnderrun(0.0, limit=3, frame=FRAME)
    assert starvation.due(taken=1, now=5.0) == pytest.approx(5.3)
    assert starvation.due(taken=1, now=5.05) == pytest.approx(5.3)


def test_once_it_pauses_it_does_so_quickly_until_it_is_heard_and_then_in_real_time() -> None:
    starvation = TextUnderrun(0.1, limit=5, frame=FRAME)
    now = starvation.due(taken=1, now=5.0)
    for _ in range(2):  # no frame is complete yet
        starvation.paused()
        assert starvation.due(taken=1, now=now) <= now
    for _ in range(2):
        starvation.paused()
        starvation.sent(now)
        assert starvation.due(taken=1, now=now) == pytest.approx(now + FRAME)
        now += FRAME
    starvation.paused()
    assert starvation.due(taken=1, now=now) == math.inf  # all is said


def test_a_new_word_ends_the_pause() -> None:
    starvation = TextUnderrun(0.1, limit=1, frame=FRAME)
    starvation.sent(now=4.0)
    starvation.due(taken=1, now=5.0)
    starvation.paused()
    assert starvation.due(taken=1, now=6.0) == math.inf
    assert starvation.due(taken=2, now=6.0) == pytest.approx(6.1)
