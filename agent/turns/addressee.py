"""To whom words are said: to the agent, or by people to one another.

People who talk to each other ask about one another's doings ("did you feed …"), send one another
about ("come here"), say that they come or go, and call each other by what they are at home. All
of it is data, in `configs/languages/*/turns.yaml` under `side_talk`; of a language that has none
nothing is known. Pure logic.
"""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from typing import Literal

from agent.languages import codes, data, listed, section, spaceless, words

Addressee = Literal["agent", "unknown", "answer", "telling", "open", "others"]
"""`agent`: it is addressed. `others`: people among themselves. `open`: the next word may tell.

`telling` says how things are, and to anybody; `answer` may be one to whoever asked."""

_Phrase = tuple[re.Pattern[str], ...]
"""A beginning of a sentence, word by word."""


def addressee(text: str, language: str | None = None) -> Addressee:
    """Return to whom `text`, what has been understood so far, is said.

    `language`: a code such as en; where it is None nobody is known to speak to others: a word
    with which they do in one language begins a question in the next ("come").
    """
    if addresses_agent(text, language):
        return "agent"
    known = _people(language)
    if not known.phrases:
        return "unknown"
    said = set(words(text))
    if not known.things.isdisjoint(said):
        return "unknown"
    sentences = [known.beginning(part) for part in re.split(r"[.,;:?!]+", text)]
    sentences = [sentence for sentence in sentences if sentence]
    if any(known.calls_somebody(s) or known.says(s) for s in sentences):
        return "others"
    if sentences and known.may_say(sentences[-1]):
        return "open"
    return known.manner(words(text)) if "?" not in text else "unknown"


def addresses_agent(text: str, language: str | None = None) -> bool:
    """Whether a listener speaks so to who has been speaking."""
    known = _addressing(language)
    return bool(known.calls.intersection(words(text)) or known.requests.search(text.casefold()))


def commands_agent(text: str, language: str | None = None) -> bool:
    """Whether it begins like a command of more than one word."""
    said = words(text)
    return len(said) > 1 and said[0] in _addressing(language).commands


def recalls(text: str, language: str | None = None) -> bool:
    """Whether somebody says by it that what they said before was for the agent."""
    said = f" {' '.join(words(text))} "
    return any(f" {phrase} " in said for phrase in _people(language).recalls)


@cache
def function_words(language: str | None) -> frozenset[str]:
    """Return the words of a language that say nothing of what is talked about."""
    end = section(language, "turns", "end") if language else {}
    return frozenset(word for each in end.values() for word in listed(each))


@dataclass(frozen=True, slots=True)
class _Addressing:
    """How the agent is addressed in a language, or in any."""

    calls: frozenset[str]
    """Words by which even a soft voice addresses it."""
    requests: re.Pattern[str]
    """And turns of phrase that are a listener's to who has been speaking."""
    commands: frozenset[str]


@dataclass(frozen=True, slots=True)
class _People:
    """How people talk to each other in a language."""

    phrases: tuple[_Phrase, ...]
    names: frozenset[str]
    """What people at home call each other: at the beginning or the end of a sentence."""
    before: frozenset[str]
    """Words before a sentence that say nothing of it."""
    questions: frozenset[str]
    things: frozenset[str]
    """What an agent deals with: who speaks of these may mean it."""
    to_a_speaker: frozenset[str]
    """What questions, commands and remarks to somebody who is speaking begin with."""
    polite: frozenset[str]
    agrees: frozenset[str]
    recalls: tuple[str, ...]
    """By which what was said before is said to have been for the agent."""

    def manner(self, said: Sequence[str]) -> Addressee:
        """What neither the agent nor anybody else is addressed by."""
        if not said or not self.to_a_speaker or not self.polite.isdisjoint(said):
            return "unknown"
        if said[0] in self.agrees:
            return "answer"
        return "unknown" if said[0] in self.to_a_speaker else "telling"

    def beginning(self, sentence: str) -> list[str]:
        """The words of a sentence, without those before it."""
        said = words(sentence)
        while said and said[0] in self.before:
            del said[0]
        return said

    def calls_somebody(self, said: Sequence[str]) -> bool:
        """Whether somebody else is called by name, and by that alone."""
        return len(said) == 1 and said[0] in self.names

    def says(self, said: Sequence[str]) -> bool:
        """Whether it begins with one of the phrases."""
        return any(len(said) >= len(each) and _begins(said, each) for each in self.phrases)

    def may_say(self, said: Sequence[str]) -> bool:
        """Whether it is the beginning of one of them; a word that begins most questions is not."""
        if len(said) == 1 and said[0] in self.questions:
            return False
        return any(len(said) < len(each) and _begins(said, each) for each in self.phrases)


def _begins(said: Sequence[str], phrase: _Phrase) -> bool:
    return all(
        pattern.fullmatch(word) is not None for pattern, word in zip(phrase, said, strict=False)
    )


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


@cache
def _people(language: str | None) -> _People:
    talk = section(language, "turns", "side_talk") if language else {}
    end = section(language, "turns", "end") if language else {}
    answers = data(language, "answers") if language else {}
    remarks = listed(talk.get("remarks", ""))
    phrases = (part.split() for part in talk.get("others", "").strip("-").split(","))
    return _People(
        tuple(tuple(re.compile(word) for word in each) for each in phrases if each),
        frozenset(listed(talk.get("names", ""))),
        frozenset(listed(talk.get("before", ""))),
        frozenset(listed(end.get("questions", ""))),
        frozenset(listed(talk.get("things", ""))),
        _firsts(end, remarks) if remarks else frozenset(),
        frozenset(listed(answers.get("polite", ""))),
        frozenset(listed(answers.get("agrees", ""))),
        listed(talk.get("recalls", "")),
    )


def _firsts(end: Mapping[str, str], remarks: Sequence[str]) -> frozenset[str]:
    """The words that what is said to a speaker begins with."""
    kinds = ("questions", "auxiliaries", "commands", "hanging", "closing", "prepositions")
    return frozenset(remarks).union(*(listed(end.get(kind, "")) for kind in kinds))
