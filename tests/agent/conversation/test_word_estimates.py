"""What was heard of a voice that gives no times for its words, or not for all: an estimate."""

from collections.abc import AsyncGenerator
from contextlib import aclosing, asynccontextmanager
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from trio.testing import MockClock

from agent.conversation.spoken import Spoken
from tests.agent.conversation.simulated import converse
from tests.agent.fakes import WORD, FakeLlm, FakeStt, FakeTts, FakeUtterance, Scripted
from tts import Speech
from tts.espeak import Espeak
from tts.spoken_text import SpokenText

pytestmark = pytest.mark.anyio


@pytest.fixture
def anyio_backend() -> tuple[str, dict[str, Any]]:
    return "trio", {"clock": MockClock(autojump_threshold=0)}


TEXTS = [
    "Well, the capital of France is Paris, which lies on the river Seine in the north of the land.",
    "I think so. It will rain this afternoon, but tomorrow the sun comes out, and it gets warm.",
    "Once upon a time there was an extraordinarily inquisitive fox; it lived in a wood by a lake.",
    "No. You can go by bus or by train. The train is quicker, though it costs a little more.",
]


async def recorded(text: str, speed: int = 175) -> tuple[Espeak, list[Speech]]:
    """What espeak makes of a text, with its own word times."""
    voice = Espeak(speed=speed)
    await voice.load()
    async with voice.open() as utterance:
        await utterance.feed(text)
        await utterance.finish()
        return voice, [piece async for piece in utterance]


def said(voice: Espeak, text: str, pieces: list[Speech], spoken: Spoken, *, whole: bool) -> Spoken:
    part = spoken.begin(SpokenText(voice))
    for _ in part.text.feed(text):
        pass
    part.text.finish()
    for piece in pieces:
        part.add(piece)
    if whole:
        spoken.pace = part.end()
    return spoken


def furthest_off(truth: Spoken, estimate: Spoken) -> float:
    """How many words the estimate is off, at all but the worst 2 % of moments.

    Between the beginnings of two words a part of the first has been said; espeak tells of some
    pairs, such as "was an", as if they began together.
    """
    times = np.arange(0, truth.generated, truth.sample_rate // 20)
    said = [
        np.interp(times, starts, range(len(starts)))
        for each in (truth, estimate)
        if (starts := [word.start for word in each.words])
    ]
    return float(np.quantile(np.abs(said[0] - said[1]), 0.98))


def stripped(pieces: list[Speech]) -> list[Speech]:
    return [replace(piece, words=()) for piece in pieces]


@pytest.mark.parametrize("text", TEXTS)
async def test_a_whole_reply_without_times_is_split_within_a_word_and_a_half(text: str) -> None:
    voice, pieces = await recorded(text)
    truth = said(voice, text, pieces, Spoken(voice.sample_rate), whole=True)
    estimate = said(voice, text, stripped(pieces), Spoken(voice.sample_rate), whole=True)
    assert furthest_off(truth, estimate) <= 1.5
    assert estimate.estimated
    assert not truth.estimated
    assert " ".join(estimate.split(estimate.words)[0].split()) == text


@pytest.mark.parametrize("text", TEXTS)
async def test_while_it_is_made_the_pace_of_the_last_reply_is_used(text: str) -> None:
    voice, before = await recorded(TEXTS[0])
    heard = said(voice, TEXTS[0], stripped(before), Spoken(voice.sample_rate), whole=True)
    _, pieces = await recorded(text)
    for share in (0.4, 0.7, 1):
        some = pieces[: round(share * len(pieces))]
        truth = said(voice, text, some, Spoken(voice.sample_rate), whole=False)
        estimate = said(
            voice, text, stripped(some), Spoken(voice.sample_rate, heard.pace), whole=False
        )
        assert furthest_off(truth, estimate) <= 1.5


@pytest.mark.parametrize("text", TEXTS)
@pytest.mark.parametrize("odd", [0, 1])
async def test_clauses_without_times_are_filled_in(text: str, odd: int) -> None:
    voice, pieces = await recorded(text)
    clause, some = 0, []
    for piece in pieces:
        some.append(piece if clause % 2 == odd else replace(piece, words=()))
        clause += any(word.text[-1] in ".,;" for word in piece.words)
    truth = said(voice, text, pieces, Spoken(voice.sample_rate), whole=True)
    estimate = said(voice, text, some, Spoken(voice.sample_rate), whole=True)
    assert furthest_off(truth, estimate) <= 1.5
    given = {(word.text, word.start) for piece in some for word in piece.words}
    assert given <= {(word.text, word.start) for word in estimate.words}


async def test_a_voice_that_gives_all_its_words_is_taken_at_its_word() -> None:
    voice, pieces = await recorded(TEXTS[2])
    for made in range(len(pieces)):
        spoken = said(voice, TEXTS[2], pieces[:made], Spoken(voice.sample_rate), whole=False)
        assert not spoken.estimated


class Untimed(FakeTts):
    """A voice that says nothing of when it speaks its words."""

    @asynccontextmanager
    async def open(self) -> AsyncGenerator[FakeUtterance, None]:
        async with super().open() as utterance:
            timed = utterance.speech

            async def untimed() -> AsyncGenerator[Speech, None]:
                async for piece in timed:
                    yield replace(piece, words=())

            async with aclosing(untimed()) as utterance.speech:
                yield utterance
            utterance.speech = timed


async def test_an_interrupted_reply_without_times_has_its_words_in_history() -> None:
    reply = [f"word{n} " for n in range(40)]
    talk = await converse(
        Scripted(
            [(0.5, False), (0.5, True), (4, False), (0.5, True), (3, False), (1, True), (3, False)]
        ),
        stt=FakeStt(["hello", "tell me a story", "stop that"]),
        llm=FakeLlm([["Hello0 there1 friend2 today3"], list(reply), ["Fine."]]),
        tts=Untimed(),
    )
    (interrupted,) = talk.of("assistant.interrupted")
    played = talk.last_sound(before=talk.time("turn.committed", 2)) - talk.time(
        "assistant.speech_started", 1
    )
    heard = interrupted["heard"].split()
    assert abs(len(heard) - played / WORD) <= 1.5
    assert interrupted["estimated"] is True
    assert heard + interrupted["unheard"].split() == [word.strip() for word in reply]
    assert ("assistant", interrupted["heard"], True) in talk.history()


@pytest.mark.parametrize("speed", [110, 260, 380])
@pytest.mark.parametrize("text", TEXTS)
async def test_a_first_reply_may_be_slow_or_fast(speed: int, text: str) -> None:
    """Nobody knows its pace yet, and half of it has been made."""
    voice, pieces = await recorded(text, speed)
    some = pieces[: len(pieces) // 2]
    truth = said(voice, text, some, Spoken(voice.sample_rate), whole=False)
    estimate = said(voice, text, stripped(some), Spoken(voice.sample_rate), whole=False)
    assert furthest_off(truth, estimate) <= (7 if speed < 150 else 4)
