"""The result of offline generation."""

from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from tts.dia.network.delays import Codes
from tts.transformer.wave_file import save_wave


@dataclass(frozen=True)
class Turn:
    """What one speaker says at a stretch. When is an estimate: by its share of the text."""

    speaker: str
    """"S1" or "S2"."""
    text: str
    start: float
    """Seconds."""
    end: float


@dataclass(frozen=True, eq=False)
class Result:
    """Holds a text as it was spoken."""

    waveform: NDArray[np.float32]
    """[samples], in [-1, 1]."""
    sample_rate: int
    codes: Codes
    """[frames, codebooks], those of all pieces; silence was taken out of their sound."""
    turns: list[Turn]
    seed: int
    """Makes the same again, with the same text and settings on the same kind of device."""

    def save(self, path: str | Path) -> None:
        """Write a WAV file (16 bit). Raises TextToSpeechError."""
        save_wave(path, self.waveform, self.sample_rate)
