"""A part of `bench.duplex`, which has to stay within its bars: real speech, virtual clock."""

from functools import cache

import pytest

from bench.duplex import ECHOES, play
from bench.full_duplex import beside, scenes
from bench.full_duplex.performance import Setting
from bench.full_duplex.score import replies
from bench.full_duplex.summary import Scored, rows

pytestmark = pytest.mark.long

WORDS, SMART_TURN = Setting("words"), Setting("smart_turn")
ECHO = Setting("words", ECHOES[0])
HEAR = Setting("words", config=(("interruption.side_talk", "hear"),))

SETS = {
    "turn": (scenes.turns, 5, WORDS),
    "pause": (scenes.pauses, 7, WORDS),
    "pause, smart turn": (scenes.pauses, 7, SMART_TURN),
    "interruption": (scenes.interruptions, 9, WORDS),
    "backchannel": (scenes.backchannels, 4, WORDS),
    "noise": (beside.noises, 6, WORDS),
    "steady noise": (beside.steady_noises, 3, HEAR),
    "over noise": (lambda: beside.over_noise()[::10], 3, WORDS),
    "side talk": (beside.side_talk, 2, WORDS),
    "side talk in silence": (beside.side_talk_in_silence, 3, WORDS),
    "no words": (beside.wordless, 3, WORDS),
    "interruption, echo": (scenes.interruptions, 3, ECHO),
    "monologue, echo": (lambda: scenes.monologues(30), 1, ECHO),
}


@cache
def scored(name: str) -> tuple[Scored, ...]:
    make, items, setting = SETS[name]
    return tuple(play((scene, setting)) for scene in make()[:items])


@pytest.mark.parametrize(
    "name",
    [
        "turn",
        "pause",
        "pause, smart turn",
        "interruption",
        "backchannel",
        "noise",
        "steady noise",
        "over noise",
        "side talk",
        "side talk in silence",
        "no words",
        "interruption, echo",
        "monologue, echo",
    ],
)
def test_the_bars_are_reached(name: str) -> None:
    missed = [row for row in rows(scored(name)) if row.reached is False]
    assert missed == []


@pytest.mark.parametrize("name", ["turn", "interruption"])
def test_the_user_gets_an_answer_and_is_told_what_was_heard(name: str) -> None:
    results = [result for _, result in scored(name)]
    assert all(result.takeover and result.context for result in results)
    assert all(result.response is not None for result in results)


def test_what_is_not_disturbed_is_heard_as_one_whole() -> None:
    for performance, _ in scored("turn"):
        ((clip, played),) = replies(performance.heard)
        assert played == pytest.approx(len(clip.pcm), abs=80)
