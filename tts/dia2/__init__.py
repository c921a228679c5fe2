"""Dia2: dialogue text in, speech out, frame by frame."""

from typing import TYPE_CHECKING, Any

from tts.extras import pip_install
from tts.protocol import TextToSpeechError

if TYPE_CHECKING:
    from tts.dia2.dia2 import Dia2 as Dia2
    from tts.dia2.network.sampling import Sampling as Sampling
    from tts.dia2.result import Result as Result

_HOMES = {"Dia2": "dia2", "Result": "generate", "Sampling": "network.sampling"}

__all__ = list(_HOMES)


def __getattr__(name: str) -> Any:
    """The public names, imported (and PyTorch with them) when they are first used.

    Raises TextToSpeechError if PyTorch or what else Dia2 needs is not installed.
    """
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    from importlib import import_module

    try:
        return getattr(import_module(f"{__name__}.{_HOMES[name]}"), name)
    except ImportError as error:
        install = pip_install("parley-voice[dia2]")
        raise TextToSpeechError(
            f"Dia2 needs {error.name or 'PyTorch'} ({error}): {install}"
        ) from error
