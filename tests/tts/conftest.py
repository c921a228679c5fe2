"""What the tests of the synthesisers share."""

from collections.abc import Awaitable, Callable, Iterable

import anyio
import numpy as np
import pytest
from numpy.typing import NDArray

from tts.protocol import Speech, SpokenWord, TextToSpeech


@pytest.fixture(params=["asyncio", "trio"])
def anyio_backend(request: pytest.FixtureRequest) -> str:
    return str(request.param)


class Spoken:
    """A whole utterance."""

    def __init__(self, pieces: list[Speech]) -> None:
        self.pieces = pieces

    @property
    def pcm(self) -> NDArray[np.float32]:
        return np.concatenate([piece.pcm for piece in self.pieces])

    @property
    def words(self) -> list[SpokenWord]:
        return [word for piece in self.pieces for word in piece.words]

    @property
    def text(self) -> str:
        return " ".join(word.text for word in self.words)

    def check_word_times(self) -> None:
        """Every word begins in the piece that carries it, and none before the word before it."""
        at = 0
        for piece in self.pieces:
            for word in piece.words:
                assert at <= word.start < at + len(piece.pcm)
            at += len(piece.pcm)
        starts = [word.start for word in self.words]
        assert starts == sorted(starts)


async def speak(engine: TextToSpeech, fragments: Iterable[str]) -> Spoken:
    """Feed text as a language model would, and take the audio as it comes."""
    pieces = []
    async with engine.open() as utterance, anyio.create_task_group() as group:

        async def write() -> None:
            for fragment in fragments:
                await utterance.feed(fragment)
            await utterance.finish()

        group.start_soon(write)
        async for piece in utterance:
            pieces.append(piece)  # noqa: PERF401 — one by one, as the speaker takes them
    return Spoken(pieces)


@pytest.fixture(name="speak")
def speak_fixture() -> Callable[[TextToSpeech, Iterable[str]], Awaitable[Spoken]]:
    return speak
