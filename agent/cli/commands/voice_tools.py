"""What the commands about voices share: asking, playing, and the model they are for."""

import argparse
import sys
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from agent.cli import ending
from agent.cli.options import with_devices
from agent.cli.output import playing, warn
from agent.cli.streams import presentable
from agent.config.engines import fitting_voice
from agent.config.load import Config, load_config
from agent.config.sections import SpeakerSettings
from agent.errors import ParleyError
from agent.guards.files import keep_private
from tts import TextToSpeechError
from tts.extras import pip_install

if TYPE_CHECKING:
    from tts.dia2 import Dia2
    from tts.dia2.mimi.codec import Mimi
    from tts.dia2.settings import Settings

CONSENT = "A voice may be made from a recording only if its speaker agrees."

CANDIDATES = "candidates"
"""The folder beside the voices with what there was to choose from."""


def settings(args: argparse.Namespace) -> Config:
    """The configuration, with the speaker of the command line. Raises ConfigError."""
    return with_devices(load_config(args.config), None, getattr(args, "speaker", None))


def dia2_settings(config: Config) -> "Settings":
    """The settings of Dia2: as configured if it is the engine, or the usual ones."""
    from tts.dia2.settings import Settings

    voice = fitting_voice(config.tts)
    return Settings(**voice.arguments()) if voice.engine_name == "dia2" else Settings()


def load_model(named: str | None, config: Config, *, guidance: bool = True) -> "Dia2":
    """Load a Dia2 model, as named or as configured. Raises TextToSpeechError."""
    need_dia2()
    from tts.dia2 import Dia2

    configured = dia2_settings(config)
    model = named or configured.model
    print(f"loading {model}", file=sys.stderr)
    return Dia2.load(model, guidance=guidance, **configured.placement)


def load_codec(named: str | None, config: Config) -> "Mimi":
    """Only the codec of a model. Raises TextToSpeechError."""
    need_dia2()
    from tts.dia2.checkpoint import find_codec
    from tts.dia2.fast.select import load_codec as load

    checkpoint, folder = find_codec(named or dia2_settings(config).model)
    return load(folder, checkpoint.codebooks)


def need_dia2() -> None:
    """Raise TextToSpeechError if what Dia2 needs is not installed."""
    try:
        import safetensors  # noqa: F401 - only to tell whether it is there
        import tokenizers  # noqa: F401
        import torch  # noqa: F401
    except ImportError as error:
        install = pip_install("parley-voice[dia2]")
        raise TextToSpeechError(f"Dia2 needs {error.name}: {install}") from None


def free_name(name: str, *, replace: bool) -> Path:
    """The file of a new voice. Raises TextToSpeechError or ParleyError if it must not be written.

    Where there is such a voice, it is asked on a terminal whether to replace it.
    """
    from tts.dia2.voices import folder as voices

    keep_voices_private()
    path = voices.path_of(name)
    if path.exists() and not replace:
        question = f"there is a voice '{name}' already; replace it?"
        if not confirm(question, otherwise="--yes"):
            raise ParleyError(f"the voice '{name}' stays as it is: choose another name")
    return path


def keep_voices_private() -> None:
    """Take the voices that there are from all others: each is somebody's, or may be."""
    from tts.dia2.voices import folder as voices
    from tts.dia2.voices.voice import SUFFIX

    folder = voices.folder()
    if folder.is_dir():
        kept = [*folder.glob(f"*{SUFFIX}"), folder / CANDIDATES]
        keep_private(folder, kept, lambda _code, message, _recovered: warn(message))


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


def now() -> str:
    """The time, for a voice's provenance: UTC, ISO 8601."""
    return datetime.now(UTC).isoformat(timespec="seconds")
