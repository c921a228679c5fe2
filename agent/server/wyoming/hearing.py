"""Speech-to-text for Home Assistant: sound comes, and there is always a transcript."""

from collections.abc import Callable, Sequence
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass
from functools import partial

import numpy as np
from anyio.streams.memory import MemoryObjectReceiveStream
from numpy.typing import NDArray
from wyoming.asr import Transcribe
from wyoming.audio import AudioChunk

from agent.agent import Agent
from agent.audio.resample import Resampler
from agent.server.wyoming.sound import Converter
from agent.turns.vad import SAMPLE_RATE, WINDOW
from stt import AdjustableRecogniser, Recognition, Transcript

PAUSE_AFTER = 20.0
"""Seconds of a long recording after which it is cut at the next pause, and understood so far."""
LONGEST = 40.0
"""Seconds after which it is cut wherever it is."""
MAX_WORDS = 100
"""Likely words that the recogniser is told of."""


@dataclass(frozen=True, slots=True)
class Wish:
    """What a client says of the recording it sends, where the recogniser can use it."""

    language: str | None = None
    words: tuple[str, ...] = ()
    """That are likely to be said."""

    @classmethod
    def of(cls, request: Transcribe) -> "Wish":
        """Read a request; what is not as it should be is left out."""
        words = [*_texts(request.transcript_names), *_texts(request.transcript_terms)]
        language = request.language if isinstance(request.language, str) else ""
        code = language.replace("_", "-").partition("-")[0].lower()
        return cls(code if code.isalpha() else None, tuple(words[:MAX_WORDS]))


async def transcribe(
    agent: Agent, chunks: MemoryObjectReceiveStream[AudioChunk], wish: Wish = Wish()
) -> Transcript:
    """Return what is said in a recording, of any length, that comes in chunks.

    It is "" where nobody speaks. Raises EventError, SpeechToTextError.
    """
    hearing, stt = _Hearing(agent), agent.stt.conversation()
    parts: list[Transcript] = []
    listen: Callable[[], AbstractAsyncContextManager[Recognition]] = stt.listen
    if isinstance(stt, AdjustableRecogniser) and (wish.language or wish.words):
        listen = partial(stt.listen_with, language=wish.language, prompt=" ".join(wish.words))
    while not hearing.ended:
        async with listen() as recognition:
            await hearing.part(recognition, chunks)
            if hearing.voiced:
                parts.append(await recognition.finish())
    return _joined(parts)


class _Hearing:
    """One recording, which goes to the recogniser part by part."""

    def __init__(self, agent: Agent) -> None:
        self.ended = False
        self.voiced = False
        """Whether there was a voice in the part."""
        self._start, self._stop = agent.config.vad.start, agent.config.vad.stop
        self._vad = agent.detector()
        self._convert = Converter(SAMPLE_RATE)
        self._resampler = Resampler(SAMPLE_RATE, agent.stt.sample_rate, "high")
        self._paused = False

    async def part(
        self, recognition: Recognition, chunks: MemoryObjectReceiveStream[AudioChunk]
    ) -> None:
        """Have the recogniser hear until the end, or a good place to cut."""
        self.voiced, heard = False, 0
        async for chunk in chunks:
            pcm = self._convert.feed(chunk)
            heard += len(pcm)
            await self._hear(recognition, pcm)
            seconds = heard / SAMPLE_RATE
            if seconds > LONGEST or (seconds > PAUSE_AFTER and self._paused):
                return
        self.ended = True
        # The detector hears the last window whole.
        await self._hear(recognition, self._convert.finish())
        await self._judge(np.zeros(WINDOW, np.float32))
        await recognition.feed(self._resampler.flush())

    async def _hear(self, recognition: Recognition, pcm: NDArray[np.float32]) -> None:
        for start in range(0, len(pcm), SAMPLE_RATE):  # a chunk may hold two minutes
            piece = pcm[start : start + SAMPLE_RATE]
            await self._judge(piece)
            await recognition.feed(self._resampler.process(piece))

    async def _judge(self, pcm: NDArray[np.float32]) -> None:
        for probability in await self._vad.feed(pcm):
            self.voiced = self.voiced or probability >= self._start
            self._paused = probability < self._stop


def _texts(value: object) -> list[str]:
    return (
        [each[:100] for each in value if isinstance(each, str)] if isinstance(value, list) else []
    )


def _joined(parts: Sequence[Transcript]) -> Transcript:
    text = " ".join(part.text for part in parts if part.text)
    languages = (part.language for part in parts if part.language)
    return Transcript(text, language=next(languages, None))
