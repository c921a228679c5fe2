"""What every loaded checkpoint has: where it is from, its rates, and who may use its slots."""

from collections.abc import Generator
from contextlib import contextmanager
from typing import Protocol

import torch

from tts.extras import pip_install
from tts.protocol import TextToSpeechError
from tts.transformer.lease import Lease


class Codec(Protocol):
    """What makes a waveform of codes."""

    @property
    def sample_rate(self) -> int: ...
    @property
    def frame_rate(self) -> float: ...


class LoadedCheckpoint:
    """Holds what a model with a codec is used by."""

    def __init__(self, codec: Codec, source: str) -> None:
        self.source = source
        """The folder or repository it was loaded from, as given."""
        self.sample_rate: int = codec.sample_rate
        """Of the waveform, in Hz."""
        self.frame_rate: float = codec.frame_rate
        """Steps and frames a second."""
        self.exclusively = Lease(source)
        """Lends the model's slots, all free, to one user at a time."""


@contextmanager
def loading(title: str, source: object, place: torch.device) -> Generator[None]:
    """Raise TextToSpeechError where a block that loads fails for the machine's sake.

    `title` is the engine's for people, in small letters the name of its extra.
    """
    try:
        yield
    except ImportError as error:
        install = pip_install(f"parley-voice[{title.lower()}]")
        raise TextToSpeechError(f"{title} needs {error.name} ({error}): {install}") from error
    except RuntimeError as error:  # PyTorch's own: no memory, a driver that does not work
        reason = str(error).partition("\n")[0]
        raise TextToSpeechError(f"{source} cannot be loaded on {place}: {reason}") from error
