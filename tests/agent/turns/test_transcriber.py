from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from typing import Any

import numpy as np
import pytest
from trio.testing import MockClock

from agent.turns.transcriber import how_it_sounded
from stt import Transcript, Word
from tests.agent.conversation.simulated import converse
from tests.agent.fakes import FakeLlm, FakeStt, Scripted
from tts import SpokenWord

PCM = np.zeros(16000, np.float32)


def test_words_with_times_lie_where_they_were_said() -> None:
    heard = how_it_sounded(PCM, Transcript("hi you", (Word("hi", 0.25, 0.5), Word("you", 0.5, 1))))
    assert heard.words == (SpokenWord("hi", 4000), SpokenWord("you", 8000))
    assert heard.speaker == "user"


def test_words_without_times_are_spread_by_their_letters() -> None:
    heard = how_it_sounded(PCM, Transcript("one three a"))
    assert heard.words == (
        SpokenWord("one", 0),
        SpokenWord("three", 16000 * 4 // 11),
        SpokenWord("a", 16000 * 10 // 11),
    )


def test_nothing_said_has_no_words() -> None:
    assert how_it_sounded(PCM, Transcript("")).words == ()


class Rejecting(FakeStt):
    """Trusts nothing that it hears."""

    @asynccontextmanager
    async def listen(self) -> AsyncGenerator[Any, None]:
        async with super().listen() as recognition:

            async def reject() -> Transcript:
                return Transcript("", rejected="no speech (probability 0.90): Thank you.")

            recognition.finish = reject  # type: ignore[method-assign]
            yield recognition


@pytest.mark.anyio
@pytest.mark.parametrize("anyio_backend", [("trio", {"clock": MockClock(autojump_threshold=0)})])
async def test_a_rejected_turn_is_an_event_with_its_reason() -> None:
    llm = FakeLlm([])
    talk = await converse(
        Scripted([(1, False), (1, True), (2, False)]), stt=Rejecting(["never said"]), llm=llm
    )
    (warning,) = talk.of("warning")
    assert (warning["stage"], warning["code"]) == ("stt", "stt.rejected")
    assert warning["message"] == (
        "turn 1 is not taken for speech: no speech (probability 0.90): Thank you."
    )
    assert llm.asked == []
    assert talk.history() == []
