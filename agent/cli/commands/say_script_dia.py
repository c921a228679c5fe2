"""`parley say --script` with Dia: piece after piece, heard and written while it is generated."""

import argparse
import secrets
import sys
import time
from collections.abc import Iterator
from contextlib import AsyncExitStack, contextmanager
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import anyio.to_thread

from agent.audio.wav import WavWriter
from agent.cli import ending
from agent.cli.commands.voice_tools import voice_names
from agent.cli.output import playing
from agent.cli.streams import guarded
from agent.config.load import Config
from agent.config.sections import SpeakerSettings
from agent.voice_making import dia_settings, need_torch
from tts import Speech
from tts.dia.text.reader import read_script

if TYPE_CHECKING:
    from tts.dia.serving.script import Progress


def run(args: argparse.Namespace, config: Config, script: str) -> int:
    """Render a script, and write it, play it, or both. Raises AudioError or TextToSpeechError."""
    read_script(script)
    need_torch("dia")
    from tts.dia.serving.prepare import load_model, prompt_of, sampling_of
    from tts.dia.serving.script import speak
    from tts.dia.serving.utterance import VoiceSettings

    chosen = {
        "model": args.model,
        "cfg": args.cfg,
        "temperature": args.temperature,
        "top_k": args.top_k,
        "seed": args.seed,
    }
    settings = dia_settings(config)
    settings = replace(settings, **{key: at for key, at in chosen.items() if at is not None})
    voices = voice_names(args.voice_1 or settings.voice, args.voice_2)
    seed = secrets.randbits(32) if settings.seed is None else settings.seed
    print(f"loading {settings.model}", file=sys.stderr)
    dia = load_model(settings)
    how = VoiceSettings(sampling_of(settings, dia.sampling), seed)
    prompt = prompt_of(dia, voices)
    speaker = config.speaker if args.speaker is not None or args.output is None else None
    started = time.monotonic()
    try:
        with _bar() as progress:
            speech = speak(
                dia, script, how, prompt, include_prompt=args.include_prefix, progress=progress
            )
            samples = ending.run(_render, speech, dia.sample_rate, speaker, args.output)
    except KeyboardInterrupt:
        return 130  # what had been generated is written
    took = time.monotonic() - started
    seconds = samples / dia.sample_rate
    print(f"{seconds:.1f} s of speech in {took:.1f} s, seed {seed}", file=sys.stderr)
    return 0


async def _render(
    speech: Iterator[Speech], rate: int, speaker: SpeakerSettings | None, output: Path | None
) -> int:
    """Write and play what is generated, as it is; the samples there were."""
    samples = 0
    async with AsyncExitStack() as stack:
        track = None
        if speaker is not None:
            track = await stack.enter_async_context(playing(speaker, rate))
        file = None
        while (
            piece := await anyio.to_thread.run_sync(next, speech, None, abandon_on_cancel=True)
        ) is not None:
            samples += len(piece.pcm)
            if output is not None:
                file = file or stack.enter_context(WavWriter(output, rate))
                file.write(piece.pcm)
            if track is not None:
                await track.write(piece.pcm)
        if track is not None:
            await track.drain()
    return samples


@contextmanager
def _bar() -> "Iterator[Progress]":
    """A progress bar on a terminal: seconds of speech, of all by estimate, and the time left."""
    from rich.progress import (
        BarColumn,
        Progress,
        TextColumn,
        TimeElapsedColumn,
        TimeRemainingColumn,
    )

    from agent.cli.console import SafeConsole

    console = SafeConsole(stderr=True)
    columns = (
        TextColumn("{task.completed:.1f} of about {task.total:.0f} s"),
        BarColumn(),
        TimeElapsedColumn(),
        TextColumn("left"),
        TimeRemainingColumn(),
    )
    bars = Progress(*columns, console=console, disable=not console.is_terminal)
    with bars, guarded():
        bar = bars.add_task("", total=0)
        yield lambda done, total: bars.update(bar, completed=done, total=total)
