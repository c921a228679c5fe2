"""A reply as other frameworks' services speak it."""

from collections.abc import AsyncGenerator, AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import anyio
import numpy as np
import pytest

from agent.plugins.speaking import AHEAD, speak
from tts import Speech, SpokenWord, TextToSpeechError
from tts.utterance import ClauseUtterance, open_utterance

pytestmark = pytest.mark.anyio


class Toy:
    """A voice that says a second at 8 kHz for each clause, and fails at "bad"."""

    sample_rate = 8000
    speaking = 0

    async def load(self) -> None: ...

    async def aclose(self) -> None: ...

    @asynccontextmanager
    async def open(self) -> AsyncGenerator[ClauseUtterance]:
        async def synthesise(clause: str, send: Any) -> None:
            if "bad" in clause:
                raise TextToSpeechError("no more voice")
            await send(Speech(np.full(8000, 0.5, np.float32), (SpokenWord(clause.strip(), 4000),)))

        self.speaking += 1
        try:
            async with open_utterance(synthesise) as utterance:
                yield utterance
        finally:
            self.speaking -= 1


async def said(*texts: str) -> AsyncIterator[str]:
    for text in texts:
        yield text


async def test_words_are_counted_in_the_samples_that_are_given() -> None:
    given: list[Speech] = []

    async def give(speech: Speech) -> None:
        given.append(speech)

    await speak(Toy(), said("One. T", "wo."), 24000, give)
    words = [word for speech in given for word in speech.words]
    assert words == [SpokenWord("One.", 12000), SpokenWord("Two.", 36000)]
    assert sum(len(speech.pcm) for speech in given) == pytest.approx(48000, abs=10)


async def test_an_engine_that_fails_in_mid_reply() -> None:
    given: list[Speech] = []

    async def give(speech: Speech) -> None:
        given.append(speech)

    voice = Toy()
    with pytest.raises(TextToSpeechError, match=r"^no more voice$"):
        await speak(voice, said("Good. ", "A bad one."), 8000, give)
    assert voice.speaking == 0


async def test_a_text_that_is_empty_is_silence() -> None:
    async def give(speech: Speech) -> None:
        raise AssertionError(speech)

    await speak(Toy(), said(), 8000, give)


async def test_a_cancelled_reply_has_freed_the_voice() -> None:
    voice = Toy()
    with anyio.CancelScope() as scope:

        async def give(_speech: Speech) -> None:
            assert voice.speaking == 1
            scope.cancel()

        await speak(voice, said("One. ", "Two. "), 8000, give)
    assert scope.cancelled_caught
    assert voice.speaking == 0


async def test_a_text_that_never_ends_is_spoken_as_it_is_heard() -> None:
    heard = 0.0

    async def endless() -> AsyncIterator[str]:
        while True:
            yield "One. "

    async def give(speech: Speech) -> None:
        nonlocal heard
        heard += len(speech.pcm) / 8000

    with anyio.move_on_after(0.5):
        await speak(Toy(), endless(), 8000, give)
    assert heard <= AHEAD + 2
