"""Evidence of side talk: a voice far softer than the user's is somebody else's, or not for us.

So is one as loud, if its words are said to somebody else (`agent.turns.addressee`). The user's own
level, and what was talked about, are learnt from the turns that were committed in this session.
Pure logic.
"""

from collections import deque
from dataclasses import dataclass
from statistics import median

import numpy as np
from numpy.typing import NDArray

from agent.languages import word_count
from agent.turns.addressee import addressee, addresses_agent, commands_agent, function_words

LEARNT_FROM = 5
"""The latest turns from which the user's voice and subject are known."""

SOFTER = 8.0
"""Decibels below it from which on a voice is taken for somebody else's: who speaks twice as far
away is 6 dB softer, and the same person's turns vary by 3 dB or so."""

NEARBY = 5.0
"""And from which on it is, if it only says how things are: a television in the next room."""

FAR = 10.0
"""And from which on a command is for somebody else, too."""

HIGHER, LOWER = 7.0, -5.0
"""Semitones between which a voice may be the user's: who insists speaks up to half an octave
higher than in the turns before."""

SENTENCE = 4
"""Words that it takes to say how things are; fewer may be an order."""

LOUD = 80
"""The percentile of a voice's windows that is its level: vowels count, not their tails."""

WEIGHTY = 5
"""Letters from which on a word says what is talked about."""

REPEATED = 0.6
"""The share of the words that were said before, when they are said again: who was not answered."""

INSISTING = 3
"""Soft turns in a row that are the user's after all: they have moved, or turned the level down."""


@dataclass(frozen=True, slots=True)
class Evidence:
    """What speaks for or against a voice being the user's.

    `below`: decibels that it is softer than the user's; None while nobody knows either. `about`:
    what is talked about, in words. `above`: semitones that it is higher. `among`: others have just
    been heard to talk to each other.
    """

    below: float | None = None
    about: frozenset[str] = frozenset()
    above: float | None = None
    among: bool = False

    @property
    def another(self) -> str | None:
        """How a voice that is likely not the user's differs; None where it does not."""
        if self.above is not None and not LOWER < self.above < HIGHER:
            than = "higher than" if self.above > 0 else "lower than"
            return f"{abs(self.above):.0f} semitones {than}"
        if self.below is not None and self.below >= NEARBY:
            return f"{self.below:.0f} dB softer than"
        return None

    def side_talk(self, text: str, language: str | None = None) -> str | None:
        """Return why a voice that says `text` is not meant for the agent; None if it may be.

        `language`: a code such as en, None where it is not known.
        """
        if self.below is None or self.below < SOFTER:
            return None
        if self.about & _words(text) or addresses_agent(text, language):
            return None
        if self.below < FAR and commands_agent(text, language):
            return None  # who turned away is this soft, too, and wants something
        return f"a voice {self.below:.0f} dB softer than the user's"

    def said_to_others(
        self, text: str, language: str | None = None, *, final: bool = True, brief: bool = False
    ) -> str | None:
        """Return why words over a reply are said to others, however loud; None if they may not be.

        `final`: they are all. `brief`: there is so little yet that what may become such is waited
        for.
        """
        if (self.about - function_words(language)) & _words(text):
            return None
        whom = addressee(text, language)
        if whom == "others":
            return f"'{text}' is said to somebody else"
        telling = whom == "telling" and (not final or word_count(text) >= SENTENCE)
        if telling and (differs := self.another) is not None:
            return f"'{text}', in a voice {differs} the user's"
        if (telling or whom == "answer") and self.among:
            return f"'{text}', as others talk to each other"
        return f"'{text}' may be said to somebody else" if whom == "open" and brief else None


UNKNOWN = Evidence()
"""Nothing is known of the voice: it may be the user's."""


class VoiceProfile:
    """A voice profile knows how loud the user is, and what they talk about."""

    def __init__(self, name: str = "") -> None:
        """`name` is the agent's: who says it means the agent."""
        self._name = _words(name)
        self._levels: deque[float] = deque(maxlen=LEARNT_FROM)
        self._pitches: deque[float] = deque(maxlen=LEARNT_FROM)
        self._subjects: deque[frozenset[str]] = deque(maxlen=LEARNT_FROM)
        self._passed_over: list[str] = []  # in a row, and what was said

    def learn(self, level: float | None, text: str = "", pitch: float | None = None) -> None:
        """Take a turn of the user's: `level` in dBFS, its words, its `pitch` in semitones."""
        self._passed_over.clear()
        self._subjects.append(frozenset(word for word in _words(text) if len(word) >= WEIGHTY))
        if level is not None:
            self._levels.append(level)
        if pitch is not None:
            self._pitches.append(pitch)

    def weigh(
        self, level: float | None, pitch: float | None = None, *, among: bool = False
    ) -> Evidence:
        """Return what a voice of a level in dBFS and a pitch in semitones is evidence of.

        `among`: see `Evidence`.
        """
        return Evidence(
            None if level is None or not self._levels else median(self._levels) - level,
            self._name.union(*self._subjects),
            None if pitch is None or not self._pitches else pitch - median(self._pitches),
            among,
        )

    def insists(self, text: str) -> bool:
        """Whether a soft voice that says `text`, and was passed over before, is the user's."""
        if len(self._passed_over) >= INSISTING - 1:
            return True
        return bool(self._passed_over) and says_again(text, self._passed_over[-1])

    def pass_over(self, text: str) -> None:
        """Note that a soft turn was not answered, though nobody else spoke."""
        self._passed_over.append(text)

    def names_agent(self, text: str) -> bool:
        """Whether the agent's name is in it."""
        return bool(self._name & _words(text))


class VoiceLevel:
    """The level of the voice that is heard now."""

    def __init__(self) -> None:
        self._powers: list[float] = []

    def add(self, window: NDArray[np.float32]) -> None:
        """Take a voiced window, float32 [n] in [-1, 1]."""
        self._powers.append(float(np.square(window, dtype=np.float64).mean()))

    def forget(self) -> None:
        """Begin anew: what comes is another turn."""
        self._powers.clear()

    @property
    def decibels(self) -> float | None:
        """In dBFS; None before the first window."""
        if not self._powers:
            return None
        return 10 * float(np.log10(np.percentile(self._powers, LOUD) + 1e-12))


def says_again(text: str, before: str) -> bool:
    """Return whether most of the words were in `before`: who was not answered says it again."""
    words, said = _words(text), _words(before)
    return bool(said) and len(words & said) >= REPEATED * len(words | said)


def _words(text: str) -> frozenset[str]:
    return frozenset(filter(None, (word.strip(".,!?").casefold() for word in text.split())))
