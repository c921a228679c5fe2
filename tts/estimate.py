"""Estimates of when words begin, for voices that do not tell: each has the share of its letters."""

import itertools
from collections.abc import Sequence
from difflib import SequenceMatcher

import numpy as np
from numpy.typing import NDArray

from tts.protocol import Speech, SpokenWord

LETTERS_A_SECOND = 15
"""Of usual speech, with spaces: a guess until a clause has been heard."""
UNTIMED = 1.0
"""Seconds of sound without a word, beyond the last one's, after which some have no times."""
FRAME = 0.01
"""Seconds of sound that are loud or silent as a whole."""
SILENT = 0.005
"""The peak below which they are silent: no word begins there."""
MARKS = ".,;:!?…"
PAUSE = 0.1
"""Seconds of silence, at least, between two clauses."""
NEAR = 0.5
"""Seconds of sound from where it was expected in which such a pause is looked for."""
KEPT_BACK = 0.02
"""Seconds that wait for the end, where the words that were expected later begin."""


def estimate_words(clause: str, samples: int) -> tuple[SpokenWord, ...]:
    """Estimate when the words of a clause begin that is `samples` long."""
    places, letters = letters_before(clause)
    return tuple(
        SpokenWord(word, samples * place // letters)
        for word, place in zip(clause.split(), places, strict=True)
    )


def letters_before(clause: str) -> tuple[list[int], int]:
    """Return how many letters come before each word of a clause, and how many it has."""
    *places, letters = itertools.accumulate((len(w) + 1 for w in clause.split()), initial=0)
    return places, letters


class StreamedWords:
    """Words of a clause whose audio comes in pieces, and whose length nobody knows before."""

    def __init__(self, clause: str, sample_rate: int, pace: float | None) -> None:
        """`pace` is the samples that a letter took in the last clause, None if there was none."""
        places, self._letters = letters_before(clause)
        pace = pace or sample_rate / LETTERS_A_SECOND
        self._words = [
            SpokenWord(word, round(place * pace))
            for word, place in zip(clause.split(), places, strict=True)
        ]
        self._tail = round(sample_rate * KEPT_BACK)
        self._held = np.zeros(0, np.float32)
        self.made = 0
        """Samples given so far."""

    @property
    def pace(self) -> float | None:
        """The samples that a letter took, once all has been given."""
        return self.made / self._letters if self.made and self._letters else None

    def piece(self, pcm: NDArray[np.float32]) -> Speech:
        """Take the next samples, float32 [n]: what can be heard by now, with its words."""
        pcm = np.concatenate((self._held, pcm))
        split = max(0, len(pcm) - self._tail)
        self._held = pcm[split:]
        return self._speech(pcm[:split], self.made + split)

    def rest(self) -> Speech:
        """End the clause: its last samples, and the words that have not begun."""
        end = self.made + len(self._held)
        self._words = [SpokenWord(word.text, min(word.start, end - 1)) for word in self._words]
        return self._speech(self._held, end)

    def _speech(self, pcm: NDArray[np.float32], end: int) -> Speech:
        begun = tuple(itertools.takewhile(lambda word: word.start < end, self._words))
        self._words = self._words[len(begun) :]
        self.made = end
        return Speech(pcm, begun)


def loud_frames(pcm: NDArray[np.float32], sample_rate: int) -> NDArray[np.int64]:
    """Return where the frames begin, int64 [n] in samples, in which `pcm` is not silent."""
    frame = round(FRAME * sample_rate)
    starts = np.arange(0, len(pcm), frame)
    peaks = np.maximum.reduceat(np.abs(pcm), starts) if len(starts) else np.zeros(0)
    return starts[peaks > SILENT]


def fill_in(
    text: str,
    given: Sequence[SpokenWord],
    loud: NDArray[np.int64],
    *,
    whole: bool,
    pace: float | None,
) -> Sequence[SpokenWord]:
    """Return the words of `text` that have been made: those `given`, and estimates for the rest.

    `loud` are the frames of their sound (`loud_frames`); `whole`: no more comes. `pace`: seconds
    of loud sound that a letter takes, None if unknown. Nothing is estimated for a voice that
    gives all its words.
    """
    said = [word for word in text.split() if any(map(str.isalnum, word))]
    if len(given) >= len(said) or not len(loud):
        return given
    pace = (pace or 1 / LETTERS_A_SECOND) / FRAME
    known = [(part, word) for word in given for part in word.text.split()]
    matcher = SequenceMatcher(None, [_bare(p) for p, _ in known], [_bare(w) for w in said], False)
    filled: list[SpokenWord] = []
    for what, first, last, begin, end in matcher.get_opcodes():
        if what != "insert":
            filled += dict.fromkeys(word for _, word in known[first:last] if word not in filled)
            continue
        # The word before them has its share of the sound, too.
        before = known[first - 1] if first else None
        missing = said[begin:end]
        clause = " ".join([before[0], *missing] if before else missing)
        frames = loud[loud >= (before[1].start if before else 0)]
        if first < len(known):
            frames = frames[frames < known[first][1].start]
        elif not whole:
            expected = pace * (len(before[0]) + 1 if before else 0)
            if len(frames) < expected + UNTIMED / FRAME:
                continue  # the voice has not come to them
        share = len(frames) / letters_before(clause)[1] if whole or first < len(known) else pace
        starts = _spread(clause, frames, share)[1 if before else 0 :]
        filled += [SpokenWord(word, at) for word, at in zip(missing, starts, strict=False)]
    return filled


def _spread(clause: str, frames: NDArray[np.int64], share: float) -> list[int]:
    """Return where the words begin that have, each letter with its `share` of the `frames`.

    Where a mark ends a clause, the next pause nearby is where its speaker took breath.
    """
    step = frames[1] - frames[0] if len(frames) > 1 else 1
    pauses = 1 + np.flatnonzero(np.diff(frames) > PAUSE / FRAME * step)
    places, letters = letters_before(clause)
    anchors = [(0, 0)]
    for place, word in zip(places[1:], clause.split(), strict=False):
        if word[-1] not in MARKS or not len(pauses):
            continue
        (letter, frame) = anchors[-1]
        expected = frame + (place - letter) * share
        nearest = int(pauses[np.argmin(np.abs(pauses - expected))])
        if nearest > frame and abs(nearest - expected) <= NEAR / FRAME:
            anchors.append((place, nearest))
    end = max(round(letters * share), anchors[-1][1])
    known, found = zip(*anchors, (letters, end), strict=True)
    at = np.interp(places, known, found).astype(int)
    return [int(frames[each]) for each in at if each < len(frames)]


def _bare(word: str) -> str:
    return "".join(filter(str.isalnum, word)).casefold()
