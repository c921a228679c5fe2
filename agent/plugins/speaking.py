"""A reply as services of other frameworks speak it: text in as it comes, sound out with words."""

from collections.abc import AsyncGenerator, AsyncIterable, Awaitable, Callable
from contextlib import asynccontextmanager

import anyio
import numpy as np
from anyio.streams.memory import MemoryObjectReceiveStream
from numpy.typing import NDArray

from agent.audio.resample import Resampler
from agent.errors import StageError
from agent.graph import Graph
from agent.stages import Speak, source
from tts import Speech, SpokenWord, TextToSpeech, TextToSpeechError

AHEAD = 30.0
"""Seconds of sound that may wait to be heard: a text that never ends does not fill the memory."""


async def speak(
    voice: TextToSpeech,
    texts: AsyncIterable[str],
    rate: int,
    give: Callable[[Speech], Awaitable[None]],
) -> None:
    """Speak a text that comes in fragments; `give` takes the sound at `rate` Hz, piece by piece.

    The starts of its words are in samples of it, from its first. Cancelled, it frees the engine.
    Raises TextToSpeechError.
    """
    begun, given = 0.0, 0
    async with _spoken(voice, texts) as speech:
        resampler: Resampler | None = None
        async for piece in speech:
            resampler = resampler or Resampler(voice.sample_rate, rate, "high")
            ratio = rate / voice.sample_rate
            words = tuple(SpokenWord(w.text, round(w.start * ratio)) for w in piece.words)
            pcm = resampler.process(piece.pcm)
            begun = begun or anyio.current_time()
            await give(Speech(pcm, words))
            given += len(pcm)
            await anyio.sleep(max(0.0, begun + given / rate - AHEAD - anyio.current_time()))
        if resampler is not None:
            await give(Speech(resampler.flush()))


@asynccontextmanager
async def _spoken(
    voice: TextToSpeech, texts: AsyncIterable[str]
) -> AsyncGenerator[MemoryObjectReceiveStream[Speech]]:
    try:
        async with Graph(source(texts)).then(Speak(voice)).open(buffer=1) as (_, speech):
            yield speech
    except StageError as error:
        if isinstance(error.__cause__, TextToSpeechError):
            raise error.__cause__ from None
        raise TextToSpeechError(str(error)) from error


def pcm16(pcm: NDArray[np.float32]) -> bytes:
    """Return samples in [-1, 1] as 16 bit integers, little-endian."""
    return (np.clip(pcm, -1, 1) * 32767).astype("<i2").tobytes()
