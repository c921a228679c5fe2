"""What a reply has said: its text with its words, and which of them a listener has heard (P3)."""

from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass, field

import anyio.lowlevel
import numpy as np
from numpy.typing import NDArray

from tts import Speech, SpokenTurn, SpokenWord, Utterance
from tts.estimate import FRAME, fill_in, loud_frames
from tts.pace import estimate_pace, levels
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
class SpokenPart:
    """One utterance of a reply: its text, and the sound made of it.

    The times of words that the voice gave none for are estimated.
    """

    text: SpokenText
    sample_rate: int
    start: int
    """Samples of the whole reply."""
    pace: float | None
    """Seconds of loud sound that a letter takes, of what was said before; None if nobody knows."""
    given: list[SpokenWord] = field(default_factory=list)
    """The words with times, in samples of this utterance."""
    made: int = 0
    """Samples."""
    whole: bool = False
    """Whether all has been made."""
    _loud: list[NDArray[np.int64]] = field(default_factory=list)
    _levels: list[NDArray[np.float64]] = field(default_factory=list)
    _words: tuple[object, Sequence[SpokenWord]] = (None, ())

    async def feed(self, utterance: Utterance, text: AsyncIterator[str]) -> None:
        """Give the voice a text as it is written, made fit to be spoken."""
        async for fragment in text:
            for piece in self.text.feed(fragment):
                await anyio.lowlevel.checkpoint()
                if piece:
                    await utterance.feed(piece)
        if rest := self.text.finish():
            await utterance.feed(rest)
        await utterance.finish()

    def add(self, speech: Speech) -> tuple[SpokenWord, ...]:
        """Add what the voice made; its words with their starts in the whole reply."""
        self._loud.append(loud_frames(speech.pcm, self.sample_rate) + self.made)
        self.given += speech.words
        if self.pace is None and not self.given:
            self._levels.append(levels(speech.pcm, self.sample_rate))
        self.made += len(speech.pcm)
        return tuple(self._moved(word) for word in speech.words)

    def end(self) -> float | None:
        """Note that all has been made; the pace of it, None for silence."""
        self.whole = True
        letters = len(" ".join(self.text.spoken.split())) + 1
        loud = sum(map(len, self._loud)) * FRAME
        return loud / letters if loud and letters > 1 else None

    @property
    def words(self) -> Sequence[SpokenWord]:
        """All that have been made, with their starts in the whole reply."""
        state = (self.made, len(self.text.spoken), self.whole)
        if self._words[0] != state:
            loud = np.concatenate(self._loud) if self._loud else np.zeros(0, np.int64)
            text = self.text.spoken
            pace = self.pace
            if pace is None and not self.given and not self.whole and len(loud):
                pace = estimate_pace(text, loud, np.concatenate(self._levels))
            filled = fill_in(text, self.given, loud, whole=self.whole, pace=pace)
            self._words = state, [self._moved(word) for word in filled]
        return self._words[1]

    def _moved(self, word: SpokenWord) -> SpokenWord:
        return SpokenWord(word.text, word.start + self.start)


@dataclass(slots=True)
class Spoken:
    """The words of a reply as they were spoken; their starts are samples of the whole reply."""

    sample_rate: int
    pace: float | None = None
    """Seconds of loud sound that a letter takes, in this voice; None if nobody knows."""
    parts: list[SpokenPart] = field(default_factory=list)

    def begin(self, text: SpokenText) -> SpokenPart:
        """Begin to say a text, after what has been said."""
        self.parts.append(SpokenPart(text, self.sample_rate, self.generated, self.pace))
        return self.parts[-1]

    @property
    def generated(self) -> int:
        """Samples made so far."""
        return sum(part.made for part in self.parts)

    @property
    def words(self) -> Sequence[SpokenWord]:
        """All words made so far."""
        return [word for part in self.parts for word in part.words]

    @property
    def estimated(self) -> bool:
        """Whether some of their times are estimates, for the voice gave none."""
        return any(len(part.words) > len(part.given) for part in self.parts)

    @property
    def written(self) -> str:
        """All that was given to the voice."""
        return "".join(part.text.written for part in self.parts)

    def heard(self, played: int) -> Sequence[SpokenWord]:
        """The words heard once `played` samples have left the speaker."""
        return heard_words(self.words, played, self.generated, self.sample_rate)

    def split(self, words: Sequence[SpokenWord]) -> tuple[str, str]:
        """Split what was written into what was heard and what was not, by the words heard."""
        rest = list(words)
        heard, unheard = [], []
        for part in self.parts:
            count = len(part.words)
            said, left = part.text.split(rest[:count])
            rest = rest[count:]
            heard.append(said)
            unheard.append(left)
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
