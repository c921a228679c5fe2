"""Evidence of side talk: a voice far softer than the user's is somebody else's, or not for us.

The user's own level, and what was talked about, are learnt from the turns that were committed in
this session. Pure logic.
"""

import re
from collections import deque
from dataclasses import dataclass
from functools import cache
from statistics import median

import numpy as np
from numpy.typing import NDArray

from agent.languages import codes, listed, section, spaceless

LEARNT_FROM = 5
"""The latest turns from which the user's voice and subject are known."""

SOFTER = 8.0
"""Decibels below it from which on a voice is taken for somebody else's: who speaks twice as far
away is 6 dB softer, and the same person's turns vary by 3 dB or so."""

FAR = 10.0
"""And from which on a command is for somebody else, too."""

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
    what is talked about, in words.
    """

    below: float | None = None
    about: frozenset[str] = frozenset()

    def side_talk(self, text: str, language: str | None = None) -> str | None:
        """Return why a voice that says `text` is not meant for the agent; None if it may be.

        `language`: a code such as en, None where it is not known.
        """
        if self.below is None or self.below < SOFTER:
            return None
        known, words = _addressing(language), _words(text)
        if known.calls & words or self.about & words or known.requests.search(text.casefold()):
            return None
        first = text.casefold().split(maxsplit=1)[:1]
        if self.below < FAR and len(words) > 1 and not known.commands.isdisjoint(first):
            return None  # who turned away is this soft, too, and wants something
        return f"a voice {self.below:.0f} dB softer than the user's"


@dataclass(frozen=True, slots=True)
class _Addressing:
    """How the agent is addressed in a language, or in any."""

    calls: frozenset[str]
    """Words by which even a soft voice addresses it."""
    requests: re.Pattern[str]
    """And turns of phrase that are a listener's to who has been speaking."""
    commands: frozenset[str]


def _addressing(language: str | None) -> _Addressing:
    """Those of a language; of all of them where it is unknown, or none are known of it."""
    return _read(language if language and section(language, "turns", "side_talk") else None)


@cache
def _read(language: str | None) -> _Addressing:
    of = [language] if language else codes()
    talk = [section(code, "turns", "side_talk") for code in of]
    calls = [word for each in talk for word in listed(each.get("calls", ""))]
    requests = [part.strip() for each in talk for part in each.get("requests", "").split(",")]
    commands = (listed(section(code, "turns", "end").get("commands", "")) for code in of)
    # Where no spaces are written, a call is found inside what is said.
    apart, inside = ["(?!)"], [re.escape(word) for word in calls if spaceless(word)]
    for pattern in (each for each in requests if each.strip("-")):
        (inside if spaceless(pattern) else apart).append(pattern)
    found = rf"\b(?:{'|'.join(apart)})|{'|'.join(['(?!)', *inside])}"
    return _Addressing(frozenset(calls), re.compile(found), frozenset().union(*commands))


UNKNOWN = Evidence()
"""Nothing is known of the voice: it may be the user's."""


class VoiceProfile:
    """A voice profile knows how loud the user is, and what they talk about."""

    def __init__(self, name: str = "") -> None:
        """`name` is the agent's: who says it means the agent."""
        self._name = _words(name)
        self._levels: deque[float] = deque(maxlen=LEARNT_FROM)
        self._subjects: deque[frozenset[str]] = deque(maxlen=LEARNT_FROM)
        self._passed_over: list[frozenset[str]] = []  # in a row, and what was said

    def learn(self, level: float | None, text: str = "") -> None:
        """Take a turn of the user's, its `level` in dBFS, and its words."""
        self._passed_over.clear()
        self._subjects.append(frozenset(word for word in _words(text) if len(word) >= WEIGHTY))
        if level is not None:
            self._levels.append(level)

    def weigh(self, level: float | None) -> Evidence:
        """Return what the level of a voice in dBFS says."""
        if level is None or not self._levels:
            return UNKNOWN
        about = self._name.union(*self._subjects)
        return Evidence(median(self._levels) - level, about)

    def insists(self, text: str) -> bool:
        """Whether a soft voice that says `text`, and was passed over before, is the user's."""
        if len(self._passed_over) >= INSISTING - 1:
            return True
        words = _words(text)
        before = self._passed_over[-1] if self._passed_over else frozenset()
        return bool(before) and len(words & before) >= REPEATED * len(words | before)

    def pass_over(self, text: str) -> None:
        """Note that a soft turn was not answered, though nobody else spoke."""
        self._passed_over.append(_words(text))


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


def _words(text: str) -> frozenset[str]:
    return frozenset(filter(None, (word.strip(".,!?").casefold() for word in text.split())))
