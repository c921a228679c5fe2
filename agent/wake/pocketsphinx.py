"""Keyword spotting by pocketsphinx: any phrase that can be spelt, with the model it comes with.

Each phrase competes with a loop of all phones; where it is much the likelier, it was said.
"""

import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from agent.errors import ConfigError, ParleyError
from agent.wake.engine import SAMPLE_RATE, WakeWord
from agent.wake.spelling import phones, spell
from tts.extras import pip_install

TYPICAL_MEAN = "50,3,8,11,1,-1,1,-2,-4,-2,5,2,2"
"""The cepstral mean of close, clear speech: where adaptation begins."""

FEWEST_PHONES = 6
"""A shorter phrase is a part of too many others."""

_FRAME = SAMPLE_RATE // 100


class PocketsphinxSpotter:
    """A keyword spotter for phrases; 2 ms of work for 80 ms of sound."""

    def __init__(self, words: Sequence[str], sensitivity: float) -> None:
        self._words = words
        self._sensitivity = sensitivity
        self._decoder: Any = None
        self._heard = 0  # samples of this utterance

    def load(self) -> None:
        """Spell the phrases and read the acoustic model: 50 ms. Raises ConfigError, ParleyError."""
        try:
            from pocketsphinx import Decoder, get_model_path
        except ImportError as error:
            install = pip_install("pocketsphinx")
            raise ParleyError(
                f"the wake word engine needs pocketsphinx ({error}): {install}"
            ) from error
        for word in self._words:
            if phones(word) < FEWEST_PHONES:
                raise ConfigError(
                    f"wake.words: '{word}' is too short to be told from other speech: take a "
                    f"longer one, such as 'hey {word}'"
                )
        with tempfile.TemporaryDirectory() as folder:
            dictionary, phrases = Path(folder) / "words", Path(folder) / "phrases"
            dictionary.write_text("".join(_entries(self._words)), "utf-8")
            lines = [f"{word} /{threshold(word, self._sensitivity):g}/\n" for word in self._words]
            phrases.write_text("".join(lines), "utf-8")
            try:
                self._decoder = Decoder(
                    hmm=str(Path(get_model_path()) / "en-us" / "en-us"),
                    dict=str(dictionary),
                    lm=None,
                    kws=str(phrases),
                    samprate=SAMPLE_RATE,
                    loglevel="FATAL",
                )
            except RuntimeError as error:
                raise ParleyError(f"the wake word engine cannot be loaded: {error}") from error
        self._decoder.set_cmn(TYPICAL_MEAN)
        self._decoder.start_utt()

    def hear(self, pcm: NDArray[np.float32]) -> WakeWord | None:
        """Hear more, float32 [n] at 16 kHz: the wake word that has ended in it, if one has."""
        self._decoder.process_raw(np.clip(pcm * 32768, -32768, 32767).astype(np.int16).tobytes())
        self._heard += len(pcm)
        hypothesis = self._decoder.hyp()
        if hypothesis is None:
            return None
        text = hypothesis.hypstr.strip()
        ended = max(segment.end_frame for segment in self._decoder.seg()) + 1
        ago = max(0, self._heard - ended * _FRAME)
        self.reset()
        return WakeWord(text, ago)

    def reset(self) -> None:
        """Forget what was heard, but for how the microphone sounds."""
        self._decoder.end_utt()
        self._decoder.start_utt()
        self._heard = 0


def threshold(phrase: str, sensitivity: float) -> float:
    """The likelihood ratio from which on a phrase was said (`bench.wake`)."""
    return float(10.0 ** (EXPONENT * phones(phrase) + SPAN * (0.5 - sensitivity)))


EXPONENT = -2.0
"""Per phone, at the sensitivity of 0.5: a longer phrase is likelier mispronounced somewhere, and
less likely by chance."""

SPAN = 40.0
"""Powers of ten from a sensitivity of 0 to one of 1."""


def _entries(phrases: Sequence[str]) -> list[str]:
    """The lines of a dictionary; a word's second pronunciation is written word(2)."""
    words = {word: spelt for phrase in phrases for word, spelt in spell(phrase).items()}
    return [
        f"{word}{f'({number})' if number > 1 else ''} {pronunciation}\n"
        for word, pronunciations in words.items()
        for number, pronunciation in enumerate(pronunciations, 1)
    ]
