"""Barge-in on a virtual clock: interruptions, backchannels, noise."""

from typing import Any

import pytest
from trio.testing import MockClock

from tests.agent.conversation.simulated import (
    QUESTION,
    START,
    STORY,
    TICK,
    PartialStt,
    converse,
    over_the_story,
    words_of,
)
from tests.agent.fakes import WORD, FakeLlm, FakeStt, Scripted

pytestmark = pytest.mark.anyio


@pytest.fixture
def anyio_backend() -> tuple[str, dict[str, Any]]:
    return "trio", {"clock": MockClock(autojump_threshold=0)}


async def test_noise_is_ducked_and_the_reply_resumed_with_nothing_lost() -> None:
    talk = await converse(
        over_the_story(0.4),
        stt=FakeStt([QUESTION, ""]),
        llm=FakeLlm([STORY]),
        config={"turn": {"silence": 1.0}},  # so that it is noticed in the middle of a word
    )
    assert [d for d in talk.decisions() if d in ("duck", "stop", "resume", "unduck")] == [
        *("duck", "stop"),
        *("resume", "unduck"),
    ]
    (interrupted,) = talk.of("assistant.interrupted")
    assert len(talk.of("assistant.resumed")) == 1
    assert words_of(talk) == ["".join(STORY).strip()]
    assert talk.types().count("turn.committed") == 1
    # Silent in between, and after it the whole of the word that was cut and all that follow.
    stopped, resumed = talk.time("assistant.interrupted"), talk.time("assistant.resumed")
    assert talk.level(stopped + 0.03, resumed - 0.02) == 0.0
    heard = len(interrupted["heard"].split())
    left = talk.last_sound() - resumed
    words = len(STORY) - int((stopped - talk.first_sound()) / WORD)
    assert left == pytest.approx(words * WORD, abs=0.045)
    assert heard in (len(STORY) - words, len(STORY) - words + 1)


async def test_the_duck_comes_within_80_ms_and_the_stop_within_300() -> None:
    talk = await converse(
        over_the_story(1.5),
        stt=FakeStt([QUESTION, "stop that"]),
        llm=FakeLlm([STORY, ["Fine."]]),
    )
    ducked = next(t for t, e in talk.events if e.get("what") == "duck")
    assert ducked - START <= 0.08
    assert talk.level(ducked + 0.03, ducked + 0.06) == pytest.approx(
        0.25 * 10 ** (-18 / 20), rel=0.01
    )
    assert talk.time("assistant.interrupted") - START <= 0.3
    assert talk.level(talk.time("assistant.interrupted") + 0.025, START + 1.5) == 0.0


async def test_a_click_only_ducks() -> None:
    talk = await converse(over_the_story(0.064), stt=FakeStt([QUESTION]), llm=FakeLlm([STORY]))
    assert [d for d in talk.decisions() if "duck" in d] == ["duck", "unduck"]
    assert "assistant.interrupted" not in talk.types()
    assert talk.level(START + 0.5, START + 2) == pytest.approx(0.25, abs=0.001)


@pytest.mark.parametrize("said", ["right", "mm-hm", "yeah okay", "keep going", "ach so"])
async def test_a_backchannel_is_noted_and_the_reply_goes_on(said: str) -> None:
    talk = await converse(
        over_the_story(0.4),
        stt=PartialStt([(0, QUESTION)], [(0.5, said)]),
        llm=FakeLlm([STORY]),
    )
    assert "assistant.interrupted" not in talk.types()
    assert talk.of("user.backchannel") == [{"type": "user.backchannel", "turn": 2, "text": said}]
    assert talk.history()[1:] == [
        ("assistant", "".join(STORY).strip(), False),
        ("user", f"({said})", False),
    ]


async def test_a_backchannel_that_is_understood_late_is_resumed_from() -> None:
    talk = await converse(
        over_the_story(0.4), stt=FakeStt([QUESTION, "right"]), llm=FakeLlm([STORY])
    )
    assert len(talk.of("assistant.resumed")) == 1
    assert words_of(talk) == ["".join(STORY).strip()]


@pytest.mark.parametrize("said", ["stop", "no", "wait"])
async def test_a_short_word_that_means_it_stops_it(said: str) -> None:
    talk = await converse(
        over_the_story(0.3),
        stt=PartialStt([(0, QUESTION)], [(0.5, said)]),
        llm=FakeLlm([STORY, ["Fine."]]),
    )
    assert [m[:2] for m in talk.history()][2:] == [("user", said), ("assistant", "Fine.")]


async def test_a_long_yeah_interrupts() -> None:
    talk = await converse(
        over_the_story(1.5),
        stt=PartialStt([(0, QUESTION)], [(0.5, "yeah")]),
        llm=FakeLlm([STORY, ["Fine."]]),
    )
    assert 1.0 <= talk.time("assistant.interrupted") - START <= 1.0 + TICK
    assert words_of(talk)[-1] == "Fine."


async def test_two_words_are_too_few_when_three_are_asked_for() -> None:
    talk = await converse(
        over_the_story(0.6),
        stt=PartialStt([(0, QUESTION)], [(0.5, "be quiet")]),
        llm=FakeLlm([STORY]),
        config={"interruption": {"min_words": 3}},
    )
    assert "assistant.interrupted" not in talk.types()
    assert words_of(talk) == ["".join(STORY).strip()]


async def test_three_words_are_enough_and_one_is_when_the_agent_is_silent() -> None:
    talk = await converse(
        Scripted([(0.5, False), (0.3, True), (2, False), (0.8, True), (4, False)]),
        stt=PartialStt([(0, "hello")], [(0.5, "be quiet"), (0.7, "be quiet now")]),
        llm=FakeLlm([STORY, ["Fine."]]),
        config={"interruption": {"min_words": 3}},
    )
    assert [m[:2] for m in talk.history()][2:] == [
        ("user", "be quiet now"),
        ("assistant", "Fine."),
    ]


async def test_a_reply_that_may_not_be_interrupted_is_heard_out_and_then_answered() -> None:
    talk = await converse(
        over_the_story(1),
        stt=FakeStt([QUESTION, "stop that"]),
        llm=FakeLlm([STORY, ["Fine."]]),
        config={"interruption": {"allow": False}},
    )
    assert "assistant.interrupted" not in talk.types()
    assert "duck" not in talk.decisions()
    assert talk.history()[1:] == [
        ("assistant", "".join(STORY).strip(), False),
        ("user", "stop that", False),
        ("assistant", "Fine.", False),
    ]


@pytest.mark.parametrize(("spared", "interrupted"), [("after 0.5 s", True), ("after 5 s", False)])
async def test_the_first_seconds_of_a_reply_can_be_spared(spared: str, interrupted: bool) -> None:
    talk = await converse(
        over_the_story(1),
        stt=FakeStt([QUESTION, "stop that"]),
        llm=FakeLlm([STORY, ["Fine."]]),
        config={"interruption": {"allow": spared}},
    )
    assert ("assistant.interrupted" in talk.types()) == interrupted


async def test_two_interruptions_one_after_the_other() -> None:
    talk = await converse(
        Scripted(
            [(0.5, False), (0.5, True), *[(2, False), (0.8, True)] * 2, (4, False)],
        ),
        stt=FakeStt([QUESTION, "stop that", "no really stop"]),
        llm=FakeLlm([STORY, STORY, ["Fine."]]),
    )
    assert len(talk.of("assistant.interrupted")) == 2
    heard = [e["heard"] for e in talk.of("assistant.interrupted")]
    assert [m[1:] for m in talk.history()] == [
        (QUESTION, False),
        (heard[0], True),
        ("stop that", False),
        (heard[1], True),
        ("no really stop", False),
        ("Fine.", False),
    ]


async def test_a_turn_after_the_end_of_the_reply_interrupts_nothing() -> None:
    talk = await converse(
        Scripted([(0.5, False), (0.5, True), (3, False), (0.5, True), (3, False)]),
        stt=FakeStt([QUESTION, "thank you"]),
        llm=FakeLlm([["Noon."], ["Welcome."]]),
    )
    assert "assistant.interrupted" not in talk.types()
    assert words_of(talk) == ["Noon.", "Welcome."]


async def test_who_speaks_while_the_reply_is_prepared_never_hears_it() -> None:
    llm = FakeLlm([["Too ", "late."], ["Both ", "then."]], first=1.0)
    talk = await converse(
        Scripted([(0.5, False), (0.5, True), (0.9, False), (0.8, True), (5, False)]),
        stt=FakeStt([QUESTION, "and in rome"]),
        llm=llm,
    )
    assert talk.types().count("assistant.speech_started") == 1
    assert talk.history() == [
        ("user", "what time is it and in rome", False),
        ("assistant", "Both then.", False),
    ]


async def test_a_cough_while_the_reply_is_prepared_only_holds_it_up() -> None:
    talk = await converse(
        Scripted([(0.5, False), (0.5, True), (0.5, False), (0.3, True), (5, False)]),
        stt=FakeStt([QUESTION, ""]),
        llm=FakeLlm([["Noon ", "it is."]], first=1.0),
    )
    assert words_of(talk) == ["Noon it is."]
    assert "assistant.interrupted" not in talk.types()


@pytest.mark.parametrize(("gap", "heard"), [(0.75, "Shall I go on?"), (0.55, "Shall I go")])
async def test_a_yeah_that_answers_a_question_is_a_turn(gap: float, heard: str) -> None:
    """After the question's end, or so late in it that it was clear."""
    reply = ["Shall ", "I ", "go ", "on?"]
    talk = await converse(
        Scripted([(0.5, False), (0.5, True), (gap, False), (0.3, True), (4, False)]),
        stt=PartialStt([(0, QUESTION)], [(0.5, "yeah")]),
        llm=FakeLlm([reply, ["Good."]]),
        config={"turn": {"silence": 1.0}},  # which the gaps go with
    )
    assert [m[:2] for m in talk.history()][1:] == [
        ("assistant", heard),
        ("user", "yeah"),
        ("assistant", "Good."),
    ]


async def test_a_yeah_after_the_reply_stands_after_it() -> None:
    talk = await converse(
        Scripted([(0.5, False), (0.5, True), (0.75, False), (0.3, True), (2, False), (1, True)]),
        stt=PartialStt([(0, QUESTION)], [(0.5, "yeah")], [(0.5, "and in rome")]),
        llm=FakeLlm([["It ", "is ", "noon ", "now."], ["There ", "too."]]),
    )
    assert [m[:2] for m in talk.history()] == [
        ("user", QUESTION),
        ("assistant", "It is noon now."),
        ("user", "(yeah)"),
        ("user", "and in rome"),
        ("assistant", "There too."),
    ]
