"""The clips that the tests of the recognisers hear."""

import wave

import numpy as np
from numpy.typing import NDArray

from stt.vad import SAMPLE_RATE
from tests.paths import AUDIO


def read(name: str) -> NDArray[np.float32]:
    """A 16 kHz clip as float32 [n]."""
    with wave.open(str(AUDIO / f"{name}.wav")) as clip:
        assert clip.getframerate() == SAMPLE_RATE
        pcm = np.frombuffer(clip.readframes(clip.getnframes()), np.int16)
    return (pcm / 32768).astype(np.float32)
