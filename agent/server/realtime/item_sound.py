"""Sound that a client puts into items: made words in its order, before what is asked about it."""

from collections import deque
from collections.abc import AsyncGenerator, Callable
from contextlib import aclosing

import anyio
import anyio.to_thread
import numpy as np
from numpy.typing import NDArray

from agent.agent import Agent
from agent.audio.resample import resample
from agent.server.realtime.errors import RealtimeError
from agent.server.realtime.formats import Coded
from agent.transcription import transcribe
from agent.turns.vad import SAMPLE_RATE
from stt import SpeechToText, SpeechToTextError

MAX_WAITING = 48 << 20
"""Bytes of sound in items that may wait for the recogniser."""

LONG = 10.0
"""Seconds of sound above which it is resampled in a thread: the loop is not held up (P2)."""

Then = Callable[[str, str], None]
"""What is done with the words of a sound, and why there are none if the recogniser failed."""


class ItemSound:
    """A recogniser of the sound in items: one after the other, beside the conversation."""

    def __init__(self, agent: Agent) -> None:
        self._agent = agent
        self._waiting = 0  # bytes
        self._under_way = 0
        self._jobs: deque[tuple[Coded, Then] | Callable[[], None]] = deque()
        self._more = anyio.Event()

    def hear(self, sound: Coded, then: Then) -> None:
        """Have `then` told the words of a sound. Raises RealtimeError: too many wait."""
        if self._waiting + sound.codes.nbytes > MAX_WAITING:
            message = f"{MAX_WAITING >> 20} MiB of audio wait already: put it in more slowly"
            raise RealtimeError(message, code="rate_limit_exceeded", param="item.content")
        self._waiting += sound.codes.nbytes
        self._put((sound, then))

    def after(self, do: Callable[[], None]) -> None:
        """Do something once the words of all that is there are known: now, if they are."""
        if self._under_way:
            self._put(do)
        else:
            do()

    async def run(self, stt: SpeechToText) -> None:
        """Recognise with `stt`, which is loaded, until cancelled."""
        while True:
            while self._jobs:
                job = self._jobs.popleft()
                if callable(job):
                    job()
                else:
                    await self._hear(*job, stt)
                self._under_way -= 1
            await self._more.wait()
            self._more = anyio.Event()

    def _put(self, job: tuple[Coded, Then] | Callable[[], None]) -> None:
        self._under_way += 1
        self._jobs.append(job)
        self._more.set()

    async def _hear(self, sound: Coded, then: Then, stt: SpeechToText) -> None:
        try:
            text, failure = await self._words(sound, stt), ""
        except SpeechToTextError as error:
            text, failure = "", str(error)
        self._waiting -= sound.codes.nbytes
        then(text, failure)

    async def _words(self, coded: Coded, stt: SpeechToText) -> str:
        def convert() -> NDArray[np.float32]:
            return resample(coded.linear(), coded.rate, SAMPLE_RATE)

        long = coded.seconds > LONG
        sound = await anyio.to_thread.run_sync(convert) if long else convert()

        async def seconds() -> AsyncGenerator[NDArray[np.float32]]:
            for start in range(0, len(sound), SAMPLE_RATE):
                yield sound[start : start + SAMPLE_RATE]

        vad, settings = self._agent.detector(), self._agent.config.vad
        async with (
            aclosing(seconds()) as blocks,
            aclosing(transcribe(blocks, stt, vad, settings)) as spoken,
        ):
            heard = [each.transcript.text async for each in spoken]
        return " ".join(filter(None, heard))
