"""Sound as 16 bit numbers, and as a WAV file of them."""

import wave
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from tts.protocol import TextToSpeechError


def pcm16(samples: NDArray[np.float32]) -> NDArray[np.int16]:
    """float32 in [-1, 1] (clipped) to int16, rounded toward zero."""
    return (np.clip(samples, -1.0, 1.0) * np.float32(32767)).astype(np.int16)


def save_wave(path: str | Path, samples: NDArray[np.float32], sample_rate: int) -> None:
    """Write a mono WAV file (16 bit), and its folder. Raises TextToSpeechError."""
    try:
        Path(path).parent.mkdir(parents=True, exist_ok=True)
        with Path(path).open("wb") as opened, wave.open(opened, "wb") as file:
            file.setnchannels(1)
            file.setsampwidth(2)
            file.setframerate(sample_rate)
            file.writeframes(pcm16(samples).astype("<i2").tobytes())
    except OSError as error:
        raise TextToSpeechError(f"{path} cannot be written: {error.strerror}") from None
