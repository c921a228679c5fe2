"""`parley transcribe`: audio files to text, as it is recognised."""

import argparse
import shutil
import sys
from collections.abc import Sequence
from contextlib import aclosing
from dataclasses import asdict, replace
from functools import partial
from typing import TextIO

import anyio
import anyio.to_thread

from agent import transcription
from agent.cli import ending
from agent.cli.options import add_config
from agent.cli.output import loading, warn
from agent.cli.streams import underneath
from agent.config.engines import STT, EngineSection, create_stt
from agent.config.load import load_config
from agent.config.sections import VadSettings
from agent.engines import OFFLINE, GuardedSpeechToText
from agent.errors import AudioError
from agent.guards.control_characters import json_line, on_one_line
from agent.guards.secrets import redact
from agent.transcription import opened
from agent.turns.vad import SileroVad, Vad
from stt import SpeechToText, SpeechToTextError, Transcript


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
    config = load_config(args.config, args.set)
    section = config.stt
    if args.stt not in (None, section.engine_name):
        section = STT.schema(args.stt).model_validate({STT.selector: args.stt})
    if args.json:
        section = _with_word_times(section)
    engine = GuardedSpeechToText(create_stt(section, patience=OFFLINE), patience=OFFLINE)
    output = JsonOutput() if args.json else TextOutput(sys.stdout, titles=len(args.files) > 1)
    return ending.run(partial(transcribe, args.files, engine, SileroVad(), config.vad, output))


def _with_word_times(section: EngineSection) -> EngineSection:
    """The same engines, told to find out word times if they have to be told."""
    told = {"word_times": True} if "word_times" in type(section).model_fields else {}
    others = [*map(_with_word_times, section.fallback)]
    if not told and not others:
        return section
    return section.model_copy(update={**told, "fallback": others})


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
                async with opened(path) as blocks:
                    await engine.load()  # a file is a conversation of its own
                    output.begin(path)
                    parts = transcription.transcribe(blocks, engine, vad, settings, output.partial)
                    async with aclosing(parts) as spoken:
                        heard = [output.final(each.transcript) async for each in spoken]
                    output.end(path, heard)
            except (AudioError, SpeechToTextError) as error:
                warn(str(error) if isinstance(error, AudioError) else f"{path}: {error}")
                status = 1
    finally:
        with anyio.CancelScope(shield=True):
            await engine.aclose()
    return status
