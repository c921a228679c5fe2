"""Rules of normalisation: what is written in signs and figures becomes words.

Each rule is a pattern and what it reads; the first that matches at a place has it. A language
brings its own, which come first.
"""

import re
import unicodedata
from collections.abc import Callable, Iterable
from dataclasses import dataclass

from tts.normalise.language import Language, Noun
from tts.normalise.numbers import DASH, LETTER, MINUS, Numbers

Read = Callable[[re.Match[str], "Place"], str | None]
"""Reads a match; None leaves it to the rules that follow."""

_SUBSCRIPTS = str.maketrans("₀₁₂₃₄₅₆₇₈₉", "0123456789")
_SUPERSCRIPTS = str.maketrans("⁰¹²³⁴⁵⁶⁷⁸⁹⁻", "0123456789-")
_HOSTS = (
    "com|org|net|io|dev|edu|gov|info|app|ai|de|fr|es|it|pt|br|nl|pl|ru|tr|jp|cn|kr|uk|eu|ch|at|be"
)
_ROMAN = re.compile(r"(?=[IVXL])(?:X{0,3}(?:IX|IV|V?I{0,3})|XL(?:IX|IV|V?I{0,3})|L)(?!\w)")
_RUN = re.compile(rf"{LETTER}+|\s+")
_FLAT = re.compile("[\u2e80-\uffef]")
_QUOTES = "\"'“”‘’«»([)],;:!?…"
_DOTTED = re.compile(r"(?:[^\W\d_]\.){2,}$")
LONG_CODE = 20
"""Characters from which on a code is not spelled."""


@dataclass(frozen=True, slots=True)
class Place:
    """Where a match stands: the word before it, and the character after all of the region."""

    before: str
    following: str


class Rules:
    """Rules of one language."""

    def __init__(
        self, language: Language, own: Callable[["Rules"], list[tuple[str, Read]]] | None = None
    ) -> None:
        self.language = language
        self.numbers = Numbers(language)
        self.number = self.numbers.pattern
        self.units = _alternatives(language.units)
        self._words = {
            *language.abbreviations,
            *(word.rstrip(".") for word in language.before_numbers),
            *language.month_names,
        }
        self._dotted = {word for word in language.abbreviations if word.endswith(".")} | {
            f"{word.rstrip('.')}." for word in (*language.before_numbers, *language.month_names)
        }
        self._followers = {
            *(letter for words in (language.units, language.powers, language.money)
              for word in words for letter in (word, *_wide(word))),
            *language.hour_words,
            *language.links,
        }
        rules = [*_SCRIPT, *(own(self) if own else ()), *self._shared()]
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
            if spoken and last and (changed or touched):  # words that would touch are kept apart
                if last.isalnum() and spoken[0].isalnum():
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
        )

    def follows(self, word: str, token: str) -> bool:
        """Whether a word may belong to the figures before it."""
        return word in self._followers or self.knows(word, token)

    def dotted(self, token: str) -> bool:
        """Whether the full stop at a token's end belongs to it."""
        bare = token.strip(_QUOTES)
        return bool(_DOTTED.search(bare)) or bare in self._dotted

    def dated(self, region: str) -> bool:
        """Whether a comma in it may stand before a year."""
        return any(word.rstrip(".,") in self.language.month_names for word in region.split())

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
        number, units, language = self.number, self.units, self.language
        value = rf"(?:(?<![\w)])[{MINUS}])?{number}"
        values = rf"(?P<value>{value})(?:{DASH}(?P<until>{number}))?"
        power = _alternatives(language.powers)
        money = _alternatives(language.money)
        months = _alternatives(language.month_names)
        year = r"(?:,?\s(?:de\s|del\s|do\s)?(?P<year>\d{4})(?!\d))?"
        day = rf"(?P<day>\d{{1,2}})(?:{language.ordinal_marks}|\.)?"
        clock = r"(?P<hour>[01]?\d|2[0-4])[:.hH](?P<minute>[0-5]\d)(?::(?P<second>[0-5]\d))?"
        hours = "".join(rf"(?:\s?{word}\b)?" for word in language.hour_words)
        unit = rf"(?P<unit>{units})(?:/(?P<per>{units}))?(?![\w²³])"
        sign = rf"(?P<money>{money})"
        after = rf"(?:\s?(?P<power>{power})(?!\w))?" if power else "(?P<power>(?!))?"
        return [
            (rf"(?<!\S)[\w+/=:.-]{{{LONG_CODE},}}", self._code),
            (r"[\w.+-]+@[\w-]+(?:\.[\w-]+)+", self._address),
            (rf"(?<![\w@.])(?:[\w-]+\.)+(?:{_HOSTS})(?:/\S*\w)?(?![\w.])", self._address),
            (r"\d{1,3}(?:\.\d{1,3}){3}(?!\.?\d)", self._octets),
            (r"(?P<year>\d{4})-(?P<month>\d\d)-(?P<day>\d\d)(?!\d)T?", self._date),
            (r"(?P<day>\d\d?)[./-](?P<month>\d\d?)[./-](?P<year>\d{4})(?!\d)", self._date),
            (rf"{day}\s(?:de\s|of\s)?(?P<name>{months})\b{year}", self._date),
            (rf"(?P<name>{months})\b\.?\s{day}(?!\w){year}", self._date),
            (rf"(?P<name>{months})\b\.?,?\s(?P<year>\d{{4}})(?!\w)", self._month),
            (rf"(?<![\w.,:]){clock}(?![\w:]){hours}", self._time),
            (r"\+\d{1,3}(?:[\s./-]?\(?\d{1,5}\)?){2,6}(?!\d)", self._phone),
            (r"(?:1[-.\s])?\(?\d{3}\)?[-.\s]\d{3}[-.\s]\d{4}(?!\d)", self._phone),
            (r"0\d{1,4}[-/\s]\d{2,}(?:[-\s]\d{2,})*(?!\d)", self._phone),
            (r"\d{3}-\d{4}(?!\d)|\d{4}(?:\s\d{4}){2,4}(?!\d)|\d+(?:-\d+){3,}", self._phone),
            (rf"(?<!\w)[vV](?P<numbers>\d+(?:\.\d+)*)\b|(?P<plain>\d+(?:\.\d+){{2,}})", self._version),
            (rf"(?P<minus>[{MINUS}])?{sign}\s?{values}{after}", self._money),
            (rf"{values}{after}\s?{sign}(?!\w)", self._money),
            (rf"{values}\s?{unit}", self._units),
            (rf"(?P<value>{number})-(?P<adjective>{units})(?!\w)", self._units),
            (rf"(?P<value>\d+)(?:{language.ordinal_marks})(?!\w)", self._ordinal),
            (rf"(?P<whole>\d+)?\s?(?P<sign>[½⅓⅔¼¾⅕⅖⅗⅘⅙⅛⅜⅝⅞])", self._fraction),
            (r"(?:(?P<whole>\d+)\s)?(?P<over>\d{1,3})/(?P<under>\d{1,3})(?![\w/])", self._fraction),
            (rf"(?P<value>{value})[eE](?P<exponent>[-+−]?\d+)(?!\w)", self._scientific),
            (r"(?P<base>\w+?)(?P<exponent>[⁻]?[⁰¹²³⁴⁵⁶⁷⁸⁹]+)(?!\w)", self._power),
            (r"(?P<base>\w+|(?<=\)))\^\{?(?P<exponent>[-−]?\w+)\}?", self._power),
            (rf"(?P<sign>[~≈±<>≤≥]\s?)(?={number})", self._sign),
            (rf"(?<=\d){DASH}(?=\d)", self._range),
            (rf"(?<![\w)])[{MINUS}](?=\.?\d)", self._minus),
            (rf"{number}(?![^\W_])", self._number),
            (rf"(?P<value>\d+)(?P<power>{power})(?!\w)" if power else "(?!)", self._magnitude),
            (rf"(?P<value>\d+)x(?!\w)|(?P<left>\d+)\s?[x×]\s?(?=\d)", self._times),
            (rf"(?<!\w){LETTER}*(?:[-–]?[\d₀-₉]+{LETTER}*)+", self._mixture),
            (_ROMAN.pattern, self._roman),
            *self._abbreviations(),
            (r"(?P<sign>\s?[-−]\s(?=\S+\s?=)|[+=<>≤≥≠≈±×÷·√→∞&@%‰§#^°*/_~|`\\{}])", self._sign),
            (r"\d", self._figure),
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

    # What follows reads one kind each.

    def _code(self, match: re.Match[str], _: Place) -> str | None:
        text = match[0].rstrip(".:-")
        digits = sum(map(str.isdecimal, text))
        dashed = re.fullmatch(r"[\d:.T+-]+Z?", text)
        if digits < 3 or dashed or not any(map(str.isalpha, text)):
            return self.language.digits(text) if text.isdecimal() else None
        spoken = self.language.cardinal(len(text))
        return self.language.code_of.format(spoken) + match[0][len(text) :]

    def _address(self, match: re.Match[str], _: Place) -> str:
        parts = re.findall(r"[^\W\d_]+|\d+|[@./_+-]", match[0])
        return self.language.join(*map(self._address_part, parts))

    def _address_part(self, part: str) -> str:
        if part.isdecimal():
            return self.numbers.say(part)
        return self.language.signs["." if part == "." else part] if len(part) == 1 and not (
            part.isalpha()
        ) else part

    def _octets(self, match: re.Match[str], _: Place) -> str:
        dot = f" {self.language.signs['.']} " if self.language.space else self.language.signs["."]
        return dot.join(self.language.digits(part) for part in match[0].split("."))

    def _year(self, text: str | None) -> str:
        if not text:
            return ""
        return (self.language.year or self.language.cardinal)(int(text))

    def _date(self, match: re.Match[str], place: Place) -> str | None:
        found = match.groupdict()
        day, year = int(found["day"]), found.get("year")
        if name := found.get("name"):
            month = self.language.month_names[name]
        else:
            month = int(found["month"])
            turned = self.language.month_first and not match[0].startswith(year or "?")
            if turned and "." not in match[0]:
                day, month = month, day
            if month > 12 >= day:
                day, month = month, day
        if not (1 <= month <= 12 and 1 <= day <= 31):
            return None
        date = self.language.date(day, month, self._year(year), place.before)
        return date + " " if match[0].endswith("T") else date

    def _month(self, match: re.Match[str], _: Place) -> str:
        month = self.language.months[self.language.month_names[match["name"]] - 1]
        return self.language.join(month, self._year(match["year"]))

    def _time(self, match: re.Match[str], _: Place) -> str | None:
        if "." in match[0] and not re.search(r"[^\W\d]", match[0]):
            return None  # 10.30 may be anything
        time = self.language.time(int(match["hour"]), int(match["minute"]))
        second = match["second"]
        return self.language.seconds(time, int(second)) if second else time

    def _phone(self, match: re.Match[str], _: Place) -> str:
        plus = self.language.signs["+"] if match[0].startswith("+") else ""
        return self.language.join(plus, self.language.digits(match[0]))

    def _version(self, match: re.Match[str], place: Place) -> str:
        language = self.language
        text = match["numbers"] or match["plain"]
        named = not match["numbers"] or place.before.lower().startswith(language.version[:4].lower())
        parts = (self.numbers.say(part) for part in text.split("."))
        point = language.signs.get("version", language.signs["."])
        numbers = (f" {point} " if language.space else point).join(parts)
        return numbers if named else language.join(language.version, numbers)

    def _money(self, match: re.Match[str], _: Place) -> str:
        language = self.language
        major, minor = language.money[match["money"]]
        found = match.groupdict()
        value, until, power = match["value"], match["until"], found.get("power")
        minus = language.signs["-"] if found.get("minus") else ""
        if until:
            last = self._amount(until, power, major)
            return language.join(minus, self._bare(value, until), language.signs["–"], last)
        negative, whole, decimals = self.numbers.parse(value)
        minus = minus or (language.signs["-"] if negative else "")
        if power or len(decimals) != 2 or language.change is None:
            return language.join(minus, self._amount(value.lstrip(MINUS), power, major))
        units, cents = int(whole), int(decimals)
        many = language.count(units, major)
        few = language.count(cents, minor)
        if not cents:
            return language.join(minus, many)
        if not units:
            return language.join(minus, few)
        return language.join(minus, language.change(many, cents, language.cardinal(cents), few))

    def _bare(self, value: str, until: str) -> str:  # noqa: ARG002
        return self.numbers.say(value)

    def _amount(self, value: str, power: str | None, of: Noun) -> str:
        """So many (thousands, millions) of a noun."""
        language = self.language
        if not power:
            return self.numbers.quantity(value, of)
        thousands = language.powers[power]
        _, whole, decimals = self.numbers.parse(value)
        if decimals == "5" and language.half:
            many = language.half.format(language.cardinal(int(whole)))
            spoken = language.join(many, thousands.form(0))
        else:
            spoken = self.numbers.quantity(value, thousands)
        return language.join(spoken, language.of(of.form(2)) if of.forms[0] else "")

    def _units(self, match: re.Match[str], _: Place) -> str:
        language, found = self.language, match.groupdict()
        if adjective := found.get("adjective"):
            return language.join(self.numbers.say(match["value"]), language.units[adjective].form(0))
        of = language.units[match["unit"]]
        spoken = self.numbers.quantity(match["until"] or match["value"], of)
        if match["until"]:
            spoken = language.join(self.numbers.say(match["value"]), language.signs["–"], spoken)
        if match["per"]:
            spoken = language.join(spoken, language.signs["per"], language.units[match["per"]].form(0))
        return spoken

    def _ordinal(self, match: re.Match[str], _: Place) -> str:
        number = int(match["value"])
        return self.language.ordinal(number, match[0][len(match["value"]) :])

    def _fraction(self, match: re.Match[str], _: Place) -> str | None:
        found = match.groupdict()
        whole = found["whole"]
        if sign := found.get("sign"):
            over, under = map(int, unicodedata.normalize("NFKC", sign).split("⁄"))
        else:
            over, under = int(match["over"]), int(match["under"])
        if not under:
            return None
        fraction = self.language.fraction(over, under)
        if not whole:
            return fraction
        return self.language.mixed(self.language.cardinal(int(whole)), fraction)

    def _scientific(self, match: re.Match[str], _: Place) -> str:
        language = self.language
        ten = language.power(language.cardinal(10), int(match["exponent"].replace("−", "-")))
        return language.join(self.numbers.say(match["value"]), language.signs["×"], ten)

    def _power(self, match: re.Match[str], _: Place) -> str:
        language = self.language
        base = match["base"]
        spoken = self.numbers.say(base) if base.isdecimal() else " ".join(base)
        if any(map(str.isdecimal, base)) and not base.isdecimal():
            spoken = language.join(*map(self._mixed_part, re.findall(r"\d+|\D", base)))
        exponent = match["exponent"].translate(_SUPERSCRIPTS).replace("−", "-")
        if exponent.lstrip("-").isdecimal():
            return language.power(spoken, int(exponent))
        return language.join(spoken, language.signs["^"], " ".join(exponent))

    def _sign(self, match: re.Match[str], _: Place) -> str:
        sign = match["sign"].strip()
        return self.language.signs.get("-" if sign == "−" else sign, " ")

    def _range(self, match: re.Match[str], _: Place) -> str:
        spaced = len(match[0]) == 3 and match[0][1] in "-−"
        return self.language.signs["-" if spaced else "–"]

    def _minus(self, _match: re.Match[str], _: Place) -> str:
        return self.language.signs["-"]

    def _number(self, match: re.Match[str], place: Place) -> str:  # noqa: ARG002
        return self.numbers.say(match[0])

    def _magnitude(self, match: re.Match[str], _: Place) -> str:
        return self._amount(match["value"], match["power"], Noun(("",)))

    def _times(self, match: re.Match[str], _: Place) -> str:
        number = self.numbers.say(match["value"] or match["left"])
        return self.language.join(number, self.language.signs["times" if match["value"] else "×"])

    def _mixture(self, match: re.Match[str], _: Place) -> str:
        """Letters and figures: CO₂, GPT-4, B2B."""
        text = match[0].translate(_SUBSCRIPTS)
        parts = re.findall(r"\d+|[^\W\d_]+", text)
        return self.language.join(*map(self._mixed_part, parts))

    def _mixed_part(self, part: str) -> str:
        if part.isdecimal():
            return self.numbers.say(part) if len(part) <= 3 else self.language.digits(part)
        return " ".join(part) if len(part) <= 2 and part.isascii() else part

    def _roman(self, match: re.Match[str], place: Place) -> str | None:
        value, last = 0, 0
        for letter in reversed(match[0]):
            size = {"I": 1, "V": 5, "X": 10, "L": 50}[letter]
            value, last = value + (size if size >= last else -size), max(size, last)
        return self.language.regnal(place.before, value)

    def _figure(self, match: re.Match[str], _: Place) -> str:
        return self.language.cardinal(int(match[0]))


def _as_it_is(match: re.Match[str], _: Place) -> str:
    return match[0]


_SCRIPT: list[tuple[str, Read]] = [(r"<break\b[^<>]*>|\[S\d\]", _as_it_is)]
"""What engines understand that read a script."""


def _wide(word: str) -> list[str]:
    """The characters of a word of a script without spaces."""
    return [char for char in word if char >= "\u2e80"]


def _alternatives(words: Iterable[str]) -> str:
    """A pattern of any of the words, the longest first."""
    return "|".join(map(re.escape, sorted(words, key=len, reverse=True)))
