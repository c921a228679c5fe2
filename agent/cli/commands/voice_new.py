"""`parley voice new`: the model invents voices, somebody listens and keeps one."""

import argparse
import secrets
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

from agent.audio.devices import find_device
from agent.audio.open import is_file
from agent.audio.wav import WavWriter
from agent.cli.commands.voice_inventing import Candidate, load_inventor
from agent.cli.commands.voice_tools import (
    free_name,
    on_terminal,
    play,
    settings,
)
from agent.cli.output import warn
from agent.cli.streams import guarded
from agent.config.load import Config
from agent.config.sections import SpeakerSettings
from agent.errors import AudioError, ParleyError
from agent.voice_making import CANDIDATES, engine_of
from tts import TextToSpeechError

if TYPE_CHECKING:
    from rich.progress import TaskID


SEEDS = 1_000_000
"""Random seeds are below this: short enough to be typed again."""


def run(args: argparse.Namespace) -> int:
    """Render the candidates, let them be heard, keep one.

    Raises ParleyError, ConfigError, AudioError or TextToSpeechError.
    """
    if args.keep is not None and args.keep > args.candidates:
        raise ParleyError(f"--keep {args.keep}: there are {args.candidates} candidates")
    if args.keep is None and not on_terminal():
        raise ParleyError("there is no terminal to ask on which voice to keep: add --keep K")
    path = free_name(args.name, replace=args.yes)
    config = settings(args)
    seed = secrets.randbelow(SEEDS) if args.seed is None else args.seed
    seeds = range(seed, seed + args.candidates)

    candidates = _render(args, config, seeds)
    kept = args.keep or _choose(candidates, config.speaker)
    if kept is None:
        print("none kept")
        return 1
    if kept not in candidates:
        raise ParleyError(f"candidate {kept} is no voice: keep another, or take another --seed")
    candidates[kept].voice.save(path)
    print(f"kept candidate {kept} (seed {seeds[kept - 1]}) as '{args.name}': {path}")
    return 0


def _render(args: argparse.Namespace, config: Config, seeds: Sequence[int]) -> dict[int, Candidate]:
    """The candidates by number, each written as a WAV file; a bar shows how far they are."""
    from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn

    from agent.cli.console import SafeConsole
    from tts.voices import folder as voices

    invent = load_inventor(args.engine or engine_of(config), args.name, args.model, config)
    folder = voices.folder() / CANDIDATES / args.name
    console = SafeConsole(stderr=True)
    columns = (TextColumn("{task.description}"), BarColumn(), TimeElapsedColumn())
    candidates = {}
    bars = Progress(*columns, console=console, disable=not console.is_terminal)
    with bars, guarded():
        for number, seed in enumerate(seeds, 1):
            bar = bars.add_task(f"candidate {number} of {len(seeds)}", total=None)

            def show(done: int, total: int | None, bar: "TaskID" = bar) -> None:
                bars.update(bar, completed=done, total=total)

            try:
                candidate = invent(args.text, seed, show)
            except TextToSpeechError as error:
                warn(f"candidate {number} (seed {seed}): {error}")
                continue
            finally:
                bars.update(bar, completed=1, total=1)
            wav = folder / f"{number}.wav"
            with WavWriter(wav, candidate.sample_rate, private=True) as file:
                file.write(candidate.waveform)
            candidates[number] = candidate
            seconds = len(candidate.waveform) / candidate.sample_rate
            bars.console.print(
                f"candidate {number} (seed {seed}, {seconds:.1f} s): {wav}",
                soft_wrap=True,
            )
    return candidates


def _choose(candidates: Mapping[int, Candidate], speaker: SpeakerSettings) -> int | None:
    """Play the candidates if there is a speaker, and ask; None for none of them."""
    _play_all(candidates, speaker)
    numbers = " ".join(map(str, candidates))
    while candidates:
        try:
            answer = input(f"keep which ({numbers}, p to play again, Enter for none)? ").strip()
        except EOFError:
            print()
            return None
        if answer.isdecimal() and int(answer) in candidates:
            return int(answer)
        if not answer:
            return None
        if answer == "p":
            _play_all(candidates, speaker)
    return None


def _play_all(candidates: Mapping[int, Candidate], speaker: SpeakerSettings) -> None:
    try:
        if not is_file(speaker.device):
            find_device("output", speaker.device)
        for number, candidate in candidates.items():
            print(f"playing candidate {number}", flush=True)
            play(candidate.waveform, candidate.sample_rate, speaker)
    except AudioError as error:
        print(f"not heard here, only written: {error}", flush=True)
