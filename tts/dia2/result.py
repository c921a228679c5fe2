"""The result of offline generation."""

from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from tts.dia2.network.delays import Codes
from tts.transformer.wave_file import save_wave


@dataclass(frozen=True, eq=False)
class Result:
    """Holds a script as it was spoken."""

    waveform: NDArray[np.float32]
    """[samples], in [-1, 1]."""
    sample_rate: int
    audio_tokens: Codes
    """[codebooks, frames]"""
    words: list[tuple[str, float]]
    """Each word that was spoken, and the second at which it was taken up."""
    seed: int
    """Makes the same again, with the same script and settings on the same kind of device."""

    def save(self, path: str | Path) -> None:
        """Write a WAV file (16 bit). Raises TextToSpeechError."""
        save_wave(path, self.waveform, self.sample_rate)
