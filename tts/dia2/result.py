"""The result of offline generation."""

import wave
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from tts.dia2.network.delays import Codes, pcm16
from tts.protocol import TextToSpeechError


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
        try:
            Path(path).parent.mkdir(parents=True, exist_ok=True)
            with Path(path).open("wb") as opened, wave.open(opened, "wb") as file:
                file.setnchannels(1)
                file.setsampwidth(2)
                file.setframerate(self.sample_rate)
                file.writeframes(pcm16(self.waveform).astype("<i2").tobytes())
        except OSError as error:
            raise TextToSpeechError(f"{path} cannot be written: {error.strerror}") from None
