"""Phonemes of a text: what voices that are neural networks read, and where its words begin there.

espeak-ng writes IPA and drops punctuation, which the networks want to see; it also joins words
("of the" is one). So a text is transcribed phrase by phrase, its marks are put back, and words are
found again in what was joined by how they sound alone.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from difflib import SequenceMatcher
from itertools import accumulate

from tts.espeak.library import EspeakLibrary

_PHRASE_END = re.compile(r"(\.\.\.|[,;:!?…—–、，；：！？。])[\"'”’»)\]」』]*$")
_SENTENCE_END = re.compile(r"(\.)[\"'”’»)\]]*$")
_MARKS = {"–": "—", "...": "…"} | dict(zip("、，；：！？。", ",,;:!?.", strict=True))
_LANGUAGE = re.compile(r"\([a-z][a-z-]*\)")  # espeak tells where it takes another language's rules
_STRESS = "ˈˌ"
_STRESSED = frozenset(_STRESS)
_SILENT = _STRESS + " "
_UNSTRESSED = str.maketrans("", "", _SILENT)

SHORTEST = 12
"""Symbols of a phrase that is said by itself."""


@dataclass(frozen=True, slots=True)
class Phonemes:
    """Transcription of a clause: IPA with stress, spaces and marks, and its words."""

    text: str
    words: tuple[tuple[str, int], ...]
    """Each word of the clause with its punctuation, and the index in `text` where it begins."""

    def pieces(self, longest: int) -> Iterator["Phonemes"]:
        """Cut what is longer than `longest` symbols, at spaces where there are any."""
        rest = self
        while len(rest.text) > longest:
            space = rest.text.rfind(" ", 1, longest)
            piece, rest = rest.cut(space + 1 if space > 0 else longest)
            yield piece
        if rest.text:
            yield rest

    def cut(self, at: int) -> tuple["Phonemes", "Phonemes"]:
        """Cut at an index of `text`."""
        first = tuple((word, index) for word, index in self.words if index < at)
        second = tuple((word, index - at) for word, index in self.words[len(first) :])
        return Phonemes(self.text[:at], first), Phonemes(self.text[at:], second)

    def phrase(self, longest: float) -> int:
        """Return where to cut, so that a phrase stays whole: its end, if nowhere.

        At the last beginning of one within `longest`, or else the first. A phrase begins with words
        without stress that follow one with it: the train | to the coast | leaves at seven.
        """
        spaces = [0, *(i + 1 for i, symbol in enumerate(self.text) if symbol == " ")]
        ends = [*spaces[1:], len(self.text)]
        stressed = [
            not _STRESSED.isdisjoint(self.text[a:b]) for a, b in zip(spaces, ends, strict=True)
        ]
        begins = [
            at
            for at, before, here in zip(spaces[1:], stressed, stressed[1:], strict=False)
            if before and not here and at >= SHORTEST and len(self.text) - at >= SHORTEST
        ]
        within = [at for at in begins if at <= longest]
        return within[-1] if within else next(iter(begins), len(self.text))


def phonemise(library: EspeakLibrary, clause: str, voice: str) -> Phonemes:
    """Transcribe a clause by the rules of an espeak voice. Blocks; raises TextToSpeechError."""
    text, words = "", []
    for phrase, mark in _phrases(clause.split()):
        text += " " if text else ""
        ipa = _transcribe(library, " ".join(phrase), voice)
        starts = _starts(library, phrase, ipa, voice)
        words += [(word, len(text) + start) for word, start in zip(phrase, starts, strict=True)]
        text += ipa + mark
    return Phonemes(text, tuple(words))


def _phrases(words: list[str]) -> Iterator[tuple[list[str], str]]:
    """Cut after marks. A full stop ends the last word only: the others' belong to abbreviations."""
    phrase: list[str] = []
    for number, word in enumerate(words, 1):
        phrase.append(word)
        last = number == len(words)
        end = _PHRASE_END.search(word) or (_SENTENCE_END.search(word) if last else None)
        if end or last:
            mark = end[1] if end else ""
            yield phrase, _MARKS.get(mark, mark)
            phrase = []


def _transcribe(library: EspeakLibrary, text: str, voice: str) -> str:
    return _LANGUAGE.sub("", library.phonemes(text.strip(" ,;:!?…—–"), voice))


def _starts(library: EspeakLibrary, words: list[str], ipa: str, voice: str) -> list[int]:
    """Find where in a phrase's transcription each word begins, by how the word sounds alone.

    One that has no sound begins with the next that has.
    """
    alone = [_transcribe(library, word, voice).translate(_UNSTRESSED) for word in words]
    heard = [index for index, symbol in enumerate(ipa) if symbol not in _SILENT]
    together = "".join(ipa[index] for index in heard)
    matcher = SequenceMatcher(None, "".join(alone), together, autojunk=False)
    changes = matcher.get_opcodes()
    starts = []
    for place in accumulate(map(len, alone[:-1]), initial=0):
        kind, a, _, b, _ = next((c for c in changes if place < c[2]), ("", 0, 0, len(heard), 0))
        start = b + (place - a if kind == "equal" else 0)
        index = heard[start] if start < len(heard) else len(ipa)
        while index > 0 and ipa[index - 1] in _STRESS:
            index -= 1
        starts.append(index)
    return starts
