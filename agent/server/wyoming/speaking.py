"""Text-to-speech for Home Assistant: a text is spoken while it still comes."""

import re
from collections.abc import AsyncIterable, Awaitable, Callable, Sequence

import anyio
import anyio.lowlevel
import numpy as np
from numpy.typing import NDArray
from wyoming.audio import AudioStart, AudioStop
from wyoming.event import Eventable

from agent.server.wyoming.sound import OUT_WIDTH, chunk
from tts import Speech, SpokenWord, TextToSpeech, Utterance
from tts.spoken_text import SpokenText

PIECE = 0.2
"""Seconds of sound in one chunk at most."""
_ENDS = re.compile(r"[.!?…。！？]+[\"'”’»)\]]*$")

Send = Callable[[Eventable], Awaitable[None]]


async def speak(tts: TextToSpeech, text: AsyncIterable[str], send: Send) -> None:
    """Speak a text as it comes: every sentence has its own start and stop, as far as words tell.

    A text without words in it is a start and a stop. Raises TextToSpeechError.
    """
    sentences = _Sentences(tts.sample_rate, send)
    async with tts.open() as utterance, anyio.create_task_group() as tasks:
        tasks.start_soon(_feed, utterance, text, SpokenText(tts))
        async for speech in utterance:
            await sentences.play(speech)
    await sentences.end()


async def _feed(utterance: Utterance, text: AsyncIterable[str], spoken: SpokenText) -> None:
    async for fragment in text:
        for piece in spoken.feed(fragment):
            await anyio.lowlevel.checkpoint()
            if piece:
                await utterance.feed(piece)
    if rest := spoken.finish():
        await utterance.feed(rest)
    await utterance.finish()


class _Sentences:
    """Sound on its way out, cut where a sentence begins."""

    def __init__(self, rate: int, send: Send) -> None:
        self._rate = rate
        self._send = send
        self._sent = 0  # samples
        self._open = self._any = False
        self._ended = False  # the last word ended a sentence

    async def play(self, speech: Speech) -> None:
        start = 0
        for cut in self._cuts(speech.words):
            at = min(max(cut - self._sent, start), len(speech.pcm))
            await self._play(speech.pcm[start:at])
            await self._stop()
            start = at
        await self._play(speech.pcm[start:])
        self._sent += len(speech.pcm)

    async def end(self) -> None:
        if not self._any:
            await self._start()
        await self._stop()

    def _cuts(self, words: Sequence[SpokenWord]) -> list[int]:
        """Where sentences begin but the first."""
        cuts = []
        for word in words:
            if self._ended:
                cuts.append(word.start)
            self._ended = _ENDS.search(word.text) is not None
        return cuts

    async def _play(self, pcm: NDArray[np.float32]) -> None:
        size = round(PIECE * self._rate)
        for start in range(0, len(pcm), size):
            await self._start()
            await self._send(chunk(pcm[start : start + size], self._rate))

    async def _start(self) -> None:
        if not self._open:
            self._open = self._any = True
            await self._send(AudioStart(rate=self._rate, width=OUT_WIDTH, channels=1))

    async def _stop(self) -> None:
        if self._open:
            self._open = False
            await self._send(AudioStop())
