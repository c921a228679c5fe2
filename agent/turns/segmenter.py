"""Audio to the user's turns: the stage between the microphone and the recogniser.

A turn flows on while it is being spoken: its beginning, its audio (with what came just before
it was noticed), how the user insists, pauses and goes on, and its end.
"""

import math
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass

import anyio
import numpy as np
from anyio.abc import TaskGroup
from anyio.streams.memory import MemoryObjectReceiveStream, MemoryObjectSendStream
from numpy.typing import NDArray

from agent.audio.resample import Resampler
from agent.config.sections import TurnSettings, VadSettings
from agent.events import Audio, Decision, ErrorEvent, Event
from agent.turns.completeness import Judgement
from agent.turns.detector import (
    Began,
    Dismissed,
    Ended,
    Insisted,
    Noticed,
    Paused,
    Signal,
    TurnDetector,
    WentOn,
)
from agent.turns.smart_turn import TurnModel
from agent.turns.vad import SAMPLE_RATE, WINDOW, Vad

STALLED = 1.0
"""Seconds without any audio after which a turn that has begun is over: the microphone is gone."""

JUDGED = 8.0
"""Seconds at the end of a turn that a model of its sound is given."""


@dataclass(frozen=True, slots=True)
class SpeechCandidate:
    """Perhaps a voice: a turn follows, or `SpeechRejected`."""


@dataclass(frozen=True, slots=True)
class SpeechRejected:
    """It was none."""


@dataclass(frozen=True, slots=True)
class SpeechStarted:
    """The user's turn number `turn` has begun."""

    turn: int


@dataclass(frozen=True, slots=True)
class SpeechAudio:
    """More of it: 16 kHz mono float32."""

    turn: int
    pcm: NDArray[np.float32]


@dataclass(frozen=True, slots=True)
class SpeechProgress:
    """There have been `voice` seconds of voice since the turn began, or went on."""

    turn: int
    voice: float


@dataclass(frozen=True, slots=True)
class SpeechPaused:
    """The turn may be over: this is its pause number `pause`."""

    turn: int
    pause: int


@dataclass(frozen=True, slots=True)
class SpeechResumed:
    """It was not: the user goes on."""

    turn: int


@dataclass(frozen=True, slots=True)
class SpeechEnded:
    """It is over. `stopped`: time of its last voiced sample; `decided`: of the decision.

    `why` it was decided, and how surely the turn sounded finished, where that is known.
    """

    turn: int
    speech_s: float
    stopped: float
    decided: float
    cut: bool
    why: str = ""
    certainty: float | None = None


UserSpeech = (
    SpeechCandidate
    | SpeechRejected
    | SpeechStarted
    | SpeechAudio
    | SpeechProgress
    | SpeechPaused
    | SpeechResumed
    | SpeechEnded
)


class TurnSegmenter:
    """A stage: Audio of any rate in, UserSpeech out."""

    def __init__(
        self,
        detector: Vad,
        vad: VadSettings,
        turn: TurnSettings,
        *,
        insistent: tuple[float, ...] = (0.25, 1.0),
        model: TurnModel | None = None,
        threshold: Callable[[float], float] | None = None,
        report: Callable[[Event], None] = lambda _: None,
    ) -> None:
        """`detector` gives voice probabilities; the settings say what they mean.

        `insistent`: see `TurnDetector`. `model` judges how finished a turn sounds. `threshold`
        gives the probability at which speech begins, at a time; without it the settings' holds.
        `report` is told of failures.
        """
        self._vad = detector
        self._turns = TurnDetector(vad, turn, insistent)
        self._model = model
        self._threshold = threshold
        self._report = report
        self._number = 0
        # What is noticed has been there for whole windows, the first of them perhaps half full.
        noticing = (math.ceil(turn.min_speech * SAMPLE_RATE / WINDOW) + 1) * WINDOW
        self._pre_roll = _Latest(round(turn.pre_roll * SAMPLE_RATE) + noticing)
        self._turn = _Latest(round(JUDGED * SAMPLE_RATE))
        self._resampler: Resampler | None = None
        self._rate = SAMPLE_RATE
        self._received = 0  # samples at 16 kHz so far
        self._judged = 0  # of them in finished windows

    def read(self, turn: int, pause: int, judgement: Judgement) -> None:
        """Be told how finished the words of turn `turn` are, up to its pause number `pause`."""
        if turn == self._number:
            self._turns.judge(pause, words=judgement.certainty, why=judgement.why)
            self._tell_certainty()

    async def __call__(
        self,
        receive: MemoryObjectReceiveStream[Audio],
        send: MemoryObjectSendStream[UserSpeech],
    ) -> None:
        """Listen until the audio ends; a turn that is open then is closed."""
        self._vad.reset()
        async with anyio.create_task_group() as tasks:
            while True:
                with anyio.move_on_after(STALLED if self._turns.speaking else None) as waited:
                    try:
                        block = await receive.receive()
                    except anyio.EndOfStream:
                        break
                if waited.cancelled_caught:
                    await self._tell(self._turns.flush(), send, tasks)
                    continue
                await self._hear(block, send, tasks)
            await self._tell(self._turns.flush(), send, tasks)
            tasks.cancel_scope.cancel()

    async def _hear(
        self, block: Audio, send: MemoryObjectSendStream[UserSpeech], tasks: TaskGroup
    ) -> None:
        now = anyio.current_time()
        end = now if block.time is None else block.time + block.duration
        pcm = self._at_16k(block)
        self._received += len(pcm)
        probabilities = await self._vad.feed(pcm)
        if not self._turns.speaking:
            self._pre_roll.add(pcm)
        else:
            await self._pass_on(pcm, send)
        # What others have judged since the last block may be enough by itself.
        await self._tell(self._turns.check(), send, tasks)
        for probability in probabilities:
            self._judged += WINDOW
            until = end - (self._received - self._judged) / SAMPLE_RATE
            threshold = None if self._threshold is None else self._threshold(until)
            since = until - WINDOW / SAMPLE_RATE
            await self._tell(self._turns.update(probability, since, until, threshold), send, tasks)

    async def _pass_on(
        self, pcm: NDArray[np.float32], send: MemoryObjectSendStream[UserSpeech]
    ) -> None:
        if self._model is not None:
            self._turn.add(pcm)
        await send.send(SpeechAudio(self._number, pcm))

    async def _tell(
        self, signals: list[Signal], send: MemoryObjectSendStream[UserSpeech], tasks: TaskGroup
    ) -> None:
        for signal in signals:
            match signal:
                case Noticed():
                    await send.send(SpeechCandidate())
                case Dismissed():
                    await send.send(SpeechRejected())
                case Began():
                    self._number += 1
                    self._turn.take()
                    await send.send(SpeechStarted(self._number))
                    if len(pre_roll := self._pre_roll.take()):
                        await self._pass_on(pre_roll, send)
                case Insisted(voice):
                    await send.send(SpeechProgress(self._number, voice))
                case Paused(pause, _):
                    if self._model is not None:
                        tasks.start_soon(self._judge, self._model, pause)
                    await send.send(SpeechPaused(self._number, pause))
                case WentOn():
                    await send.send(SpeechResumed(self._number))
                case Ended():
                    await send.send(self._ended(signal))

    async def _judge(self, model: TurnModel, pause: int) -> None:
        """How finished does the turn sound? Told to the detector, unless the pause is over."""
        turn = self._number
        try:
            certainty = await model.complete(self._turn.pcm())
        except Exception as error:  # noqa: BLE001  (P6: without it the words and silence decide)
            code = type(error).__name__
            self._report(ErrorEvent("turns", code, str(error), recovered=True))
            return
        if turn == self._number:
            self._turns.judge(pause, sound=certainty)
            self._tell_certainty()

    def _tell_certainty(self) -> None:
        if why := self._turns.waiting:
            self._report(Decision(self._number, "wait", why, self._turns.certainty))

    def _ended(self, signal: Ended) -> SpeechEnded:
        return SpeechEnded(
            self._number,
            speech_s=signal.stop - signal.start,
            stopped=signal.stop,
            decided=anyio.current_time(),
            cut=signal.cut,
            why=signal.why,
            certainty=signal.certainty,
        )

    def _at_16k(self, block: Audio) -> NDArray[np.float32]:
        if block.sample_rate != self._rate:
            self._rate = block.sample_rate
            self._resampler = Resampler(block.sample_rate, SAMPLE_RATE, "light")
        return self._resampler.process(block.pcm) if self._resampler else block.pcm


class _Latest:
    """The last `size` samples of what was added."""

    def __init__(self, size: int) -> None:
        self._size = size
        self._blocks: deque[NDArray[np.float32]] = deque()
        self._held = 0

    def add(self, pcm: NDArray[np.float32]) -> None:
        self._blocks.append(pcm)
        self._held += len(pcm)
        while self._held - len(self._blocks[0]) >= self._size:
            self._held -= len(self._blocks.popleft())

    def pcm(self) -> NDArray[np.float32]:
        pcm = np.concatenate(self._blocks) if self._blocks else np.zeros(0, np.float32)
        return pcm[-self._size :]

    def take(self) -> NDArray[np.float32]:
        pcm = self.pcm()
        self._blocks.clear()
        self._held = 0
        return pcm
