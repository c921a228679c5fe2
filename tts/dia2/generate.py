"""Offline: a whole script to a waveform."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from tts.dia2.grid import Codes
from tts.dia2.sampling import Sampling

if TYPE_CHECKING:
    from tts.dia2.dia2 import Dia2
    from tts.dia2.voice import Voice


@dataclass(frozen=True)
class Result:
    """A script as it was spoken."""

    waveform: NDArray[np.float32]
    """[samples], in [-1, 1]."""
    sample_rate: int
    audio_tokens: Codes
    """[codebooks, frames]"""
    words: list[tuple[str, float]]
    """Each word of the script, and the second at which it was taken up."""

    def save(self, path: str | Path) -> None:
        """Write a WAV file (16 bit)."""
        raise NotImplementedError


def generate(
    dia2: "Dia2",
    script: str | Sequence[str],
    *,
    voices: Sequence["Voice"] = (),
    sampling: Sampling | None = None,
    seed: int | None = None,
    initial_padding: int = 2,
    include_prefix: bool = False,
    reference: bool = False,
    progress: Callable[[int, int | None], None] | None = None,
) -> Result:
    """Speak a whole script."""
    raise NotImplementedError
