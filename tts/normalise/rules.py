"""Rules of normalisation: what is written in signs and figures becomes words.

Each rule is a pattern and what it reads; the first that matches at a place has it. A language
brings its own, which come first.
"""

import re
import unicodedata
from collections.abc import Callable, Iterable

from tts.normalise.language import Language
from tts.normalise.numbers import DASH, LETTER, MINUS
from tts.normalise.readers import SPELLED, Place, Read, Readers

_HOSTS = (
    "com|org|net|io|dev|edu|gov|info|app|ai|de|fr|es|it|pt|br|nl|pl|ru|tr|jp|cn|kr|uk|eu|ch|at|be"
)
_ROMAN = re.compile(r"(?=[IVXL])(?:X{0,3}(?:IX|IV|V?I{0,3})|XL(?:IX|IV|V?I{0,3})|L)(?!\w)")
_FIGURE = "[\\d²³¹፩-፱᧚⁰⁴-⁹₀-₉①-⑨⑴-⑼⒈-⒐⓪⓵-⓽⓿❶-❾➀-➈➊-➒𐩀-𐩃𐹠-𐹨𑁒-𑁚🄀-🄊]"
"""All that Python counts among the digits."""
_RUN = re.compile(rf"{LETTER}+|\s+")
_FLAT = re.compile("[\u2e80-\uffef]")
_QUOTES = "\"'“”‘’«»([)],;:!?…"
_DOTTED = re.compile(r"(?:[^\W\d_]\.){2,}$")
_ORDINAL = re.compile(r"\d{1,3}\.")
_YEAR = re.compile(r"\d{4}")
_CODE = r"[\w+/=:.-]"
LONG_CODE = 20
"""Characters from which on a code is not spelled."""


class Rules(Readers):
    """Rules of one language."""

    def __init__(
        self, language: Language, own: Callable[["Rules"], list[tuple[str, Read]]] | None = None
    ) -> None:
        super().__init__(language)
        self._words = {
            *language.abbreviations,
            *(word.rstrip(".") for word in language.before_numbers),
            *language.month_names,
            *(sign.rstrip(".") for sign in language.money if _is_word(sign.rstrip("."))),
        }
        dotted = (
            *language.before_numbers,
            *language.month_names,
            *language.powers,
            *(sign for sign in language.money if sign.endswith(".")),
        )
        self._dotted = {f"{word.rstrip('.')}." for word in (*dotted, *language.units)} | {
            word for word in language.abbreviations if word.endswith(".")
        }
        self._followers = {
            *(
                letter
                for words in (language.units, language.powers, language.money)
                for word in words
                for letter in (word, *_wide(word))
            ),
            *(word.rstrip(".") for word in (*language.powers, *language.money, *language.units)),
            *language.hour_words,
            *language.links,
        }
        rules = [*_SCRIPT, *(own(self) if own else ()), *self._shared()]
        rules = [(pattern.replace(r"\d+", rf"\d{{1,{SPELLED}}}"), read) for pattern, read in rules]
        self._rules = [(re.compile(pattern), read) for pattern, read in rules]
        # One look tells at most places that no rule begins there.
        names = re.compile(r"\(\?P<\w+>")
        self._any = re.compile("|".join(names.sub("(?:", pattern) for pattern, _ in rules))

    def expand(self, text: str, before: str, following: str) -> list[tuple[str, str]]:
        """Pairs of what is written and what is spoken of it, in order.

        `before` is the word before `text`, `following` the character after it.
        """
        pieces: list[tuple[str, str]] = []
        at, last, touched = 0, "", False
        while at < len(text):
            word = (text[:at].split() or [before])[-1]
            written, spoken, changed = self._read(text, at, Place(word, following))
            if not self.language.space and touched and written.isspace():
                spoken = ""  # words stand close together there
            if spoken and last and (changed or touched):  # words that would touch are kept apart
                if _of_a_word(last) and spoken[0].isalnum():
                    spoken = self.language.space + spoken
                elif last.isspace():
                    spoken = spoken.lstrip()
            pieces.append((written, spoken))
            if spoken:
                last, touched = spoken[-1], changed
            at += len(written)
        return pieces

    def inside(self, text: str, place: Place) -> str:
        """The words of a part of a match."""
        return "".join(spoken for _, spoken in self.expand(text, place.before, place.following))

    def knows(self, word: str, token: str) -> bool:
        """Whether a word of letters may be read otherwise; `token` has its punctuation."""
        language = self.language
        return (
            word in self._words
            or token.strip(_QUOTES) in language.abbreviations
            or token.strip(_QUOTES).rstrip(".") in language.abbreviations
            or bool(_ROMAN.fullmatch(word))
            or bool(
                language.roman_marks and re.fullmatch(rf"[IVX]+(?:{language.roman_marks})", word)
            )
        )

    def follows(self, word: str, token: str, region: str) -> bool:
        """Whether a word may belong to the figures before it in the region."""
        street = bool(self.language.streets) and region.strip().isdecimal() and word.istitle()
        return street or word in self._followers or self.knows(word, token)

    def dotted(self, token: str) -> bool:
        """Whether the full stop at a token's end belongs to it."""
        bare = token.strip(_QUOTES)
        ordinal = self.language.dotted_ordinal is not None and _ORDINAL.fullmatch(bare)
        return bool(_DOTTED.search(bare) or ordinal) or bare in self._dotted

    def dated(self, region: str) -> bool:
        """Whether a comma at its end may stand before a year."""
        return not _YEAR.search(region) and any(
            word.rstrip(".,") in self.language.month_names for word in region.split()
        )

    def is_code(self, text: str) -> bool:
        """Whether the beginning of a long token is that of a code, which is named and not read."""
        whole = re.fullmatch(rf"{_CODE}*", text)
        return whole is not None and self.code(whole, Place("", "")) is not None

    def code_end(self, text: str, at: int, most: int) -> int:
        """Where the code that begins at `at` ends, at `most`."""
        code = re.compile(rf"{_CODE}*").match(text, at, most)
        return code.end() if code else at

    def _read(self, text: str, at: int, place: Place) -> tuple[str, str, bool]:
        """What is written at a place, what is spoken of it, and whether a rule says so."""
        for pattern, read in self._rules if self._any.match(text, at) else ():
            match = pattern.match(text, at)
            if match and match[0] and (spoken := read(match, place)) is not None:
                return match[0], spoken, True
        run = None if _FLAT.match(text, at) else _RUN.match(text, at)
        written = run[0] if run else text[at]
        return written, written, False

    def _shared(self) -> list[tuple[str, Read]]:
        number, language = self.numbers.pattern, self.language
        units = _alternatives(language.units)
        value = rf"(?:(?<![\w)])[{MINUS}])?{number}"
        values = rf"(?P<value>{value})(?:{DASH}(?P<until>{number}))?"
        power = _alternatives(language.powers)
        long = _alternatives(word for word in language.powers if len(word) > 2)
        money = _alternatives(language.money)
        months = _alternatives(language.month_names)
        year = r"(?:,?\s(?:de\s|del\s|do\s)?(?P<year>\d{4})(?!\d))?"
        day = rf"(?P<day>\d{{1,2}})(?:{language.ordinal_marks}|\.)?"
        clock = r"(?P<hour>[01]?\d|2[0-4])[:.hH](?P<minute>[0-5]\d)(?::(?P<second>[0-5]\d))?"
        hours = "".join(rf"(?:\s?{word}(?!\w))?" for word in language.hour_words)
        unit = rf"(?P<unit>{units})(?:/(?P<per>{units}))?(?![\w²³])"
        sign = rf"(?P<money>{money})"
        each = rf"(?P<each>/(?={LETTER}))?"
        after = rf"(?:\s?(?P<power>{power})(?!\w))?" if power else "(?P<power>(?!))?"
        return [
            (rf"(?<!\S){_CODE}{{{LONG_CODE},}}", self.code),
            (rf"\d{{{SPELLED + 1},}}", self.code),
            (r"[\w.+-]+@[\w-]+(?:\.[\w-]+)+", self.address),
            (rf"(?<![\w@.])(?:[\w-]+\.)+(?:{_HOSTS})(?:/\S*\w)?(?!\w|\.\w)", self.address),
            (r"\d{1,3}(?:\.\d{1,3}){3}(?!\.?\d)", self.octets),
            (r"(?P<year>\d{4})-(?P<month>\d\d)-(?P<day>\d\d)(?!\d)T?", self.date),
            (r"(?P<year>\d{4})/(?P<month>\d\d?)/(?P<day>\d\d?)(?![\d/])", self.date),
            (r"(?P<day>\d\d?)[./-](?P<month>\d\d?)[./-](?P<year>\d{4})(?!\d)", self.date),
            (rf"{day}\s(?:de\s|of\s)?(?P<name>{months})\b{year}", self.date),
            (rf"(?P<name>{months})\b\.?\s{day}(?!\w){year}", self.date),
            (rf"(?P<name>{months})\b\.?,?\s(?P<year>\d{{4}})(?!\w)", self.month),
            (rf"(?<![\w.,:]){clock}(?![\w:]){hours}", self.time),
            (r"\+\d{1,3}(?:[\s./-]?\(?\d{1,5}\)?){2,6}(?!\d)", self.phone),
            (r"(?:1[-.\s])?\(?\d{3}\)?[-.\s]\d{3}[-.\s]\d{4}(?!\d)", self.phone),
            (r"0\d{1,4}[-/\s]\d{2,}(?:[-\s]\d{2,})*(?!\d)", self.phone),
            (
                r"\d{3}-\d{4}(?!\d)|\d{3}-\d\d-\d{4}(?!\d)|\d{4}(?:\s\d{4}){2,4}(?!\d)|\d+(?:-\d+){3,}",
                self.phone,
            ),
            (
                r"(?<!\w)[vV](?P<numbers>\d+(?:\.\d+)*)\b|(?P<plain>\d+(?:\.\d+){2,})",
                self.version,
            ),
            (
                rf"(?:(?<![\w)€$£%])(?P<minus>[{MINUS}]))?{sign}\s?{values}{after}{each}",
                self.money,
            ),
            (rf"{values}{after}\s?{sign}(?!\w){each}", self.money),
            (rf"{values}\s?{unit}", self.units),
            (rf"(?P<value>{number})-(?P<adjective>{units})(?!\w)", self.units),
            (rf"(?P<value>\d+)(?:{language.ordinal_marks})(?!\w)", self.ordinal),
            (r"(?P<value>\d{1,3})\.(?=\s|$)", self.dotted_ordinal),
            (r"(?P<whole>\d+)?\s?(?P<sign>[½⅓⅔¼¾⅕⅖⅗⅘⅙⅛⅜⅝⅞])", self.fraction),
            (r"(?:(?P<whole>\d+)\s)?(?P<over>\d{1,3})/(?P<under>\d{1,3})(?![\w/])", self.fraction),
            (rf"(?P<value>{value})[eE](?P<exponent>[-+−]?\d+)(?!\w)", self.scientific),
            (
                rf"(?P<base>(?:{LETTER}|\d)+)(?P<exponent>[⁻]?[⁰¹²³⁴⁵⁶⁷⁸⁹]{{1,20}})(?!\w)",
                self.power,
            ),
            (
                rf"(?P<base>(?:{LETTER}|\d)+|(?<=\)))\^\{{?(?P<exponent>[-−]?(?:\d+|{LETTER}))\}}?(?!\w)",
                self.power,
            ),
            (rf"(?P<sign>[~≈±<>≤≥]\s?)(?={number})", self.sign),
            (rf"(?<=[\d%€$£¥°]){DASH}(?=[$€£¥]?\d)|(?<=\w)[-–](?=\d)", self.range),
            (r"(?<=\d)\s/\s(?=\d)", lambda *_: language.signs["÷"]),
            (r"(?<!\w)(?P<letter>[a-z])[-−](?P<number>\d+)(?!\w)", self.letter_minus),
            (rf"(?<![\w)])[{MINUS}](?=\.?\d)", self.minus),
            (
                rf"(?P<value>{number})(?:(?P<power>{power})|\s(?P<long>{long}))(?!\w)",
                self.magnitude,
            )
            if power
            else _NOTHING,
            (rf"{number}(?![^\W_])", self.number),
            (r"(?P<value>\d+)x(?!\w)|(?P<left>\d+)\s?[x×]\s?(?=\d)", self.times),
            (rf"(?<!\w){LETTER}*(?:[-–]?[\d₀-₉]+{LETTER}*)+", self.mixture),
            (_ROMAN.pattern, self.roman),
            (rf"(?<!\w)(?P<roman>[IVX]+)(?P<mark>{language.roman_marks})(?!\w)", self.roman_ordinal)
            if language.roman_marks
            else _NOTHING,
            *self._abbreviations(),
            (r"(?P<sign>\s?[-−]\s(?=\S+\s?=)|[+=<>≤≥≠≈±×÷·√→∞&@%‰§#^°*/_~|`\\{}])", self.sign),
            (_FIGURE, self.figure),
        ]

    def _abbreviations(self) -> list[tuple[str, Read]]:
        language = self.language
        known, numbered = language.abbreviations, language.before_numbers
        rules: list[tuple[str, Read]] = []
        if numbered:
            pattern = rf"(?<![^\W_])(?:{_alternatives(numbered)})\s?(?=\d)"
            rules.append((pattern, lambda match, _: numbered[match[0].strip()] + language.space))
        if known:
            pattern = rf"(?<![^\W_])(?:{_alternatives(known)})(?![^\W_])"
            rules.append((pattern, lambda match, _: known[match[0]]))
        return rules


def _as_it_is(match: re.Match[str], _: Place) -> str:
    return match[0]


_NOTHING: tuple[str, Read] = ("(?!)", _as_it_is)
_SCRIPT: list[tuple[str, Read]] = [(r"<break\b[^<>]*>|\[S\d\]", _as_it_is)]
"""What engines understand that read a script."""


def _of_a_word(char: str) -> bool:
    """Whether a word may end with a character: a letter, a figure, a vowel sign of Hindi."""
    return char.isalnum() or unicodedata.category(char) in ("Mc", "Mn")


def _is_word(sign: str) -> bool:
    """Whether a currency's sign is written in letters: EUR, Rs."""
    return len(sign) > 1 and sign.isalpha() and (sign.isupper() or sign.istitle())


def _wide(word: str) -> list[str]:
    """The characters of a word of a script without spaces."""
    return [char for char in word if char >= "\u2e80"]


def _alternatives(words: Iterable[str]) -> str:
    """A pattern of any of the words, the longest first."""
    return "|".join(map(re.escape, sorted(words, key=len, reverse=True))) or "(?!)"
