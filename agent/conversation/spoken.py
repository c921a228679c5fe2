"""What a reply has said: its text with its words, and which of them a listener has heard (P3)."""

from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from tts import SpokenTurn, SpokenWord
from tts.spoken_text import SpokenText

RECOGNISED_AFTER = 0.2
"""Seconds of a word after which a listener has it (spoken words in context are recognised about
200 ms after their onset: Marslen-Wilson, gating studies); shorter words count at their end."""


@dataclass(frozen=True, slots=True)
class Outcome:
    """How a reply ended: the words heard, and whether the user or a failure cut it short.

    `sound`: how it sounded, where the voice wants to know.
    """

    heard: str
    interrupted: bool
    sound: SpokenTurn | None = None


@dataclass(slots=True)
class Spoken:
    """The words of a reply as they were spoken; their starts are samples of the whole reply."""

    sample_rate: int
    words: list[SpokenWord] = field(default_factory=list)
    generated: int = 0
    """Samples."""
    texts: list[tuple[SpokenText, int]] = field(default_factory=list)
    """Each with the number of its first word."""

    @property
    def written(self) -> str:
        """All that was given to the voice."""
        return "".join(text.written for text, _ in self.texts)

    def heard(self, played: int) -> Sequence[SpokenWord]:
        """The words heard once `played` samples have left the speaker."""
        return heard_words(self.words, played, self.generated, self.sample_rate)

    def split(self, words: Sequence[SpokenWord]) -> tuple[str, str]:
        """Split what was written into what was heard and what was not, by the words heard."""
        if not self.texts:
            return "", ""
        ends = [first for _, first in self.texts[1:]] + [len(words)]
        parts = [
            text.split(words[first:end])
            for (text, first), end in zip(self.texts, ends, strict=True)
        ]
        heard, unheard = zip(*parts, strict=True) if parts else ((), ())
        return " ".join(filter(None, heard)), " ".join(filter(None, unheard))

    def sound(
        self, pcm: Sequence[NDArray[np.float32]], played: int, words: Sequence[SpokenWord]
    ) -> SpokenTurn | None:
        """What left the speaker of the sound `pcm`, with the words that were heard in it."""
        if not pcm or not words:
            return None
        heard = np.concatenate(pcm)[:played]
        return SpokenTurn("agent", heard, self.sample_rate, tuple(words))


def heard_words(
    words: Sequence[SpokenWord], played: int, generated: int, sample_rate: int
) -> Sequence[SpokenWord]:
    """Return the words heard once `played` of `generated` samples have left the speaker."""
    enough = round(RECOGNISED_AFTER * sample_rate)
    ends = [*(word.start for word in words[1:]), generated]
    count = 0
    for word, end in zip(words, ends, strict=False):
        if played < min(word.start + enough, max(end, word.start + 1)):
            break
        count += 1
    return words[:count]
