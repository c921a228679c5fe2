"""`parley say --script`: a dialogue rendered by Dia2, or Dia, into a file or to the speaker."""

import argparse
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from agent.cli.commands import say_script_dia
from agent.cli.commands.voice_tools import load_model, play, voice_names
from agent.cli.options import number, whole
from agent.cli.streams import guarded
from agent.cli.whole_file import read_whole
from agent.config.engines import fitting_voice
from agent.config.load import Config
from agent.errors import AudioError, ConfigError, ParleyError
from agent.voice_making import dia2_settings, need_torch

if TYPE_CHECKING:
    from tts.dia2 import Sampling
    from tts.dia2.generate import Progress
    from tts.dia2.settings import Settings

ENGINES = ("dia2", "dia")
_OWN = ("model", "voice_1", "voice_2", "cfg", "temperature", "top_k", "seed", "include_prefix")


def add(parser: argparse.ArgumentParser) -> None:
    """Add the options to those of `parley say`."""
    group = parser.add_argument_group("a whole script, with Dia2 or Dia")
    group.add_argument(
        "--script",
        metavar="FILE",
        help='a dialogue: [S1] and [S2] begin turns, <break time="0.5s"/> is a pause; - for stdin',
    )
    group.add_argument("--model", metavar="MODEL", help="a Hugging Face repository or a folder")
    group.add_argument("--voice-1", metavar="VOICE", help="a voice for [S1]: its name or file")
    group.add_argument("--voice-2", metavar="VOICE", help="a voice for [S2]")
    group.add_argument("--cfg", type=number(1), metavar="X", help="guidance by the text, 1: none")
    group.add_argument(
        "--temperature", type=number(0), metavar="T", help="of the draws, 0: none are made"
    )
    group.add_argument("--top-k", type=whole(0), metavar="K", help="tokens to draw from, 0: all")
    group.add_argument("--seed", type=whole(0), metavar="N", help="the same seed sounds the same")
    group.add_argument(
        "--include-prefix", action="store_true", help="let the voices' own recordings come out, too"
    )


def check_absent(args: argparse.Namespace) -> None:
    """Raise ParleyError if an option is given that only a script has."""
    for name in _OWN:
        value = getattr(args, name)
        if value is not None and value is not False:
            raise ParleyError(
                f"--{name.replace('_', '-')} is for a whole script: add --script FILE"
            )


def run(args: argparse.Namespace, config: Config) -> int:
    """Render the script, write it or play it.

    Raises ParleyError, AudioError, ConfigError or TextToSpeechError.
    """
    if args.text is not None:
        raise ParleyError("there is a text and a --script: give one of them")
    if args.tts not in (None, *ENGINES):
        raise ConfigError(f"--script is for Dia2 and Dia: leave out --tts {args.tts}")
    script = _read(args.script)
    if args.output is not None:
        _check_output(args.output)
    if (args.tts or fitting_voice(config.tts).engine_name) == "dia":
        return say_script_dia.run(args, config, script)
    from tts.voices.folder import load as load_voice

    configured = dia2_settings(config)
    names = voice_names(args.voice_1 or configured.voice, args.voice_2)
    voices = [load_voice(name) for name in names]
    sampling = _sampling(args, configured)
    dia2 = load_model(args.model, config, guidance=sampling.scale != 1)
    seed = configured.seed if args.seed is None else args.seed
    started = time.monotonic()
    try:
        with _bar() as progress:
            result = dia2.generate(
                script,
                voices=voices,
                sampling=sampling,
                seed=seed,
                include_prefix=args.include_prefix,
                progress=progress,
            )
    except KeyboardInterrupt:
        return 130  # nothing has been said or written
    took = time.monotonic() - started
    seconds = len(result.waveform) / result.sample_rate
    print(f"{seconds:.1f} s of speech in {took:.1f} s, seed {result.seed}", file=sys.stderr)
    if args.output is not None:
        result.save(args.output)
    if args.output is None or args.speaker is not None:
        play(result.waveform, result.sample_rate, config.speaker)
    return 0


def _read(name: str) -> str:
    try:
        return read_whole(name).decode("utf-8-sig")
    except UnicodeDecodeError:
        raise ParleyError(f"{name} is not a text in UTF-8: save it as one") from None


def _check_output(path: Path) -> None:
    """Raise AudioError before the long work rather than after it."""
    if path.is_dir():
        raise AudioError(f"{path} is a folder; name a file in it")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise AudioError(f"{path} cannot be written: {error.strerror}") from None


def _sampling(args: argparse.Namespace, configured: "Settings") -> "Sampling":
    """As on the command line, else as configured.

    `--temperature` and `--top-k` are, as published, for the words' timing and the sound alike.
    """
    need_torch("dia2")
    from tts.dia2.serving.prepare import sampling_of

    chosen = {
        "scale": args.cfg,
        "text_temperature": args.temperature,
        "audio_temperature": args.temperature,
        "text_top_k": args.top_k,
        "audio_top_k": args.top_k,
    }
    named = {name: value for name, value in chosen.items() if value is not None}
    return replace(sampling_of(configured), **named)


@contextmanager
def _bar() -> "Iterator[Progress]":
    """A progress bar on a terminal: words taken up, of all."""
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

    from agent.cli.console import SafeConsole

    console = SafeConsole(stderr=True)
    columns = (TextColumn("words"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn())
    bars = Progress(*columns, console=console, disable=not console.is_terminal)
    with bars, guarded():
        bar = bars.add_task("", total=None)
        yield lambda taken, of: bars.update(bar, completed=taken, total=of)
