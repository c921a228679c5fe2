"""What the tests of Dia's engine share: the tiny recorded model, and voices for it."""

from pathlib import Path

import numpy as np

from tests.paths import DIA_GOLDENS
from tts.dia.codec.codec import Dac
from tts.voices.voice import Voice, signature
from tts.voices.word import Word

MODEL = DIA_GOLDENS / "small5"
LONG = "It was a fine and sunny morning in the old town by the sea. " * 6


def make_voice(name: str = "ada", text: str = "Hello my friends.", frames: int = 14) -> Voice:
    """A voice of the tiny codec."""
    dac = Dac.load(MODEL / "dac")
    codes = np.random.default_rng(0).integers(0, 64, (dac.codebooks, frames)).astype(np.int32)
    words = tuple(Word(word, at / 1000, (at + 1) / 1000) for at, word in enumerate(text.split()))
    return Voice(name, codes, words, signature(dac), dac.frame_rate, engine="dia")


def kept_voice(folder: Path, **options: str) -> str:
    """The path of its file."""
    path = folder / "voice.safetensors"
    make_voice(**options).save(path)  # type: ignore[arg-type]
    return str(path)
