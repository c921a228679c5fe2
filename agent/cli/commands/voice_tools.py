"""What the commands about voices share: asking, playing, and the model they are for."""

import argparse
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from agent.cli import ending
from agent.cli.options import with_devices
from agent.cli.output import playing, warn
from agent.cli.streams import presentable
from agent.config.load import Config, load_config
from agent.config.sections import SpeakerSettings
from agent.errors import ParleyError
from agent.voice_making import dia2_settings, keep_voices_private, need_torch

if TYPE_CHECKING:
    from tts.dia2 import Dia2

CONSENT = "A voice may be made from a recording only if its speaker agrees."


def settings(args: argparse.Namespace) -> Config:
    """The configuration, with the speaker of the command line. Raises ConfigError."""
    return with_devices(load_config(args.config, args.set), None, getattr(args, "speaker", None))


def load_model(named: str | None, config: Config, *, guidance: bool = True) -> "Dia2":
    """Load a Dia2 model, as named or as configured. Raises TextToSpeechError."""
    need_torch("dia2")
    from tts.dia2 import Dia2

    configured = dia2_settings(config)
    model = named or configured.model
    print(f"loading {model}", file=sys.stderr)
    return Dia2.load(model, guidance=guidance, **configured.placement)


def voice_names(first: str | None, second: str | None) -> list[str]:
    """The voices of [S1] and [S2]; none for none. Raises ParleyError for only the second."""
    if first is None and second is not None:
        raise ParleyError("--voice-2 needs --voice-1: [S1] opens every script")
    return [name for name in (first, second) if name is not None]


def free_name(name: str, *, replace: bool) -> Path:
    """The file of a new voice. Raises TextToSpeechError or ParleyError if it must not be written.

    Where there is such a voice, it is asked on a terminal whether to replace it.
    """
    from tts.voices import folder as voices

    keep_voices_private(warn)
    path = voices.path_of(name)
    if path.exists() and not replace:
        question = f"there is a voice '{name}' already; replace it?"
        if not confirm(question, otherwise="--yes"):
            raise ParleyError(f"the voice '{name}' stays as it is: choose another name")
    return path


def on_terminal() -> bool:
    """Whether somebody can be asked."""
    return sys.stdin is not None and sys.stdin.isatty()


def confirm(question: str, *, otherwise: str) -> bool:
    """Ask on the terminal; no is the default.

    Raises ParleyError where there is no terminal, naming the option `otherwise`.
    """
    if not on_terminal():
        raise ParleyError(f"{question} There is no terminal to ask on: say so with {otherwise}")
    try:
        answer = input(f"{presentable(question)} [y/N] ")  # not through stdout, on a terminal
    except EOFError:
        print()
        return False
    return answer.strip().lower() in ("y", "yes")


def play(pcm: NDArray[np.float32], sample_rate: int, speaker: SpeakerSettings) -> None:
    """Play samples [n] in [-1, 1] to their end. Raises AudioError if there is no such speaker."""
    ending.run(_play, pcm, sample_rate, speaker)


async def _play(pcm: NDArray[np.float32], sample_rate: int, settings: SpeakerSettings) -> None:
    async with playing(settings, sample_rate) as track:
        await track.write(pcm)
        await track.drain()
