"""Do the words sound finished? What is known of a turn's end without listening to its melody.

Without a model: rules which read a phrase from its end, with the words of its language
(`configs/languages`), and a grammar of English. They need no punctuation, for there are recognisers
that write none. That of a recogniser which does is evidence besides, in every language: what it
writes at the end tells what it heard there. Where a language has no words here, that is all.
"""

from collections.abc import Callable
from dataclasses import dataclass

from agent.languages import code_of, section, words
from agent.turns.certainty import log_odds, probability
from agent.turns.judgement import Judgement

_OPEN_MARKS = ("...", "…", "-", "–", "—", ",", ":", ";", "、", "，")
_CLOSING_MARKS = tuple(".!?。！？।۔؟")

# How much likelier a recogniser writes it after a whole sentence than where one breaks off, as a
# logarithm: counted with Whisper base on what `bench.turn_end` calls tuned's clips.
_CLOSED, _NO_MARK = 1.2, -2.0
_ANSWER = 4
"""Words of a phrase that may be an answer: after those without a verb it often writes no mark."""
_MAY_END = 0.72
"""Certainty of a phrase whose last word seldom ends one, but was heard to."""
_LISTED = 0.45
"""Certainty that a list is over of which more should come: it waits for 0.8 s."""


@dataclass(frozen=True, slots=True)
class _Rules:
    """What is known of phrases in a language."""

    judge: Callable[[str], Judgement]
    may_end: Callable[[str, str], bool]
    """Whether a sentence may end in the last word of a text, if seldom, before a mark."""
    goes_on: Callable[[str], bool] = lambda _: False
    """Whether it is a list of which more will come."""


def judge(text: str, *, punctuated: bool = False, language: str | None = None) -> Judgement:
    """Judge whether `text`, as a recogniser wrote it, is finished.

    `punctuated`: the recogniser punctuates, so that its marks, and their lack, are evidence.
    `language`: a code such as en, where it tells; else the words do, if they are English.
    """
    text = text.strip()
    rules = _rules(text, language)
    ruled = _marked(text, rules) if punctuated else _by_rules(text, rules)
    if ruled.certainty > _LISTED and rules is not None and rules.goes_on(text):
        return Judgement(_LISTED, "a list that goes on", alone=True)
    return ruled


def _marked(text: str, rules: _Rules | None) -> Judgement:
    """What the words say, and the marks of a recogniser that punctuates."""
    closed = text.endswith(_CLOSING_MARKS) and not text.endswith(_OPEN_MARKS)
    ruled = _by_rules(text[:-1] if closed else text, rules)
    if ruled.why == "no words" or ruled.why.startswith("ends with"):
        return ruled
    return _by_mark(ruled, text, rules, closed=closed)


def _by_mark(ruled: Judgement, text: str, rules: _Rules | None, *, closed: bool) -> Judgement:
    """What the rules say of the words, and what the recogniser's last mark says, together."""
    weak = ruled.why.startswith(("ends in", "a number")) and ruled.certainty < 0.5
    if closed and weak and rules is not None and rules.may_end(text, text[-1]):
        return Judgement(_MAY_END, f"{ruled.why}, but '{text[-1]}'")
    count = len(words(text))
    if not closed and (text.lower() == text.upper() or _answers(ruled, count)):
        return ruled  # in such a script, or after such a phrase, it is often left out
    no_mark = _NO_MARK / 2 if count <= _ANSWER else _NO_MARK
    odds = log_odds(ruled.certainty) + (_CLOSED if closed else no_mark)
    mark = f"'{text[-1]}'" if closed else "no full stop"
    return Judgement(probability(odds), f"{ruled.why}, {mark}")


def _answers(ruled: Judgement, count: int) -> bool:
    """Whether so many words may be an answer without a verb: two tickets; left."""
    alone = ("a phrase of its own", "a phrase that ends here", "a command")
    fragment = ruled.why in ("words that could be all", "no rule for it")
    return ruled.why in alone or (fragment and count <= _ANSWER)


def _by_rules(text: str, rules: _Rules | None) -> Judgement:
    """What the words say, and little else."""
    if not words(text):
        return Judgement(0.5, "no words")
    text = text.strip()
    if text.endswith(_OPEN_MARKS):
        return Judgement(0.1, f"ends with '{text[-1]}'")
    if rules is not None:
        return rules.judge(text)
    return Judgement(0.9, "asks") if text[-1] in "?？؟" else Judgement(0.5, "no rule for it")


def _rules(text: str, language: str | None) -> _Rules | None:
    """The rules of the language that was heard; None where there are none."""
    code = code_of(language)
    if language is None or code == "en":
        from agent.turns import english_enumeration as enumeration
        from agent.turns import english_rules as english

        if code == "en" or english.is_english(text):
            return _Rules(english.judge_phrase, english.may_end, enumeration.goes_on)
        return None
    if code is None or not section(code, "turns", "end"):
        return None
    from agent.turns.phrase_rules import PhraseRules

    found = PhraseRules.of(code)
    return _Rules(found.judge, found.may_end)
