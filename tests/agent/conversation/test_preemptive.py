"""Preemptive generation on a virtual clock: how far it goes, and what becomes of it."""

from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from typing import Any

import anyio
import pytest
from trio.testing import MockClock

from agent.config.sections import TurnSettings
from stt import Transcript
from tests.agent.conversation.simulated import (
    QUESTION,
    converse,
    one_turn,
)
from tests.agent.fakes import (
    WORD,
    FakeLlm,
    FakeStt,
    FakeTts,
    FakeUtterance,
    Scripted,
)

pytestmark = pytest.mark.anyio

TURN = TurnSettings()


@pytest.fixture
def anyio_backend() -> tuple[str, dict[str, Any]]:
    return "trio", {"clock": MockClock(autojump_threshold=0)}


class FickleStt(FakeStt):
    """Changes its mind about the same sound at every call."""

    @asynccontextmanager
    async def listen(self) -> AsyncGenerator["Any", None]:
        async with super().listen() as recognition:
            finish = recognition.finish

            async def finish_anew() -> Transcript:
                recognition._finished = None
                return await finish()

            recognition.finish = finish_anew  # type: ignore[method-assign]
            yield recognition


async def test_the_reply_is_ready_when_the_turn_is_over() -> None:
    llm = FakeLlm([["It ", "is ", "noon."]])
    talk = await converse(one_turn(), stt=FakeStt([QUESTION]), llm=llm)
    (latency,) = talk.of("turn.latency")
    assert latency["total_ms"] <= 1000 * (TURN.silence / 3)
    for part in ("stt_ms", "llm_ttft_ms", "tts_ttfa_ms"):
        assert latency[part] == 0.0
    assert len(llm.asked) == 1
    assert talk.of("turn.committed")[0]["guesses"] == 1
    assert talk.of("turn.committed")[0]["wasted_tokens"] == 0
    assert talk.first_sound() > talk.time("turn.committed")


async def test_a_reply_to_half_a_sentence_leaves_no_trace() -> None:
    llm = FakeLlm([["What ", "kind?"], ["A ", "pizza ", "then."]])
    talk = await converse(
        Scripted([(1, False), (1, True), (0.6, False), (1, True), (4, False)]),
        stt=FakeStt([["i would like", "i would like a pizza"]]),
        llm=llm,
    )
    assert [asked[-1].content for asked in llm.asked] == [
        "i would like",
        "i would like a pizza",
    ]
    assert talk.history() == [
        ("user", "i would like a pizza", False),
        ("assistant", "A pizza then.", False),
    ]
    assert [e["delta"] for e in talk.of("assistant.text")] == ["A ", "pizza ", "then."]
    assert talk.of("turn.committed")[0] == {
        "type": "turn.committed",
        "turn": 1,
        "text": "i would like a pizza",
        "guesses": 2,
        "wasted_tokens": 2,
    }
    assert talk.first_sound() > talk.time("turn.committed")
    assert len([1 for _, pcm in talk.sound if pcm.any()]) <= 3 * WORD / 0.01 + 2


@pytest.mark.parametrize(
    ("final", "asked"), [("What time is it?", 1), ("what time is it in rome", 2)]
)
async def test_words_that_change_start_it_again_but_not_their_case(final: str, asked: int) -> None:
    llm = FakeLlm([["It ", "is ", "noon."]] * 2)
    talk = await converse(one_turn(), stt=FickleStt([[QUESTION, final]]), llm=llm)
    assert len(llm.asked) == asked
    assert talk.of("turn.committed")[0]["text"] == final
    assert talk.history() == [("user", final, False), ("assistant", "It is noon.", False)]


@pytest.mark.parametrize(
    ("speculate", "ahead"),
    [
        ("off", (False, False, False)),
        ("stt", (True, False, False)),
        ("llm", (True, True, False)),
        ("all", (True, True, True)),
    ],
)
async def test_how_far_it_goes_can_be_chosen(
    speculate: str, ahead: tuple[bool, bool, bool]
) -> None:
    times: dict[str, float] = {}

    class Stt(FakeStt):
        def _heard(self) -> None:
            times.setdefault("stt", anyio.current_time())

        @asynccontextmanager
        async def listen(self) -> AsyncGenerator[Any, None]:
            async with super().listen() as recognition:
                finish = recognition.finish

                async def finish_and_tell() -> Transcript:
                    self._heard()
                    return await finish()

                recognition.finish = finish_and_tell  # type: ignore[method-assign]
                yield recognition

    class Llm(FakeLlm):
        async def reply(self, messages: Any, tools: Any = ()) -> AsyncGenerator[Any, None]:
            times.setdefault("llm", anyio.current_time())
            async for delta in super().reply(messages, tools):
                yield delta

    class Tts(FakeTts):
        @asynccontextmanager
        async def open(self) -> AsyncGenerator[FakeUtterance, None]:
            times.setdefault("tts", anyio.current_time())
            async with super().open() as utterance:
                yield utterance

    began = anyio.current_time()
    talk = await converse(
        one_turn(),
        stt=Stt([QUESTION]),
        llm=Llm([["It ", "is ", "noon."]]),
        tts=Tts(),
        config={"turn": {"speculate": speculate}},
    )
    decided = began + talk.time("user.speech_stopped")
    assert tuple(times[stage] < decided for stage in ("stt", "llm", "tts")) == ahead
    assert talk.history()[-1] == ("assistant", "It is noon.", False)


async def test_it_is_given_up_after_too_many_vain_tries() -> None:
    pauses = [(0.5, True), (0.5, False)] * 6
    llm = FakeLlm([["Yes."]] * 7)
    talk = await converse(
        Scripted([(1, False), *pauses, (4, False)]),
        stt=FakeStt([[f"{'and ' * n}and" for n in range(7)]]),
        llm=llm,
        config={"turn": {"max_guesses": 2}},
    )
    assert len(llm.asked) == 3  # two in vain, one at the end
    assert talk.of("turn.committed")[0]["guesses"] == 2
    assert len(talk.of("assistant.done")) == 1
