"""Speech-to-text for Home Assistant: sound comes, and there is always a transcript."""

from collections.abc import Awaitable, Callable, Sequence
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass
from functools import partial
from typing import Any

import numpy as np
from anyio.streams.memory import MemoryObjectReceiveStream
from numpy.typing import NDArray
from wyoming.asr import Transcribe
from wyoming.audio import AudioChunk

from agent.agent import Agent
from agent.audio.resample import Resampler
from agent.server.agreed import agreed
from agent.server.wyoming.sound import Converter
from agent.turns.vad import SAMPLE_RATE, WINDOW
from stt import AdjustableRecogniser, Recognition, Transcript

PAUSE_AFTER = 20.0
"""Seconds of a long recording after which it is cut at the next pause, and understood so far."""
LONGEST = 40.0
"""Seconds after which it is cut wherever it is."""
Tell = Callable[[str], Awaitable[None]]
MAX_WORDS = 100
"""Likely words that the recogniser is told of."""


@dataclass(frozen=True, slots=True)
class Wish:
    """What a client says of the recording it sends, where the recogniser can use it."""

    language: str | None = None
    words: tuple[str, ...] = ()
    """That are likely to be said."""
    context: dict[str, Any] | None = None
    """What the transcript is to be sent back with."""

    @classmethod
    def of(cls, request: Transcribe) -> "Wish":
        """Read a request; what is not as it should be is left out."""
        words = [*_texts(request.transcript_names), *_texts(request.transcript_terms)]
        language = request.language if isinstance(request.language, str) else ""
        code = language.replace("_", "-").partition("-")[0].lower()
        context = request.context if isinstance(request.context, dict) else None
        return cls(code if code.isalpha() else None, tuple(words[:MAX_WORDS]), context)


async def transcribe(
    agent: Agent,
    chunks: MemoryObjectReceiveStream[AudioChunk],
    wish: Wish = Wish(),
    tell: Tell | None = None,
) -> Transcript:
    """Return what is said in a recording, of any length, that comes in chunks.

    It is "" where nobody speaks. `tell` is told its words while it comes, as far as they are sure.
    Raises EventError, SpeechToTextError.
    """
    words = _Words(tell)
    hearing, stt = _Hearing(agent), agent.stt.conversation()
    parts: list[Transcript] = []
    listen: Callable[[], AbstractAsyncContextManager[Recognition]] = stt.listen
    if isinstance(stt, AdjustableRecogniser) and (wish.language or wish.words):
        listen = partial(stt.listen_with, language=wish.language, prompt=" ".join(wish.words))
    while not hearing.ended:
        async with listen() as recognition:
            await hearing.part(recognition, chunks, words)
            if hearing.voiced:
                parts.append(await recognition.finish())
                if words.begun or not hearing.ended:
                    await words.rest(parts[-1].text)
    return _joined(parts)


class _Words:
    """The words of a recording on their way to who waits for them: none is taken back."""

    def __init__(self, tell: Tell | None) -> None:
        self.begun = False
        self._tell = tell
        self._seen: Sequence[str] = ()  # in the transcript before
        self._told = 0  # of the part

    async def so_far(self, text: str) -> None:
        """Take a transcript of the part so far."""
        words = text.split()
        sure, self._seen = agreed(self._seen, words), words
        await self._send(words[self._told : sure])

    async def rest(self, text: str) -> None:
        """Take the part's last transcript."""
        await self._send(text.split()[self._told :])
        self._seen, self._told = (), 0

    async def _send(self, words: Sequence[str]) -> None:
        if words and self._tell is not None:
            self._told += len(words)
            text = " ".join(words)
            await self._tell(f" {text}" if self.begun else text)
            self.begun = True


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
        self,
        recognition: Recognition,
        chunks: MemoryObjectReceiveStream[AudioChunk],
        words: _Words,
    ) -> None:
        """Have the recogniser hear until the end, or a good place to cut."""
        self.voiced, heard = False, 0
        async for chunk in chunks:
            pcm = self._convert.feed(chunk)
            heard += len(pcm)
            await self._hear(recognition, pcm, words)
            seconds = heard / SAMPLE_RATE
            if seconds > LONGEST or (seconds > PAUSE_AFTER and self._paused):
                return
        self.ended = True
        # The detector hears the last window whole.
        await self._hear(recognition, self._convert.finish(), words)
        await self._judge(np.zeros(WINDOW, np.float32))
        await recognition.feed(self._resampler.flush())

    async def _hear(
        self, recognition: Recognition, pcm: NDArray[np.float32], words: _Words
    ) -> None:
        for start in range(0, len(pcm), SAMPLE_RATE):  # a chunk may hold two minutes
            piece = pcm[start : start + SAMPLE_RATE]
            await self._judge(piece)
            heard = await recognition.feed(self._resampler.process(piece))
            if heard is not None and self.voiced:
                await words.so_far(heard.text)

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
