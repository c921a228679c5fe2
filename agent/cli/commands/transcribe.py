"""`parley transcribe`: audio files to text, as it is recognised."""

import argparse
import shutil
import sys
from collections import deque
from collections.abc import AsyncGenerator, AsyncIterable, Iterator, Sequence
from contextlib import ExitStack, aclosing, asynccontextmanager
from dataclasses import asdict, replace
from functools import partial
from typing import TextIO

import anyio
import anyio.to_thread
import numpy as np
from numpy.typing import NDArray

from agent.audio.resample import resample
from agent.audio.wav import AudioFile
from agent.cli import ending
from agent.cli.options import add_config
from agent.cli.output import loading, warn
from agent.cli.streams import underneath
from agent.config.engines import STT, EngineSection, create_stt
from agent.config.load import load_config
from agent.config.sections import TurnSettings, VadSettings
from agent.engines import OFFLINE, GuardedSpeechToText
from agent.errors import AudioError
from agent.guards.control_characters import json_line, on_one_line
from agent.guards.secrets import redact
from agent.turns.detector import TurnDetector
from agent.turns.events import Signal, SpeechEnded
from agent.turns.vad import SAMPLE_RATE, WINDOW, SileroVad, Vad
from stt import SpeechToText, SpeechToTextError, Transcript

CUTS = TurnSettings(silence=0.5, max_length=28.0)
"""Where a file is cut into utterances; with its margins, none is longer than Whisper's 30 s."""

TAIL = 0.3
"""Seconds of what follows the last voiced window that still belong to the utterance."""
KEPT = 40.0
"""Seconds of a file that are kept: an utterance with its margins, and the pause that ends it."""


def add(subparsers: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    """Describe the command."""
    parser = subparsers.add_parser("transcribe", help="turn audio files into text")
    parser.add_argument("files", nargs="+", metavar="FILE", help="an audio file of any kind")
    parser.add_argument("--stt", metavar="ENGINE", help=f"the recogniser: {', '.join(STT.builtin)}")
    add_config(parser, ", for its `stt` section")
    parser.add_argument(
        "--json", action="store_true", help="print a JSON document per file, with word times"
    )
    parser.set_defaults(run=run)


def run(args: argparse.Namespace) -> int:
    """Transcribe the files; the status is 1 when one of them could not be.

    Raises ConfigError, ParleyError or SpeechToTextError when none of them can be.
    """
    config = load_config(args.config)
    section = config.stt
    if args.stt not in (None, section.engine_name):
        section = STT.schema(args.stt).model_validate({STT.selector: args.stt})
    engine = GuardedSpeechToText(
        create_stt(_with_word_times(section) if args.json else section), patience=OFFLINE
    )
    output = JsonOutput() if args.json else TextOutput(sys.stdout, titles=len(args.files) > 1)
    return ending.run(partial(transcribe, args.files, engine, SileroVad(), config.vad, output))


def _with_word_times(section: EngineSection) -> EngineSection:
    """The same engine, told to find out word times if it has to be told."""
    if "word_times" not in type(section).model_fields:
        return section
    return section.model_copy(update={"word_times": True})


class TextOutput:
    """A line per utterance; on a terminal, the line grows while it is recognised."""

    def __init__(self, stream: TextIO, *, titles: bool) -> None:
        self._stream = stream
        self._titles = titles
        self._live = stream.isatty()
        self._shown = 0  # characters of the line that is growing

    def begin(self, path: str) -> None:
        """A file begins."""
        if self._titles:
            print(f"{path}:", file=self._stream, flush=True)

    def partial(self, text: str) -> None:
        """What is understood of an utterance so far."""
        if self._live:
            self._replace(text[-(shutil.get_terminal_size().columns - 1) :])
            self._stream.flush()

    def final(self, transcript: Transcript) -> Transcript:
        """All of an utterance; what `end` needs of it."""
        if self._live:
            self._replace("")
        if transcript.text:
            print(transcript.text, file=self._stream, flush=True)
        return replace(transcript, words=())

    def end(self, path: str, utterances: Sequence[Transcript]) -> None:
        """A file has been transcribed."""
        if not any(transcript.text for transcript in utterances):
            reasons = dict.fromkeys(t.rejected for t in utterances if t.rejected)
            why = f" ({'; '.join(reasons)})" if reasons else ""
            warn(f"{path}: no speech in it{why}")

    def _replace(self, text: str) -> None:
        """Write over the growing line; ends at its beginning when `text` is empty."""
        text = on_one_line(redact(text))
        stream = underneath(self._stream)
        stream.write("\r" + text + " " * (self._shown - len(text)))
        if not text:
            stream.write("\r")
        self._shown = len(text)


class JsonOutput:
    """A JSON document per file, each on a line of its own."""

    def begin(self, path: str) -> None:
        """A file begins."""

    def partial(self, text: str) -> None:
        """What is understood of an utterance so far."""

    def final(self, transcript: Transcript) -> Transcript:
        """All of an utterance; what `end` needs of it."""
        return transcript

    def end(self, path: str, utterances: Sequence[Transcript]) -> None:
        """A file has been transcribed; the times of its words count from the file's beginning."""
        text = " ".join(transcript.text for transcript in utterances if transcript.text)
        words = [asdict(word) for transcript in utterances for word in transcript.words]
        document = {"file": path, "text": text, "words": words}
        print(json_line(document), flush=True)


async def transcribe(
    files: Sequence[str],
    engine: SpeechToText,
    vad: Vad,
    settings: VadSettings,
    output: TextOutput | JsonOutput,
) -> int:
    """Transcribe one file after the other; a bad one is told on stderr and makes the status 1."""
    status = 0
    loading("the recogniser")
    await vad.load()
    await engine.load()
    try:
        for path in files:
            try:
                async with _opened(path) as blocks:
                    await engine.load()  # a file is a conversation of its own
                    output.begin(path)
                    async with aclosing(utterances(blocks, vad, settings)) as spoken:
                        heard = [
                            output.final(await _recognise(engine, pcm, start, output))
                            async for start, pcm in spoken
                        ]
                    output.end(path, heard)
            except (AudioError, SpeechToTextError) as error:
                warn(str(error) if isinstance(error, AudioError) else f"{path}: {error}")
                status = 1
    finally:
        with anyio.CancelScope(shield=True):
            await engine.aclose()
    return status


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
async def _opened(path: str) -> AsyncGenerator[AsyncIterable[NDArray[np.float32]]]:
    """The file's sound, 16 kHz mono, a second or so at a time. Raises AudioError."""
    with ExitStack() as stack:
        file = await anyio.to_thread.run_sync(stack.enter_context, AudioFile(path))
        blocks = file.at(SAMPLE_RATE)
        first = await anyio.to_thread.run_sync(_second, blocks)

        async def seconds() -> AsyncGenerator[NDArray[np.float32]]:
            pcm = first
            while len(pcm):
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
    output: TextOutput | JsonOutput,
) -> Transcript:
    """The transcript of one utterance that begins `offset` seconds into its file."""
    pcm = resample(pcm, SAMPLE_RATE, engine.sample_rate)
    step = engine.sample_rate // 2
    async with engine.listen() as recognition:
        for start in range(0, len(pcm), step):
            transcript = await recognition.feed(pcm[start : start + step])
            if transcript is not None:
                output.partial(transcript.text)
        transcript = await recognition.finish()
    words = tuple(
        replace(word, start=round(word.start + offset, 3), end=round(word.end + offset, 3))
        for word in transcript.words
    )
    return replace(transcript, words=words)
