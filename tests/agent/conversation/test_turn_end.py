"""What ends a turn of the user's, on a virtual clock."""

from typing import Any

import anyio
import numpy as np
import pytest
from numpy.typing import NDArray
from trio.testing import MockClock

from agent.config.sections import TurnSettings
from tests.agent.conversation.simulated import TICK, PartialStt, converse, one_turn
from tests.agent.fakes import RATE, FakeLlm, FakeStt, Scripted

pytestmark = pytest.mark.anyio

TURN = TurnSettings()


@pytest.fixture
def anyio_backend() -> tuple[str, dict[str, Any]]:
    return "trio", {"clock": MockClock(autojump_threshold=0)}


@pytest.mark.parametrize("pause", [0.4, 0.8, 1.2])
async def test_a_pause_in_a_sentence_is_inside_the_turn(pause: float) -> None:
    """With the words alone: what was said so far wants an object."""
    talk = await converse(
        Scripted([(1, False), (1, True), (pause, False), (1, True), (4, False)]),
        stt=FakeStt([["i would like to order", "i would like to order a large pizza"]]),
        llm=FakeLlm([["Never ", "heard."], ["Right ", "away."]]),
    )
    assert talk.types().count("turn.committed") == 1
    assert talk.history() == [
        ("user", "i would like to order a large pizza", False),
        ("assistant", "Right away.", False),
    ]


@pytest.mark.parametrize("pause", [0.4, 0.8, 1.2])
async def test_and_with_a_model_of_the_sound(pause: float) -> None:
    class Model:
        async def load(self) -> None:
            """Nothing to load."""

        async def aclose(self) -> None:
            """Nothing to close."""

        async def complete(self, pcm: NDArray[np.float32]) -> float:
            assert len(pcm)
            await anyio.sleep(0.03)
            return 0.97 if np.count_nonzero(pcm > 0.25) > 1.5 * RATE else 0.05

    talk = await converse(
        Scripted([(1, False), (1, True), (pause, False), (1, True), (4, False)]),
        stt=FakeStt([["flights to boston", "flights to boston on friday"]]),
        llm=FakeLlm([["Never ", "heard."], ["Right ", "away."]]),
        turn_model=Model(),
        config={"turn": {"detector": "smart_turn"}},
    )
    assert talk.types().count("turn.committed") == 1
    assert talk.history()[-1] == ("assistant", "Right away.", False)
    (latency,) = talk.of("turn.latency")
    assert latency["total_ms"] <= 1000 * (TURN.complete + 0.05 + TICK + 0.02)


async def test_words_that_never_come_end_in_an_apology() -> None:
    talk = await converse(
        one_turn(after=60),
        stt=FakeStt(["too late", "hello"], delay=1000),
        llm=FakeLlm([]),
    )
    (error,) = talk.of("error")
    assert error["stage"] == "stt"
    assert "no transcript within" in error["message"]
    assert len(talk.of("assistant.done")) == 1


@pytest.mark.parametrize("said", ["what time is it", "what is the", "a"])
async def test_without_speculation_no_turn_waits_for_words_that_lag_behind(said: str) -> None:
    """The partial transcript is of what was said before the pause: that it is open says nothing."""
    talk = await converse(
        Scripted([(1, False), (1, True), (4, False)]),
        stt=PartialStt([(0.5, said), (99, "what is the time in rome")]),
        llm=FakeLlm([["It is noon."]]),
        config={"turn": {"speculate": "off"}},
    )
    ended = talk.time("user.speech_stopped") - 2
    assert ended <= TURN.silence + TICK


@pytest.mark.parametrize(
    ("punctuated", "text", "soon"),
    [
        (True, "I did not ask for that.", True),
        (True, "I did not ask for", False),
        (False, "I did not ask for that.", False),
    ],
)
async def test_the_punctuation_of_a_recogniser_that_hears_it_counts(
    punctuated: bool, text: str, soon: bool
) -> None:
    class Stt(FakeStt):
        punctuates = punctuated

    talk = await converse(
        Scripted([(1, False), (1, True), (4, False)]),
        stt=Stt([text]),
        llm=FakeLlm([["Sorry."]]),
    )
    ended = talk.time("user.speech_stopped") - 2
    assert (ended <= 0.35) == soon, ended
    assert soon or ended > 1
