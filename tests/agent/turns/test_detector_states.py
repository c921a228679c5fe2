"""The turn detector's chart: a row for each transition."""

from typing import NamedTuple

import pytest

from agent.config.sections import TurnSettings, VadSettings
from agent.turns.detector import TurnDetector, UserState
from agent.turns.events import (
    Signal,
    SpeechCandidate,
    SpeechEnded,
    SpeechPaused,
    SpeechProgress,
    SpeechRejected,
    SpeechResumed,
    SpeechStarted,
)

IDLE, NOTICED, CANDIDATE, SPEAKING, PAUSED = UserState
SETTINGS = TurnSettings(min_speech=0.25, pause=0.25, silence=0.625, complete=0.375, max_length=3)

Windows = list[tuple[int, float]]
"""How many windows of 1/8 s, with which probability: speech begins at 0.5, goes on down to 0.35."""

SOUND: Windows = [(3, 0.9)]  # the turn 1, from 0.0 on
QUIET: Windows = [*SOUND, (2, 0.0)]  # its pause 1, since 0.375


class Row(NamedTuple):
    """After `given` the detector is in `before`; `then` leads to `after`, with these signals."""

    name: str
    given: Windows
    before: UserState
    then: Windows
    after: UserState
    signals: list[Signal]


ROWS = [
    Row("silence", [], IDLE, [(9, 0.29)], IDLE, []),
    Row("perhaps a voice", [], IDLE, [(1, 0.3)], NOTICED, [SpeechCandidate()]),
    Row("a voice", [], IDLE, [(1, 0.5)], CANDIDATE, [SpeechCandidate()]),
    Row("perhaps goes on", [(1, 0.3)], NOTICED, [(9, 0.3)], NOTICED, []),
    Row("and was nothing", [(1, 0.3)], NOTICED, [(4, 0.0)], IDLE, [SpeechRejected()]),
    Row("or was a voice", [(1, 0.3)], NOTICED, [(1, 0.9)], CANDIDATE, []),
    Row("a gap in it", [(1, 0.9)], CANDIDATE, [(1, 0.0)], CANDIDATE, []),
    Row("a click", [(1, 0.9)], CANDIDATE, [(2, 0.0)], NOTICED, []),
    Row("is rejected", [(1, 0.9), (2, 0.0)], NOTICED, [(2, 0.0)], IDLE, [SpeechRejected()]),
    Row("speech", [(1, 0.9)], CANDIDATE, [(1, 0.4)], SPEAKING, [SpeechStarted(1, 0.0)]),
    Row("more of it", [(2, 0.9)], SPEAKING, [(1, 0.9)], SPEAKING, [SpeechProgress(1, 0.375)]),
    Row("a gap in speech", SOUND, SPEAKING, [(1, 0.0)], SPEAKING, []),
    Row("a pause", SOUND, SPEAKING, [(2, 0.3)], PAUSED, [SpeechPaused(1, 1, 0.375)]),
    Row("a click in a pause", QUIET, PAUSED, [(1, 0.9), (1, 0.0)], PAUSED, []),
    Row("no voice below the start", QUIET, PAUSED, [(2, 0.4)], PAUSED, []),
    Row(
        "the user goes on",
        QUIET,
        PAUSED,
        [(1, 0.9), (1, 0.4)],
        SPEAKING,
        [SpeechResumed(1)],
    ),
    Row(
        "the end",
        QUIET,
        PAUSED,
        [(3, 0.0)],
        IDLE,
        [SpeechEnded(1, 0.0, 0.375, cut=False, why="0.62 s of silence")],
    ),
    Row(
        "the next turn",
        [*QUIET, (3, 0.0)],
        IDLE,
        [(2, 0.9)],
        SPEAKING,
        [SpeechCandidate(), SpeechStarted(2, 1.0)],
    ),
    Row(
        "the longest turn",
        [(23, 0.9)],
        SPEAKING,
        [(1, 0.9)],
        SPEAKING,
        [
            SpeechEnded(1, 0.0, 3.0, cut=True, why="the longest turn allowed"),
            SpeechStarted(2, 3.0),
        ],
    ),
]


def run(detector: TurnDetector, windows: Windows, at: int) -> tuple[list[Signal], int]:
    """What the detector says to windows that begin at `at` eighths of a second, and their end."""
    signals: list[Signal] = []
    for count, probability in windows:
        for _ in range(count):
            signals += detector.update(probability, at / 8, (at + 1) / 8)
            at += 1
    return signals, at


@pytest.mark.parametrize("row", ROWS, ids=[row.name for row in ROWS])
def test_a_transition(row: Row) -> None:
    detector = TurnDetector(VadSettings(start=0.5, stop=0.35), SETTINGS, (0.3,))
    _, at = run(detector, row.given, 0)
    assert detector.state is row.before
    signals, _ = run(detector, row.then, at)
    assert detector.state is row.after
    assert signals == row.signals


@pytest.mark.parametrize("given", [[], [(1, 0.3)], [(1, 0.9)], SOUND, QUIET])
def test_no_more_sound(given: Windows) -> None:
    detector = TurnDetector(VadSettings(), SETTINGS)
    run(detector, given, 0)
    ended = (
        [SpeechEnded(1, 0.0, 0.375, cut=False, why="no more sound")] if detector.speaking else []
    )
    assert detector.flush() == ended
    assert detector.state is IDLE


def test_a_judgement_ends_a_pause_sooner() -> None:
    detector = TurnDetector(VadSettings(), SETTINGS)
    _, at = run(detector, QUIET, 0)
    detector.judge(1, words=0.99, why="a question")
    (ended,), _ = run(detector, [(2, 0.0)], at)
    assert isinstance(ended, SpeechEnded)
    assert ended.why == "0.38 s of silence: a question"
    assert detector.state is IDLE
