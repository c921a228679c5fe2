"""`parley say`: text is spoken, also while it is still being written."""

import argparse
import json
from collections.abc import AsyncGenerator, AsyncIterator
from contextlib import AsyncExitStack, ExitStack, aclosing
from pathlib import Path

import anyio
from anyio.lowlevel import checkpoint

from agent.audio.output import ReplyTrack
from agent.audio.wav import WavWriter
from agent.cli import ending
from agent.cli.commands import say_script
from agent.cli.options import add_config, add_speaker, with_devices
from agent.cli.output import loading, playing
from agent.cli.stdin import read_text
from agent.config.engines import TTS, create_tts
from agent.config.load import Config, load_config, parse_config
from agent.config.sections import SpeakerSettings
from agent.engines import OFFLINE, GuardedTextToSpeech
from agent.errors import ParleyError
from agent.guards.text import valid
from tts import TextToSpeech, Utterance
from tts.spoken_text import SpokenText

_SLICE = 500  # characters taken at once: the loop is never held for long


def add(subparsers: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    """Add the command to the parser."""
    parser = subparsers.add_parser("say", help="speak a text")
    parser.add_argument(
        "text", metavar="TEXT", nargs="?", help="what to say; - for stdin, spoken while it arrives"
    )
    parser.add_argument(
        "-o",
        "--output",
        metavar="FILE",
        type=Path,
        help="write a WAV file instead of speaking; give --speaker, too, for both",
    )
    parser.add_argument("--tts", metavar="ENGINE", help=f"the voice: {', '.join(TTS.builtin)}")
    add_config(parser, ", for its `tts` section")
    add_speaker(parser)
    say_script.add(parser)
    parser.set_defaults(run=run)


def run(args: argparse.Namespace) -> int:
    """Speak the text. Raises ConfigError, AudioError, ParleyError or TextToSpeechError."""
    config = with_devices(_configured(args), None, args.speaker)
    if args.script is not None:
        return say_script.run(args, config)
    say_script.check_absent(args)
    if args.text is None:
        raise ParleyError("nothing to say: give a TEXT, - for stdin, or a --script")
    tts = GuardedTextToSpeech(create_tts(config.tts, patience=OFFLINE), patience=OFFLINE)
    speaker = config.speaker if args.speaker is not None or args.output is None else None
    ending.run(_say, args.text, tts, speaker, args.output)
    return 0


async def _say(
    text: str, tts: TextToSpeech, speaker: SpeakerSettings | None, output: Path | None
) -> None:
    fragments = read_text() if text == "-" else _slices(valid(text))
    try:
        loading("the voice")
        await tts.load()
        async with AsyncExitStack() as stack:
            await stack.enter_async_context(aclosing(fragments))
            track = None
            if speaker is not None:
                track = await stack.enter_async_context(playing(speaker, tts.sample_rate))
            await say(fragments, tts, track, output)
    finally:
        await tts.aclose()


async def say(
    fragments: AsyncIterator[str], tts: TextToSpeech, track: ReplyTrack | None, output: Path | None
) -> None:
    """Speak a text while it comes, on a track, into a WAV file, or both, until all was heard.

    The file is made when there is something to write. What came before a failure of `fragments`
    is spoken before it is raised. Raises ParleyError if there was nothing to say.
    """
    text = _Text(fragments, SpokenText(tts))
    spoken = False
    with ExitStack() as files:
        async with tts.open() as utterance, anyio.create_task_group() as tasks:
            tasks.start_soon(text.feed, utterance)
            async for speech in utterance:
                if output is not None:
                    if not spoken:
                        file = files.enter_context(WavWriter(output, tts.sample_rate))
                    file.write(speech.pcm)
                if track is not None:
                    await track.write(speech.pcm)
                spoken = True
    if track is not None:
        await track.drain()
    if text.failure is not None:
        raise text.failure
    if not spoken:
        raise ParleyError("nothing to say: the text has no words in it")


class _Text:
    """What is to be said, prepared on its way to an utterance."""

    def __init__(self, fragments: AsyncIterator[str], text: SpokenText) -> None:
        self._text = text
        self.failure: ParleyError | None = None
        self._fragments = fragments

    async def feed(self, utterance: Utterance) -> None:
        """Feed it all, or all there was before the failure."""
        try:
            async for fragment in self._fragments:
                for piece in filter(None, self._text.feed(fragment)):
                    await utterance.feed(piece)
        except ParleyError as error:
            self.failure = error
        await utterance.feed(self._text.finish())
        await utterance.finish()


async def _slices(text: str) -> AsyncGenerator[str, None]:
    for start in range(0, len(text), _SLICE):
        await checkpoint()
        yield text[start : start + _SLICE]


def _configured(args: argparse.Namespace) -> Config:
    """The configuration, its voice by `--tts`: with its settings if it is the one of the file."""
    if args.tts in (None, load_config(args.config).tts.engine_name):
        return load_config(args.config, args.set)
    section = json.dumps({TTS.selector: args.tts})
    # Told as if it stood in a file of its own: what is wrong with it reads the same.
    parse_config(f'{{"tts": {section}}}'.encode(), f"--tts {args.tts}")
    return load_config(args.config, [f"tts={section}", *args.set])
