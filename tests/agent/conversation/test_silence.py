"""Silence on a virtual clock: idleness, fillers, voices without a sound."""

from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from typing import Any

import anyio
import numpy as np
import pytest
from trio.testing import MockClock

from tests.agent.conversation.simulated import (
    QUESTION,
    STORY,
    Conversation,
    converse,
    one_turn,
    over_the_story,
    words_of,
)
from tests.agent.fakes import (
    TTS_RATE,
    WORD,
    FakeLlm,
    FakeStt,
    FakeTts,
    FakeUtterance,
    Scripted,
)
from tts import Speech

pytestmark = pytest.mark.anyio


@pytest.fixture
def anyio_backend() -> tuple[str, dict[str, Any]]:
    return "trio", {"clock": MockClock(autojump_threshold=0)}


class StubbornTts(FakeTts):
    """Does not let go of an utterance for two seconds."""

    @asynccontextmanager
    async def open(self) -> AsyncGenerator[FakeUtterance, None]:
        async with super().open() as utterance:
            try:
                yield utterance
            finally:
                with anyio.CancelScope(shield=True):
                    await anyio.sleep(2)


class MuteTts(FakeTts):
    """Yields no sound at all."""

    @asynccontextmanager
    async def open(self) -> AsyncGenerator[Any, None]:
        async with super().open() as utterance:
            utterance.speech = nothing(utterance.speech)
            yield utterance


async def nothing(speech: AsyncGenerator[Speech, None]) -> AsyncGenerator[Speech, None]:
    async for _ in speech:
        pass
    if False:
        yield Speech(np.zeros(0, np.float32))


async def test_a_voice_that_ignores_cancellation_delays_neither_silence_nor_the_next_turn() -> None:
    async def talk_with(tts: FakeTts) -> Conversation:
        return await converse(
            over_the_story(1),
            stt=FakeStt([QUESTION, "stop that"]),
            llm=FakeLlm([STORY, ["Fine."]], between=0.15),
            tts=tts,
        )

    stubborn, usual = await talk_with(StubbornTts()), await talk_with(FakeTts())
    for moment in ("assistant.interrupted", "turn.committed", "assistant.speech_started"):
        times = [stubborn.time(moment, -1), usual.time(moment, -1)]
        assert times[0] == pytest.approx(times[1], abs=0.001)


async def test_three_replies_without_a_sound_and_the_voice_is_said_to_be_unusable() -> None:
    talk = await converse(
        Scripted([*[(1, False), (0.6, True)] * 4, (3, False)]),
        stt=FakeStt([QUESTION] * 4),
        llm=FakeLlm([["Noon."]] * 8),
        tts=MuteTts(),
    )
    codes = [error["code"] for error in talk.of("error")]
    assert codes.count("tts.unusable") == 1
    assert talk.types().count("turn.committed") == 4
    assert words_of(talk) == []


async def test_a_reply_of_which_nothing_can_be_said_ends_the_turn() -> None:
    talk = await converse(
        Scripted([(1, False), (0.6, True), (2, False), (0.6, True), (3, False)]),
        stt=FakeStt([QUESTION, QUESTION]),
        llm=FakeLlm([["🎉"], ["Noon."]]),
    )
    assert "error" not in talk.types()
    assert [done["text"] for done in talk.of("assistant.done")] == ["🎉", "Noon."]
    assert words_of(talk) == ["Noon."]


async def test_a_long_one_is_asked_about_and_then_left_alone() -> None:
    talk = await converse(
        Scripted([(1, False), (0.6, True), (60, False), (0.6, True), (4, False)]),
        stt=FakeStt([QUESTION, "yes i am here"]),
        llm=FakeLlm([["Noon."], ["Good."]]),
        config={"idle": {"after": 10, "prompt": "Are you there?"}},
    )
    assert words_of(talk) == ["Noon.", "Are you there?", "Good."]
    assert [d for d in talk.decisions() if d in ("idle", "sleep", "wake")] == [
        *("idle", "sleep"),
        "wake",
    ]
    times = [t for t, e in talk.events if e.get("what") in ("idle", "sleep")]
    assert times[0] == pytest.approx(talk.time("assistant.done") + 10, abs=0.1)
    assert times[1] == pytest.approx(talk.time("assistant.done", 1) + 10, abs=0.1)


async def test_a_reply_that_is_late_gives_a_sign_of_life() -> None:
    talk = await converse(
        one_turn(after=8),
        stt=FakeStt([QUESTION]),
        llm=FakeLlm([["Noon."]], first=5.0),
        config={"thinking": {"after": 2}},
    )
    sign = talk.time("turn.committed") + 2
    assert talk.first_sound() == pytest.approx(sign, abs=0.04)
    assert talk.level(sign, sign + 1) < 0.2  # soft
    assert talk.first_sound(after=sign + 1) == pytest.approx(
        talk.time("assistant.speech_started"), abs=0.04
    )
    assert words_of(talk) == ["Noon."]


async def test_the_sign_can_be_words_and_gives_way_to_the_reply() -> None:
    talk = await converse(
        one_turn(after=8),
        stt=FakeStt([QUESTION]),
        llm=FakeLlm([["Noon ", "it is."]], first=3.0),
        config={"thinking": {"after": 2, "say": "let me think about that for a while"}},
    )
    sign = talk.time("turn.committed") + 2
    assert talk.level(sign + 0.04, sign + 0.5) == pytest.approx(0.25, abs=0.001)
    start = talk.time("assistant.speech_started")
    assert talk.level(0, start - 0.02) <= 0.26
    assert talk.level(start + 0.04, start + 9) <= 0.26
    assert talk.last_sound() <= talk.time("assistant.speech_started") + 3 * WORD + 0.05
    assert words_of(talk) == ["Noon it is."]


async def test_a_quick_reply_gives_none() -> None:
    talk = await converse(one_turn(), stt=FakeStt([QUESTION]), llm=FakeLlm([["Noon."]]))
    assert "filler" not in talk.decisions()
    assert len([1 for _, pcm in talk.sound if pcm.any()]) <= WORD * TTS_RATE / 240 + 2
