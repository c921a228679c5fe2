"""Audio to the user's turns: the stage between the microphone and the recogniser.

A turn flows on while it is being spoken: its beginning, its audio (with what came just before
it was noticed), the moment the user insists, and its end.
"""

from collections import deque
from dataclasses import dataclass

import anyio
import numpy as np
from anyio.streams.memory import MemoryObjectReceiveStream, MemoryObjectSendStream
from numpy.typing import NDArray

from agent.audio.resample import Resampler
from agent.events import Audio
from agent.settings import TurnSettings, VadSettings
from agent.turns import Began, Ended, Insisted, TurnDetector
from agent.vad import SAMPLE_RATE, WINDOW, Vad

STALLED = 1.0
"""Seconds without any audio after which a turn that has begun is over: the microphone is gone."""


@dataclass(frozen=True, slots=True)
class SpeechBegan:
    """The user's turn number `turn` has begun."""

    turn: int


@dataclass(frozen=True, slots=True)
class SpeechAudio:
    """More of it: 16 kHz mono float32."""

    turn: int
    pcm: NDArray[np.float32]


@dataclass(frozen=True, slots=True)
class SpeechInsisted:
    """It has gone on long enough to interrupt."""

    turn: int


@dataclass(frozen=True, slots=True)
class SpeechEnded:
    """It is over. `stopped`: time of its last voiced sample; `decided`: of the decision."""

    turn: int
    speech_s: float
    stopped: float
    decided: float
    cut: bool


UserSpeech = SpeechBegan | SpeechAudio | SpeechInsisted | SpeechEnded


class Ears:
    """A stage: Audio of any rate in, UserSpeech out."""

    def __init__(self, detector: Vad, vad: VadSettings, turn: TurnSettings) -> None:
        """`detector` gives voice probabilities; the settings say what they mean."""
        self._vad = detector
        self._turns = TurnDetector(vad, turn)
        self._number = 0
        self._pre_roll = _PreRoll(round((turn.pre_roll + turn.min_speech) * SAMPLE_RATE) + WINDOW)
        self._resampler: Resampler | None = None
        self._rate = SAMPLE_RATE
        self._received = 0  # samples at 16 kHz so far
        self._judged = 0  # of them in finished windows

    async def __call__(
        self,
        receive: MemoryObjectReceiveStream[Audio],
        send: MemoryObjectSendStream[UserSpeech],
    ) -> None:
        """Listen until the audio ends; a turn that is open then is closed."""
        self._vad.reset()
        while True:
            with anyio.move_on_after(STALLED if self._turns.speaking else None) as waited:
                try:
                    block = await receive.receive()
                except anyio.EndOfStream:
                    break
            if waited.cancelled_caught:
                await self._flush(send)
                continue
            await self._hear(block, send)
        await self._flush(send)

    async def _hear(self, block: Audio, send: MemoryObjectSendStream[UserSpeech]) -> None:
        now = anyio.current_time()
        end = now if block.time is None else block.time + block.duration
        pcm = self._at_16k(block)
        self._received += len(pcm)
        probabilities = await self._vad.feed(pcm)
        if not self._turns.speaking:
            self._pre_roll.add(pcm)
        else:
            await send.send(SpeechAudio(self._number, pcm))
        for probability in probabilities:
            self._judged += WINDOW
            until = end - (self._received - self._judged) / SAMPLE_RATE
            signals = self._turns.update(probability, until - WINDOW / SAMPLE_RATE, until)
            for signal in signals:
                await self._tell(signal, send)

    async def _tell(
        self, signal: Began | Insisted | Ended, send: MemoryObjectSendStream[UserSpeech]
    ) -> None:
        match signal:
            case Began():
                self._number += 1
                await send.send(SpeechBegan(self._number))
                if len(pre_roll := self._pre_roll.take()):
                    await send.send(SpeechAudio(self._number, pre_roll))
            case Insisted():
                await send.send(SpeechInsisted(self._number))
            case Ended(start, stop, cut):
                decided = anyio.current_time()
                ended = SpeechEnded(self._number, stop - start, stop, decided, cut)
                await send.send(ended)

    async def _flush(self, send: MemoryObjectSendStream[UserSpeech]) -> None:
        for signal in self._turns.flush():
            await self._tell(signal, send)

    def _at_16k(self, block: Audio) -> NDArray[np.float32]:
        if block.sample_rate != self._rate:
            self._rate = block.sample_rate
            self._resampler = Resampler(block.sample_rate, SAMPLE_RATE, "light")
        return self._resampler.process(block.pcm) if self._resampler else block.pcm


class _PreRoll:
    """The last `size` samples from before speech was noticed."""

    def __init__(self, size: int) -> None:
        self._size = size
        self._blocks: deque[NDArray[np.float32]] = deque()
        self._held = 0

    def add(self, pcm: NDArray[np.float32]) -> None:
        self._blocks.append(pcm)
        self._held += len(pcm)
        while self._held - len(self._blocks[0]) >= self._size:
            self._held -= len(self._blocks.popleft())

    def take(self) -> NDArray[np.float32]:
        pcm = np.concatenate(self._blocks) if self._blocks else np.zeros(0, np.float32)
        self._blocks.clear()
        self._held = 0
        return pcm[-self._size :]
