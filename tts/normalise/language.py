"""What a language has to say about numbers: words, nouns and their forms, customs."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True)
class Noun:
    """A noun that is counted: its forms, as `Language.plural` numbers them, and its gender."""

    forms: tuple[str, ...]
    gender: str = ""

    def form(self, index: int) -> str:
        """The form, or the last one there is."""
        return self.forms[min(index, len(self.forms) - 1)]


def noun(text: str) -> Noun:
    """Read "f:hora|horas": an optional gender, and the forms."""
    gender, colon, forms = text.rpartition(":")
    return Noun(tuple(forms.split("|")), gender if colon else "m")


def nouns(texts: Mapping[str, str]) -> dict[str, Noun]:
    """Read nouns by their symbols; several symbols may share one, with spaces between them."""
    return {symbol: noun(text) for symbols, text in texts.items() for symbol in symbols.split()}


def words(texts: Mapping[str, str]) -> dict[str, str]:
    """The same for words."""
    return {symbol: text for symbols, text in texts.items() for symbol in symbols.split()}


def names(text: str) -> frozenset[str]:
    """The words of a text."""
    return frozenset(text.split())


def one_or_more(number: int) -> int:
    """The form of a noun after a number, in most languages of Europe."""
    return 0 if number == 1 else 1


def unchanging(_number: int) -> int:
    """The same where nouns have one form."""
    return 0


Money = tuple[Noun, Noun]
"""A currency, and its hundredth."""


def money(major: str, minor: str) -> Money:
    """Read a currency, as `noun` does."""
    return noun(major), noun(minor)


@dataclass(frozen=True, slots=True, kw_only=True)
class Language:
    """A language's words and customs. Everything is as it is said in the middle of a sentence."""

    code: str
    cardinal: Callable[[int], str]
    agree: Callable[[str, str], str] = lambda words, _gender: words
    """What a number becomes before a noun of a gender ("uno", "f": "una")."""
    plural: Callable[[int], int] = one_or_more
    after_fraction: int | None = 1
    """The form of a noun after a decimal; None for that after the whole part of it."""
    decimal: str = ","
    group: str = r"[.\u00a0\u202f]"
    point: str
    digits_after_point: bool = False
    """Whether decimals are read digit by digit."""
    decimals: Callable[[int, str], str] | None = None
    """How decimals are read where it is not with a word for the point."""
    lakhs: bool = False
    """Whether the thousands are grouped by twos: 12,34,567."""
    space: str = " "
    """What stands between words."""

    signs: Mapping[str, str]
    """Signs between numbers, and alone; `–` is that of ranges, `-` minus."""
    units: Mapping[str, Noun]
    money: Mapping[str, Money]
    major_first: bool = True
    """Whether the currency stands before its hundredths, "three euros fifty"."""
    change: Callable[[str, int, str, str], str] | None = None
    """Joins an amount, its hundredths as a number, in words, and with their noun."""
    half: str = ""
    """How 1.5 million is read where there is a word for it: "{} and a half"."""
    powers: Mapping[str, Noun] = field(default_factory=dict)
    """Millions and the like, by their signs and words."""
    of: Callable[[str], str] = lambda noun: noun
    """What a currency becomes after a million."""

    months: tuple[str, ...]
    month_names: Mapping[str, int] = field(default_factory=dict)
    """Months as they are written, also short, to their numbers."""
    date: Callable[[int, int, str, str], str]
    """Reads a day, a month, and a year in words or "", after a word."""
    month_first: bool = False
    time: Callable[[int, int, str], str]
    """Reads an hour and a minute, after a word."""
    seconds: Callable[[str, int], str] = lambda time, _seconds: time
    year: Callable[[int], str] | None = None
    ordinal: Callable[[int, str], str]
    """Reads 1st and the like, by what stands behind the number."""
    ordinal_marks: str
    """Pattern of what stands there."""
    dotted_ordinal: Callable[[int, str, str], str | None] | None = None
    """Reads "3." after a word and before a character, where it may be an ordinal."""
    fraction: Callable[[int, int], str]
    mixed: Callable[[str, str], str] = lambda whole, fraction: f"{whole} {fraction}"
    """Joins a number and a fraction."""
    power: Callable[[str, int], str]
    """Reads a base in words with its exponent."""
    version: str
    code_of: str
    """What a long code is called, with {} for its length."""
    abbreviations: Mapping[str, str] = field(default_factory=dict)
    before_numbers: Mapping[str, str] = field(default_factory=dict)
    """Abbreviations that are such only before a number: "No.", "#"."""
    regnal: Callable[[str, int], str | None] = lambda _name, _number: None
    """Reads the Roman numeral after a name or a word, if it is one."""
    spelled: Callable[[str], str] = lambda letters: letters
    """Reads letters of a code."""
    articles: tuple[str, ...] = ()
    """Words after which a counted noun is singular if another follows: "a $20 bill"."""
    streets: tuple[str, ...] = ()
    """What streets are called, where numbers stand before their names."""
    links: tuple[str, ...] = ()
    """Words inside a date or after a number: "de", "pm"."""
    roman_marks: str = ""
    """Pattern of what makes an ordinal of a Roman numeral: "XIXe"."""
    hour_words: tuple[str, ...] = ()
    """Words that make an hour of a number: "Uhr", "h"."""

    def count(self, number: int, of: Noun) -> str:
        """The number with its noun."""
        spoken = self.agree(self.cardinal(number), of.gender)
        return self.join(spoken, of.form(self.plural(number)))

    def join(self, *parts: str) -> str:
        """The parts with what this language puts between them."""
        return self.space.join(part for part in parts if part)

    def digits(self, text: str) -> str:
        """The digits of a text, one by one; groups are set apart by commas."""
        groups = "".join(char if char.isdecimal() else " " for char in text).split()
        apart = ", " if self.space else "、"
        return apart.join(
            self.space.join(self.cardinal(int(digit)) for digit in group) for group in groups
        )
