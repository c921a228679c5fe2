"""Audio to the user's turns: the stage between the microphone and the recogniser.

A turn flows on while it is being spoken: its beginning, its audio (with what came just before
it was noticed), its progress, pauses and resumptions, and its end.
"""

import math
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from itertools import zip_longest
from statistics import mean

import anyio
import numpy as np
from anyio.abc import TaskGroup
from anyio.streams.memory import MemoryObjectReceiveStream, MemoryObjectSendStream
from numpy.typing import NDArray

from agent.audio.resample import Resampler
from agent.config.sections import TurnSettings, VadSettings
from agent.events import Audio, Decision, ErrorEvent, Event
from agent.turns.certainty import log_odds, probability
from agent.turns.detector import TurnDetector
from agent.turns.events import (
    Signal,
    SpeechAudio,
    SpeechEnded,
    SpeechProgress,
    SpeechRejected,
    SpeechStarted,
    UserSpeech,
)
from agent.turns.gathering import Gathering
from agent.turns.judgement import Judgement
from agent.turns.pitch import VoicePitch
from agent.turns.side_talk import VoiceLevel
from agent.turns.smart_turn import TurnModel
from agent.turns.steady_noise import SteadyNoise
from agent.turns.vad import SAMPLE_RATE, WINDOW, Vad

STALLED = 1.0
"""Seconds without any audio after which a turn that has begun is over: the microphone is gone."""

JUDGED = 8.0
"""Seconds at the end of a turn that a model of its sound is given."""

ASKED = (0.0, 0.2)
"""Seconds of silence at which it is asked: when the pause is noticed, and as it grows. At first
it takes some turns that are over for broken off, later the other way about: its mean counts."""

TRUST = 0.65
"""How much of its log odds is believed: it is surer than it is right (`bench.turn_end`)."""


class TurnSegmenter:
    """A segmenter cuts the user's audio into turns: Audio of any rate in, UserSpeech out."""

    def __init__(
        self,
        vad: Vad,
        vad_settings: VadSettings,
        turn: TurnSettings,
        *,
        progress: tuple[float, ...] = (0.25, 1.0),
        model: TurnModel | None = None,
        words: bool = False,
        intake: Callable[[Audio], Sequence[Audio]] = lambda block: (block,),
        threshold: Callable[[float, float], float] = lambda _time, start: start,
        report: Callable[[Event], None] = lambda _: None,
        numbers: Iterator[int] | None = None,
    ) -> None:
        """`vad` gives voice probabilities; the settings say what they mean.

        `progress`: see `TurnDetector`. `model` judges how finished a turn sounds. `words`: `read`
        is called in every pause. `intake` is what each block passes first. `threshold` gives the
        probability at which speech begins, from a time and the settings' own. `report` is told of
        failures.
        """
        self._vad = vad
        self._detector = TurnDetector(vad_settings, turn, progress, numbers, words=words)
        self._held = False  # somebody has begun a turn, and will say when it is over
        self.configure(vad_settings, turn)
        self._model = model
        self._asking = False  # the model, now
        self._asked: tuple[int, int] | None = None  # in which pause
        self._ask_at: list[float] = []  # at these lengths of its silence, yet
        self._answers: list[float] = []  # so far, in log odds
        self._intake = intake
        self._threshold = threshold
        self._report = report
        self._noise = SteadyNoise()
        self._level, self._pitch = VoiceLevel(), VoicePitch()
        self._turn = _Latest(round(JUDGED * SAMPLE_RATE))
        self._resampler = Resampler(SAMPLE_RATE, SAMPLE_RATE, "quick")
        self._rate = SAMPLE_RATE
        self._window = np.zeros(0, np.float32)  # samples at 16 kHz, not yet enough for one
        self._received = 0  # samples at 16 kHz so far
        self._judged = 0  # of them in finished windows

    def configure(self, vad: VadSettings, turn: TurnSettings) -> None:
        """Go by other settings from now on; what is kept from before a turn begins anew."""
        self._start = vad.start
        self._manual = turn.detector == "manual"
        self._detector.configure(vad, turn)
        # What is noticed has been there for whole windows, the first of them perhaps half full.
        noticing = (math.ceil(turn.min_speech * SAMPLE_RATE / WINDOW) + 1) * WINDOW
        self._pre_roll = _Latest(round(turn.pre_roll * SAMPLE_RATE) + noticing)

    def read(self, turn: int, pause: int, judgement: Judgement) -> None:
        """Be told how finished the words of turn `turn` are, up to its pause number `pause`."""
        if turn == self._detector.turn:
            certainty, alone = judgement.certainty, judgement.alone
            self._detector.judge(pause, words=certainty, why=judgement.why, alone=alone)
            self._tell_certainty()

    async def __call__(
        self,
        receive: MemoryObjectReceiveStream[Audio],
        send: MemoryObjectSendStream[UserSpeech],
    ) -> None:
        """Listen until the audio ends; a turn that is open then is closed."""
        self._vad.reset()
        source = Gathering(receive)
        async with anyio.create_task_group() as tasks:
            patience = STALLED
            while True:
                manual = self._manual or self._held
                waits = self._detector.speaking and not manual
                try:
                    block = await source.receive(within=patience if waits else None)
                except anyio.EndOfStream:
                    break
                except TimeoutError:
                    await self._tell(self._detector.flush(), send)
                    continue
                patience = max(patience, 2 * block.duration)
                for each in self._intake(block):
                    if self._manual or self._held:
                        await self._keep(each, send)
                    else:
                        await self._hear(each, send, tasks)
                    if each.mark is not None:
                        await self._mark(each, send)
            await self._take(np.concatenate((self._window, self._resampler.flush())), send)
            await self._tell(self._detector.flush(), send)
            tasks.cancel_scope.cancel()

    async def _hear(
        self, block: Audio, send: MemoryObjectSendStream[UserSpeech], tasks: TaskGroup
    ) -> None:
        now = anyio.current_time()
        end = now if block.time is None else block.time + block.duration
        pcm = self._at_16k(block)
        self._received += len(pcm)
        self._window = np.concatenate((self._window, pcm))
        whole = len(self._window) // WINDOW * WINDOW
        probabilities = await self._vad.feed(self._window[:whole]) if whole else []
        # What others have judged since the last block may be enough by itself.
        await self._tell(self._detector.check(), send)
        noise = self._noise.hear(self._window[: len(probabilities) * WINDOW])
        judged = zip_longest(probabilities, noise, fillvalue=False)  # whatever the detector gave
        voices = [0.0 if steady else p for p, steady in judged]
        # Window by window, however long the block: each is before, in or after a turn.
        for voiced in voices:
            window, self._window = self._window[:WINDOW], self._window[WINDOW:]
            await self._take(window, send)
            self._judged += WINDOW
            later = self._received - self._judged + self._resampler.delay
            until = end - later / SAMPLE_RATE
            threshold = self._threshold(until, self._start)
            if voiced >= threshold:
                self._level.add(window)
                self._pitch.add(window)
            since = until - WINDOW / SAMPLE_RATE
            signals = self._detector.update(voiced, since, until, threshold)
            await self._tell(signals, send)
            self._ask(tasks)

    async def _keep(self, block: Audio, send: MemoryObjectSendStream[UserSpeech]) -> None:
        """Whatever is heard is the user's turn, until somebody commits it."""
        if len(pcm := self._at_16k(block)):
            start = anyio.current_time() if block.time is None else block.time
            await self._tell(self._detector.open(start), send)
            await self._pass_on(pcm, send)
            await self._tell(self._detector.extend(start + block.duration), send)

    async def _mark(self, block: Audio, send: MemoryObjectSendStream[UserSpeech]) -> None:
        """Somebody says that the turn begins, that it is over, or that it is to be forgotten."""
        end = anyio.current_time() if block.time is None else block.time + block.duration
        self._held = block.mark == "open"
        if self._held:
            await self._take(self._window, send)  # or it would come behind what is heard next
            self._window = np.zeros(0, np.float32)
            await self._tell(self._detector.hold(end), send)
            return
        dropped = block.mark == "clear"
        if dropped:
            self._pre_roll.take()
        else:
            await self._tell(self._detector.open(end), send)
        await self._take(np.concatenate((self._window, self._resampler.flush())), send)
        self._window = np.zeros(0, np.float32)
        self._received = self._judged = 0
        self._resampler = Resampler(self._rate, SAMPLE_RATE, "quick")
        self._vad.reset()
        await self._tell(self._detector.close(end, dropped=dropped), send)

    async def _take(
        self, pcm: NDArray[np.float32], send: MemoryObjectSendStream[UserSpeech]
    ) -> None:
        if self._detector.speaking:
            await self._pass_on(pcm, send)
        else:
            self._pre_roll.add(pcm)

    async def _pass_on(
        self, pcm: NDArray[np.float32], send: MemoryObjectSendStream[UserSpeech]
    ) -> None:
        if self._model is not None:
            self._turn.add(pcm)
        await send.send(SpeechAudio(self._detector.turn, pcm))

    async def _tell(self, signals: list[Signal], send: MemoryObjectSendStream[UserSpeech]) -> None:
        for signal in signals:
            match signal:
                case SpeechStarted():
                    self._turn.take()
                    await send.send(signal)
                    if len(pre_roll := self._pre_roll.take()):
                        await self._pass_on(pre_roll, send)
                case SpeechProgress():
                    level, pitch = self._level.decibels, self._pitch.semitones
                    await send.send(replace(signal, level=level, pitch=pitch))
                case SpeechEnded():
                    level, pitch = self._level.decibels, self._pitch.semitones
                    self._forget_voice()
                    now = anyio.current_time()
                    await send.send(replace(signal, decided=now, level=level, pitch=pitch))
                case SpeechRejected():
                    self._forget_voice()
                    await send.send(signal)
                case _:
                    await send.send(signal)

    def _forget_voice(self) -> None:
        self._level.forget()
        self._pitch.forget()

    def _ask(self, tasks: TaskGroup) -> None:
        """Have the model asked, where it is time to: one question after the other."""
        pause = self._detector.pause
        if self._model is None or self._asking or pause is None:
            return
        if self._asked != (self._detector.turn, pause):
            self._asked = self._detector.turn, pause
            self._ask_at, self._answers = list(ASKED), []
        if self._ask_at and self._ask_at[0] <= self._detector.quiet:
            self._asking = True
            self._ask_at = [at for at in self._ask_at if at > self._detector.quiet]
            tasks.start_soon(self._judge, self._model, self._turn.pcm(), self._asked)

    async def _judge(
        self, model: TurnModel, heard: NDArray[np.float32], asked: tuple[int, int]
    ) -> None:
        """How finished does the turn sound? Told to the detector, unless the pause is over."""
        try:
            certainty = await model.complete(heard)
        except Exception as error:  # noqa: BLE001  (P6: without it the words and silence decide)
            code = type(error).__name__
            self._report(ErrorEvent("turns", code, str(error), recovered=True))
            self._ask_at = []
            return
        finally:
            self._asking = False
        if asked == (self._detector.turn, self._detector.pause):
            self._answers.append(log_odds(certainty))
            believed = probability(TRUST * mean(self._answers))
            self._detector.judge(asked[1], sound=believed)
            self._tell_certainty()

    def _tell_certainty(self) -> None:
        if why := self._detector.waiting:
            certainty = self._detector.certainty
            self._report(Decision(self._detector.turn, "wait", why, certainty))

    def _at_16k(self, block: Audio) -> NDArray[np.float32]:
        if block.sample_rate == self._rate:
            return self._resampler.process(block.pcm)
        rest = self._resampler.flush()
        self._rate = block.sample_rate
        self._resampler = Resampler(block.sample_rate, SAMPLE_RATE, "quick")
        return np.concatenate((rest, self._resampler.process(block.pcm)))


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
