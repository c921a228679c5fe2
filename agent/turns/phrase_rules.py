"""Rules which read a phrase of any language from its end, with the words of `configs/languages`."""

from collections.abc import Iterable
from functools import cache
from itertools import takewhile

from agent.languages import listed, section, spaceless, word_count, words
from agent.turns.judgement import Judgement

_CLAUSE = 7
"""Words from which on a phrase that begins with "if" may have its main clause, too."""


class PhraseRules:
    """The rules of one language."""

    def __init__(self, lists: dict[str, tuple[str, ...]]) -> None:
        self._lists = {name: frozenset(found) for name, found in lists.items()}
        counted = (each.split() for each in lists["digits_of"])
        self._digits_of = {word: int(count) for word, count in counted}
        self._waiting = frozenset().union(
            *(self._lists[name] for name in ("conjunctions", "determiners", "waiting"))
        )

    @staticmethod
    @cache
    def of(code: str) -> "PhraseRules":
        """Return those of a language that has a section `end`."""
        lists = section(code, "turns", "end")
        return PhraseRules({name: listed(_apart(text)) for name, text in lists.items()})

    def judge(self, text: str) -> Judgement:
        """Judge by the words, and little else."""
        spoken = words(_apart(text))
        return self._ended(spoken, text[-1]) or self._finished(spoken, text[-1])

    def may_end(self, text: str, _mark: str) -> bool:
        """Whether the last word is one that a sentence may end in, if seldom."""
        spoken = words(_apart(text))
        return spoken[-1].isdecimal() or self._last(spoken, "may_end", "digits", "tens") != ""

    def _ended(self, spoken: list[str], mark: str) -> Judgement | None:
        """What the phrase lacks, if anything; or that its end settles the matter."""
        if known := self._known(spoken):
            return known
        if mark in "?？؟":  # it was heard as a question: any other word may end one
            return Judgement(0.95, "a question mark")
        rules = (self._number, self._relation, self._subject, self._clause)
        return next((found for rule in rules if (found := rule(spoken))), None)

    def _known(self, spoken: list[str]) -> Judgement | None:
        """A phrase that is listed, or that ends as only few do."""
        text = " ".join(spoken)
        begun, ending = self._last(spoken, "open"), self._last(spoken, "endings")
        waiting, filler = _longest(spoken, self._waiting), self._last(spoken, "fillers")
        judged = None
        if text in self._lists["phrases"]:
            judged = Judgement(0.95, "a phrase of its own")
        elif text in self._lists["hanging"]:
            judged = Judgement(0.45, "something may follow")
        elif filler:
            judged = Judgement(0.02, f"a filler, '{filler}'")
        elif begun and (len(begun) > len(ending) or begun == text):
            judged = Judgement(0.1, f"ends in '{begun}'")
        elif ending:
            judged = Judgement(0.85, "a phrase that ends here")
        elif waiting:
            judged = Judgement(0.05, f"ends in '{waiting}'")
        return judged

    def _number(self, spoken: list[str]) -> Judgement | None:
        """My number is five five …."""
        numerals = self._lists["digits"] | self._lists["tens"]
        told = list(takewhile(lambda w: w in numerals or w.isdecimal(), reversed(spoken)))
        digits = sum(len(word) if word.isdecimal() else 1 for word in told)
        before = spoken[: len(spoken) - len(told)]
        needed = max((self._digits_of.get(word, 0) for word in before), default=0)
        if 0 < digits < needed:
            return Judgement(0.1, "a number that goes on")
        return None

    def _relation(self, spoken: list[str]) -> Judgement | None:
        """Ends in of, to, from …, or in "is", where what was begun does not."""
        if last := self._last(spoken, "prepositions"):
            return Judgement(0.1, f"ends in '{last}'")
        if last := self._last(spoken, "particles"):
            command = self._begins(spoken, "commands") and len(spoken) > 2
            return Judgement(0.8, "a command") if command else Judgement(0.4, f"'{last}' is all?")
        if last := self._last(spoken, "auxiliaries"):
            begun = any(self._begins(spoken, each) for each in ("questions", "subordinate"))
            inner = not self._lists["subordinate"].isdisjoint(spoken[1:])
            if not (begun or inner) or len(spoken) < 3:
                return Judgement(0.15, f"ends in '{last}'")
        return None

    def _subject(self, spoken: list[str]) -> Judgement | None:
        """Can you …; and then he …: no verb yet; but not: what are you doing."""
        if not (last := self._last(spoken, "subjects")):
            return None
        before = " ".join(spoken[:-1])
        opened = _longest(spoken[:-1], self._lists["subordinate"] | self._lists["conjunctions"])
        if not before or opened or before in self._lists["auxiliaries"]:
            return Judgement(0.1, f"ends in '{last}'")
        return None

    def _clause(self, spoken: list[str]) -> Judgement | None:
        """If it rains …: a clause that waits for the main one."""
        first = self._begins(spoken, "subordinate")
        asks = first in self._lists["questions"]
        if not first or asks or word_count(" ".join(spoken)) >= _CLAUSE:
            return None
        return Judgement(0.25, f"'{first}' …, then what?")

    def _finished(self, spoken: list[str], mark: str) -> Judgement:
        """How sure it is that a phrase is finished which lacks nothing."""
        count = word_count(" ".join(spoken))
        if closing := self._last(spoken, "closing"):
            return Judgement(0.85, f"ends with '{closing}'" if count > 1 else "a closing word")
        if count > 2 and self._begins(spoken, "questions"):
            return Judgement(0.85, "a question")
        if count > 1 and (mark in "!！" or self._begins(spoken, "commands")):
            return Judgement(0.8, "a command")
        if count > 3:
            return Judgement(0.75, "lacks nothing")
        return Judgement(0.6 if count > 1 else 0.5, "words that could be all")

    def _last(self, spoken: list[str], *names: str) -> str:
        """The longest of the words and phrases of a list that the phrase ends in; none is empty."""
        return _longest(spoken, frozenset().union(*(self._lists[name] for name in names)))

    def _begins(self, spoken: list[str], name: str) -> str:
        """The word of a list that the phrase begins with, after what only opens it."""
        found = self._lists[name]
        if spaceless(spoken[0]):
            return next((w for w in found if w in spoken[0]), "")
        opening = self._lists["hanging"] | self._lists["fillers"] | self._lists["conjunctions"]
        core, opens = spoken, 1
        while opens:
            heads = ((n, " ".join(core[:n])) for n in (4, 3, 2, 1) if n < len(core))
            opens = next((n for n, head in heads if head in opening and head not in found), 0)
            core = core[opens:]
        starts = (" ".join(core[:n]) for n in (3, 2, 1))
        return next((start for start in starts if start in found), "")


def _apart(text: str) -> str:
    """What an apostrophe joins is two words: l'heure."""
    return text.replace("'", " ").replace("’", " ")


def _longest(spoken: list[str], found: Iterable[str]) -> str:
    """The longest of some words and phrases that a phrase ends in; none is empty."""
    text = " ".join(spoken)
    whole = bool(spoken) and spaceless(spoken[-1])
    ends = (
        each
        for each in found
        if (text if whole else f" {text}").endswith(each if whole else f" {each}")
    )
    return max(ends, key=len, default="")
