"""Pieces: clauses gathered to as much speech as Dia does best in one take.

Shorter ones come out as nonsense, longer ones too fast. Each is opened and closed as the model was
taught: `[S1]` at the beginning, speakers in turn, the tag of whoever does not speak at the end.
"""

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import groupby

from tts.dia.text.reader import Clause

SHORTEST, LONGEST = 6.0, 15.0
"""Seconds of a piece: at least and at most. Less only where a text has no more."""
LAST = 4.0
"""Seconds that a last piece has at least: less is added to the one before it."""
LONGEST_WITH_PROMPT = 12.0
"""The voice in front of it counts, too."""
MOST_TURNS = 4
BYTES_A_SECOND = 14.0
"""Of usual speech: a guess until the voice has been heard. None speaks twice as fast, or half."""
SURE = 5.0
"""Seconds of speech after which what was heard counts as much as the guess."""


class Pace:
    """How fast the voice speaks, in bytes of text a second."""

    def __init__(self) -> None:
        self._bytes, self._seconds = BYTES_A_SECOND * SURE, SURE

    def seconds(self, text: str) -> float:
        """Estimate how long a text takes."""
        return len(text) * self._seconds / self._bytes

    def learn(self, text: str, seconds: float) -> None:
        """Take how long a text took that was spoken to its end."""
        usual = len(text) / BYTES_A_SECOND
        self._bytes += len(text)
        self._seconds += min(max(seconds, usual / 2), usual * 2)


@dataclass(frozen=True)
class Piece:
    """What is spoken in one take."""

    turns: tuple[tuple[int, str], ...]
    """Speakers, 1 or 2, each with what they say before the next one does."""

    @classmethod
    def of(cls, clauses: Iterable[Clause]) -> "Piece":
        """Join clauses; neighbours of one speaker are one turn."""
        turns = groupby(clauses, lambda clause: clause.speaker)
        return cls(tuple((who, " ".join(each.text for each in said)) for who, said in turns))

    @property
    def text(self) -> str:
        """What is said, without tags."""
        return " ".join(said for _, said in self.turns)

    @property
    def speakers(self) -> set[int]:
        return {speaker for speaker, _ in self.turns}

    @property
    def last(self) -> int:
        """Who speaks last."""
        return self.turns[-1][0]

    def tagged(self, after: int | None = None) -> str:
        """Write it for the model, behind the words of speaker `after`, if anybody's.

        Who goes on speaking gets no tag again.
        """
        tagged = [f"[S{speaker}] {said}" for speaker, said in self.turns]
        if after == self.turns[0][0]:
            tagged[0] = self.turns[0][1]
        return " ".join(tagged)

    def written(self, after: int | None = None) -> str:
        """Write it with the tag of whoever does not speak last behind it.

        That is nobody's turn: with it the model finishes the last word.
        """
        return f"{self.tagged(after)} [S{3 - self.last}]"


class Gatherer:
    """The clauses of a text that have come and have not been spoken."""

    def __init__(self, pace: Pace) -> None:
        self._pace = pace
        self._waiting: list[Clause] = []
        self.finished = False
        """Whether no more come."""

    def add(self, clauses: Iterable[Clause]) -> None:
        """Take more clauses."""
        self._waiting += clauses

    @property
    def empty(self) -> bool:
        """Whether nothing waits."""
        return not self._waiting

    @property
    def left(self) -> float:
        """The seconds of speech that wait, by estimate."""
        return self._seconds(self._waiting)

    def take(self, longest: float = LONGEST, most_bytes: int = 900) -> Piece | None:
        """Take the next piece of at most so much; None while there is too little to say.

        Where pieces end depends on the text alone, not on when it came.
        """
        length = self._choose(longest, most_bytes)
        if not length:
            return None
        chosen, self._waiting = self._waiting[:length], self._waiting[length:]
        return Piece.of(chosen)

    def _choose(self, longest: float, most_bytes: int) -> int:
        """How many clauses the next piece has; 0 if that is not known yet."""
        waiting, sentences = self._waiting, 0
        for count in range(1, len(waiting) + 1):
            if count > 1 and not self._fits(waiting[:count], longest, most_bytes):
                return sentences or self._within_sentence(longest, most_bytes)
            if not waiting[count - 1].ends:
                continue
            sentences = count
            if self._seconds(waiting[:count]) < SHORTEST:
                continue
            if self._seconds(waiting[count:]) >= LAST:
                return count
            if not self.finished:
                return 0  # what follows may be too little for a piece
        return len(waiting) if self.finished else 0

    def _within_sentence(self, longest: float, most_bytes: int) -> int:
        """How many clauses of a sentence that is too long by itself."""
        count = 1
        while self._fits(self._waiting[: count + 1], longest, most_bytes):
            count += 1
        return count

    def _fits(self, clauses: Sequence[Clause], longest: float, most_bytes: int) -> bool:
        turns = len(list(groupby(clause.speaker for clause in clauses)))
        size = sum(len(clause.text) + 1 for clause in clauses) + 2 * turns
        return self._seconds(clauses) <= longest and turns <= MOST_TURNS and size <= most_bytes

    def _seconds(self, clauses: Sequence[Clause]) -> float:
        return math.fsum(self._pace.seconds(clause.text + " ") for clause in clauses)
