"""What the user answers to "shall I?": yes, no, something else, or nobody can be sure. Pure logic.

An answer is a yes if it consists of phrases that say so, of polite ones, and after those of the
question's end, word for word. A single word more and it is none; and where several things were
asked about, naming some of them is none either.
"""

import re
import unicodedata
from dataclasses import dataclass
from enum import Enum, auto
from functools import cache

from agent.languages import code_of, data

_MOST_WORDS = 30  # of a plain yes
_LISTS = re.compile("[,;、，；]")
_SPACELESS = r"\u3040-\u30ff\u4e00-\u9fff"  # kana, and Han characters
_VOWELS = r"\u0900-\u0903\u093a-\u094f\u0951-\u0957\u0962\u0963"  # of Devanagari, after a letter
ANYWHERE = ("en", "de", "fr", "es", "it", "pt", "nl", "pl", "ru", "tr", "ja", "zh", "ko", "hi")
"""Those that are understood where the session's language is not known."""


class Answer(Enum):
    """What was said to a question."""

    YES = auto()
    NO = auto()
    UNSURE = auto()
    """A yes that may be none, or nothing that anybody could decide upon."""
    OTHER = auto()
    """A question back, a condition, another topic: for the model to understand."""


def understand(
    said: str, asked: str, language: str | None = None, heard: str | None = None
) -> Answer:
    """Understand what a user, who was asked `asked`, has `said`.

    `language` is the session's, such as en or de-AT; where it is not known, `heard` is the one that
    was recognised in these words: a yes has to be all in that, or else all in any one language, and
    a no in any of them is heard.
    """
    known, recognised = _known(language), _known(heard)
    spoken = [_language(each) for each in ([known] if known else ANYWHERE)]
    words, questioned = _words(said), re.search(r"[?？؟]\s*$", said) is not None
    agree = [_language(recognised)] if recognised and not known else spoken
    if agreeing := [each for each in agree if each.agrees(words, asked)]:
        sure = not questioned and not all(each.mocking.search(words) for each in agreeing)
        return Answer.YES if sure else Answer.UNSURE
    unsure = any(each.unsure.search(words) for each in spoken)
    for each in spoken:
        words = each.unsure.sub("", words)
    if any(each.no.search(words) for each in spoken):
        return Answer.NO
    if questioned or any(each.asks.search(words) for each in spoken):
        return Answer.OTHER
    unsure = unsure or any(each.yes.search(words) for each in spoken)
    return Answer.UNSURE if unsure else Answer.OTHER


@dataclass(frozen=True, slots=True)
class _Language:
    """The phrases of a language, as patterns of whole words."""

    yes: re.Pattern[str]
    mocking: re.Pattern[str]  # a yes that nobody means, or one said twice
    plain: re.Pattern[str]  # yes, and whatever is polite
    no: re.Pattern[str]
    unsure: re.Pattern[str]
    asks: re.Pattern[str]  # a question, a condition
    joins: re.Pattern[str]  # several things that are asked about

    def agrees(self, said: str, asked: str) -> bool:
        """Whether `said` is nothing but a yes to `asked`."""
        few = said.count(" ") < _MOST_WORDS
        agreed = (self.plain.fullmatch(said) or self.plain.match(said)) if few else None
        if agreed is None or not self.yes.search(agreed[0]):
            return False
        echo = said[agreed.end() :].strip()
        if not echo:
            return True
        question = _words(asked)
        if _LISTS.search(asked) or self.joins.search(question):
            return False
        doubt = any(pattern.search(echo) for pattern in (self.no, self.unsure, self.asks))
        return f" {question}".endswith(f" {echo}") and not doubt


def _known(language: str | None) -> str | None:
    """The code of a language whose answers are known."""
    code = code_of(language)
    return code if code and data(code, "answers") else None


@cache
def _language(code: str) -> _Language:
    phrases = data(code, "answers")
    yes, polite, no, unsure, asks = (
        _any(phrases[key]) for key in ("agrees", "polite", "refuses", "unsure", "asks")
    )
    plain = re.compile(rf"(?:(?:{yes}|{polite})(?: |$))+")
    mocking = [each for each in phrases["unsure"].split(",") if plain.fullmatch(_words(each))]
    return _Language(
        yes=_whole(yes),
        mocking=_whole(rf"(?:({yes}) \1|{_any(','.join(mocking))})"),
        plain=plain,
        no=_whole(no),
        unsure=_whole(unsure),
        asks=_whole(asks),
        joins=_whole(_any(f"{data('en', 'answers')['and']},{phrases['and']}")),
    )


def _any(phrases: str) -> str:
    """A pattern of any of `phrases`, the longest first."""
    alternatives = sorted(map(_words, phrases.split(",")), key=len, reverse=True)
    return f"(?:{'|'.join(filter(None, alternatives)) or '(?!)'})"


def _whole(pattern: str) -> re.Pattern[str]:
    return re.compile(rf"(?<!\S){pattern}(?!\S)")


def _words(text: str) -> str:
    """The words of `text` alone, a space between them; letters where spaces are not written."""
    text = unicodedata.normalize("NFKC", text).casefold()
    return " ".join(re.findall(rf"[{_SPACELESS}]|(?:[^\W{_SPACELESS}][{_VOWELS}]*)+", text))
