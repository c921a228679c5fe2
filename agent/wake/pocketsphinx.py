"""Keyword spotting by pocketsphinx: any phrase that can be spelt, with the model it comes with.

Each phrase, in several pronunciations, competes with a loop of all phones: where it is not much
unlikelier, it was said.
"""

import math
import tempfile
from collections.abc import Iterator, Sequence
from itertools import islice, product
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

NOTICED = -6.5
"""The power of ten, per phone, of the likelihood ratio from which on a phrase may have been said.

That is so before its end, when the ratio has yet to grow.
"""

BEST = 0.3
"""Seconds for which it may grow."""

ENOUGH, SPAN = -1.7, 4.0
"""The power of ten, per phone, that wakes at a sensitivity of 0.5 (`bench.wake`); and by how much
less does from a sensitivity of 0 to one of 1."""

PRONUNCIATIONS = 8
"""Of a phrase, at most."""

_FRAME = SAMPLE_RATE // 100


class PocketsphinxSpotter:
    """A keyword spotter for phrases; 3 ms of work for 80 ms of sound."""

    def __init__(self, words: Sequence[str], sensitivity: float) -> None:
        self._words = words
        self._sensitivity = sensitivity
        self._spotter: Any = None
        self._phrases: dict[str, str] = {}  # by keyword
        self._heard = 0  # samples of this utterance
        self._noticed = 0  # of them since a phrase may have been said

    def load(self) -> None:
        """Spell the phrases and read the model: 0.1 s. Raises ConfigError, ParleyError."""
        try:
            from pocketsphinx import Decoder, get_model_path
        except ImportError as error:
            install = pip_install("pocketsphinx")
            raise ParleyError(
                f"the wake word engine needs pocketsphinx ({error}): {install}"
            ) from error
        for phrase in self._words:
            if phones(phrase) < FEWEST_PHONES:
                raise ConfigError(
                    f"wake.words: '{phrase}' is too short to be told from other speech: take a "
                    f"longer one, such as 'hey {phrase}'"
                )
        model = Path(get_model_path()) / "en-us"
        common = {"hmm": str(model / "en-us"), "samprate": SAMPLE_RATE, "loglevel": "FATAL"}
        with tempfile.TemporaryDirectory() as folder:
            dictionary, keywords = Path(folder) / "words", Path(folder) / "keywords"
            self._write(dictionary, keywords)
            try:
                self._spotter = Decoder(**common, dict=str(dictionary), lm=None, kws=str(keywords))
            except RuntimeError as error:
                raise ParleyError(f"the wake word engine cannot be loaded: {error}") from error
        self._spotter.set_cmn(TYPICAL_MEAN)
        self._spotter.start_utt()

    def hear(self, pcm: NDArray[np.float32]) -> WakeWord | None:
        """Hear more, float32 [n] at 16 kHz: the wake word that has ended in it, if one has."""
        samples = np.clip(pcm * 32768, -32768, 32767).astype(np.int16)
        self._heard += len(samples)
        self._spotter.process_raw(samples.tobytes())
        if self._spotter.hyp() is None:
            return None
        self._noticed += len(samples)
        if self._noticed < BEST * SAMPLE_RATE:
            return None
        best = max(self._spotter.seg(), key=lambda segment: segment.prob)
        ago = max(0, self._heard - (best.end_frame + 1) * _FRAME)
        self.reset()
        phrase = self._phrases[best.word.strip()]
        enough = threshold(phrase, self._sensitivity)
        return WakeWord(phrase, ago) if _powers_of_ten(best.prob) >= enough else None

    def reset(self) -> None:
        """Forget what was heard, but for how the microphone sounds."""
        self._spotter.end_utt()
        self._spotter.start_utt()
        self._heard = self._noticed = 0

    def _write(self, dictionary: Path, keywords: Path) -> None:
        """Write the words and the keywords, each pronunciation of a phrase as one."""
        words: dict[str, str] = {}
        lines = []
        for phrase in self._words:
            threshold = 10.0 ** max(-300.0, NOTICED * phones(phrase))
            for spelt in islice(_pronunciations(phrase), PRONUNCIATIONS):
                names = [words.setdefault(word, f"w{len(words)}") for word in spelt]
                keyword = " ".join(names)
                self._phrases[keyword] = phrase
                lines.append(f"{keyword} /{threshold:g}/\n")
        dictionary.write_text("".join(f"{name} {spelt}\n" for spelt, name in words.items()))
        keywords.write_text("".join(lines))


def threshold(phrase: str, sensitivity: float) -> float:
    """The power of ten of the likelihood ratio that wakes.

    A longer phrase is likelier mispronounced somewhere, and less likely by chance.
    """
    return (ENOUGH - SPAN * (sensitivity - 0.5)) * phones(phrase)


def _pronunciations(phrase: str) -> Iterator[tuple[str, ...]]:
    """The ways in which a phrase may be said: the dictionary's, and as some people say those."""
    return product(*(dict.fromkeys(_said(ways)) for ways in spell(phrase).values()))


def _said(pronunciations: Sequence[str]) -> Iterator[str]:
    yield from pronunciations
    for spelt in pronunciations:
        if spelt.startswith("HH "):
            yield spelt.removeprefix("HH ")
        if "AA R " in spelt:
            yield spelt.replace("AA R ", "AA ")
            yield spelt.replace("AA R ", "AO R ")


def _powers_of_ten(probability: float) -> float:
    """The likelihood ratio that pocketsphinx means by a keyword's `prob`.

    That is a logarithm of base 1.0001, of 1024th parts, less 1500.
    """
    return (math.log(max(probability, 1e-30)) / 1e-4 + 1500) * 1024e-4 / math.log(10)
