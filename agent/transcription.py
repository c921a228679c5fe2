"""Transcription of a whole recording: cut into utterances where somebody speaks, heard in order."""

import math
from collections import deque
from collections.abc import AsyncGenerator, AsyncIterable, Callable, Iterator, Sequence
from contextlib import ExitStack, aclosing, asynccontextmanager
from dataclasses import dataclass, replace
from os import PathLike

import anyio.to_thread
import numpy as np
from numpy.typing import NDArray

from agent.audio.resample import resample
from agent.audio.wav import AudioFile
from agent.config.sections import TurnSettings, VadSettings
from agent.errors import AudioError
from agent.turns.detector import TurnDetector
from agent.turns.events import Signal, SpeechEnded
from agent.turns.vad import SAMPLE_RATE, WINDOW, Vad
from stt import SpeechToText, Transcript

CUTS = TurnSettings(silence=0.5, max_length=28.0)
"""Where a file is cut into utterances; with its margins, none is longer than Whisper's 30 s."""

TAIL = 0.3
"""Seconds of what follows the last voiced window that still belong to the utterance."""
KEPT = 40.0
"""Seconds of a file that are kept: an utterance with its margins, and the pause that ends it."""


@dataclass(frozen=True, slots=True)
class Utterance:
    """A part of a recording in which somebody speaks, and what is understood of it.

    Times are seconds from the recording's beginning, those of the words, too.
    """

    start: float
    end: float
    transcript: Transcript


async def transcribe(
    blocks: AsyncIterable[NDArray[np.float32]],
    engine: SpeechToText,
    vad: Vad,
    settings: VadSettings,
    partial: Callable[[str], None] = lambda _text: None,
) -> AsyncGenerator[Utterance, None]:
    """Transcribe 16 kHz audio [n], an utterance at a time; both engines are loaded.

    `partial` is told what is understood of an utterance so far. Raises SpeechToTextError, and what
    `blocks` raises.
    """
    async with aclosing(utterances(blocks, vad, settings)) as spoken:
        async for start, pcm in spoken:
            transcript = await _recognise(engine, pcm, start, partial)
            yield Utterance(start, start + len(pcm) / SAMPLE_RATE, transcript)


async def utterances(
    blocks: AsyncIterable[NDArray[np.float32]], vad: Vad, settings: VadSettings
) -> AsyncGenerator[tuple[float, NDArray[np.float32]]]:
    """Cut 16 kHz audio where somebody speaks: when each utterance begins, and its samples."""
    cutter = _Cutter(vad, settings)
    async for block in blocks:
        for utterance in await cutter.feed(block):
            yield utterance
    for utterance in await cutter.finish():
        yield utterance


class _Cutter:
    """Cutter of a file into utterances; it keeps the latest samples, whatever the file's length."""

    def __init__(self, vad: Vad, settings: VadSettings) -> None:
        self._vad = vad
        self._turns = TurnDetector(settings, CUTS)
        self._windows = 0
        self._kept: deque[NDArray[np.float32]] = deque()
        self._start = self._end = 0  # of what is kept
        self._done = 0  # end of the last utterance
        vad.reset()

    async def feed(self, block: NDArray[np.float32]) -> list[tuple[float, NDArray[np.float32]]]:
        """The utterances that the next samples show to be over."""
        self._kept.append(block)
        self._end += len(block)
        while self._end - self._start - len(self._kept[0]) > KEPT * SAMPLE_RATE:
            self._start += len(self._kept.popleft())
        return self._cut(await self._hear(block))

    async def finish(self) -> list[tuple[float, NDArray[np.float32]]]:
        """Those that are over because the file is."""
        signals = await self._hear(np.zeros(-self._end % WINDOW, np.float32))  # the last window
        return self._cut([*signals, *self._turns.flush()])

    async def _hear(self, block: NDArray[np.float32]) -> list[Signal]:
        signals: list[Signal] = []
        for probability in await self._vad.feed(block):
            start, self._windows = self._windows * WINDOW / SAMPLE_RATE, self._windows + 1
            signals += self._turns.update(probability, start, self._windows * WINDOW / SAMPLE_RATE)
        return signals

    def _cut(self, signals: Sequence[Signal]) -> list[tuple[float, NDArray[np.float32]]]:
        spoken = []
        for end in signals:
            if isinstance(end, SpeechEnded):
                first = max(self._done, round((end.start - CUTS.pre_roll) * SAMPLE_RATE))
                tail = 0.0 if end.cut else TAIL
                self._done = min(self._end, round((end.stop + tail) * SAMPLE_RATE))
                pcm = np.concatenate(self._kept)[first - self._start : self._done - self._start]
                spoken.append((first / SAMPLE_RATE, pcm))
        return spoken


@asynccontextmanager
async def opened(
    path: str | PathLike[str], *, longest: float = math.inf
) -> AsyncGenerator[AsyncIterable[NDArray[np.float32]]]:
    """Open a file: its sound, 16 kHz mono, a second or so at a time. Raises AudioError."""
    with ExitStack() as stack:
        file = await anyio.to_thread.run_sync(stack.enter_context, AudioFile(path))
        too_long = AudioError(f"it is longer than {longest / 60:g} minutes: cut it")
        if (file.duration or 0.0) > longest:
            raise too_long
        blocks = file.at(SAMPLE_RATE)
        first = await anyio.to_thread.run_sync(_second, blocks)

        async def seconds() -> AsyncGenerator[NDArray[np.float32]]:
            pcm, heard = first, 0
            while len(pcm):
                heard += len(pcm)
                if heard > longest * SAMPLE_RATE:
                    raise too_long
                yield pcm
                pcm = await anyio.to_thread.run_sync(_second, blocks)

        async with aclosing(seconds()) as rest:
            yield rest


def _second(blocks: Iterator[NDArray[np.float32]]) -> NDArray[np.float32]:
    """The next second, or what is left."""
    pieces = [np.zeros(0, np.float32)]
    size = 0
    while size < SAMPLE_RATE and (piece := next(blocks, None)) is not None:
        pieces.append(piece)
        size += len(piece)
    return np.concatenate(pieces)


async def _recognise(
    engine: SpeechToText,
    pcm: NDArray[np.float32],
    offset: float,
    partial: Callable[[str], None],
) -> Transcript:
    """The transcript of one utterance that begins `offset` seconds into its file."""
    pcm = resample(pcm, SAMPLE_RATE, engine.sample_rate)
    step = engine.sample_rate // 2
    async with engine.listen() as recognition:
        for start in range(0, len(pcm), step):
            transcript = await recognition.feed(pcm[start : start + step])
            if transcript is not None:
                partial(transcript.text)
        transcript = await recognition.finish()
    words = tuple(
        replace(word, start=round(word.start + offset, 3), end=round(word.end + offset, 3))
        for word in transcript.words
    )
    return replace(transcript, words=words)
