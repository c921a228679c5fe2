"""Readers: what each kind of figures and signs is read as, in any language."""

import re
import unicodedata
from collections.abc import Callable
from dataclasses import dataclass

from tts.normalise.language import Language, Noun
from tts.normalise.numbers import LETTER, MINUS, Numbers

SPELLED = 40
"""Digits of the longest number that is read, one by one; Python makes none of some thousand."""

Read = Callable[[re.Match[str], "Place"], str | None]
"""Reads a match; None leaves it to the rules that follow."""

_SUBSCRIPTS = str.maketrans("₀₁₂₃₄₅₆₇₈₉", "0123456789")
_SUPERSCRIPTS = str.maketrans("⁰¹²³⁴⁵⁶⁷⁸⁹⁻", "0123456789-")


@dataclass(frozen=True, slots=True)
class Place:
    """Where a match stands: the word before it, and the character after all of the region."""

    before: str
    following: str


class Readers:
    """Readers of one language. Each takes a match of its pattern in `tts.normalise.rules`."""

    def __init__(self, language: Language) -> None:
        self.language = language
        self.numbers = Numbers(language)

    def code(self, match: re.Match[str], _: Place) -> str | None:
        text = match[0].rstrip(".:-")
        digits = sum(map(str.isdecimal, text))
        dashed = re.fullmatch(r"[\d:.T+-]+Z?", text)
        long = text.isdecimal() and len(text) > SPELLED
        if not long and (digits < 3 or dashed or not any(map(str.isalpha, text))):
            return self.language.digits(text) if text.isdecimal() else None
        spoken = self.language.cardinal(len(text))
        return self.language.code_of.format(spoken) + match[0][len(text) :]

    def address(self, match: re.Match[str], _: Place) -> str:
        parts = re.findall(rf"{LETTER}+|\d+|[@./_+-]", match[0])
        return self.language.join(*map(self.address_part, parts))

    def address_part(self, part: str) -> str:
        if part.isdecimal():
            return self.numbers.say(part)
        return (
            self.language.signs["." if part == "." else part]
            if len(part) == 1 and not (part.isalpha())
            else part
        )

    def octets(self, match: re.Match[str], _: Place) -> str:
        dot = f" {self.language.signs['.']} " if self.language.space else self.language.signs["."]
        return dot.join(self.language.digits(part) for part in match[0].split("."))

    def year(self, text: str | None) -> str:
        if not text:
            return ""
        return (self.language.year or self.language.cardinal)(int(text))

    def date(self, match: re.Match[str], place: Place) -> str | None:
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
        date = self.language.date(day, month, self.year(year), place.before)
        return date + " " if match[0].endswith("T") else date

    def month(self, match: re.Match[str], _: Place) -> str:
        month = self.language.months[self.language.month_names[match["name"]] - 1]
        return self.language.join(month, self.year(match["year"]))

    def time(self, match: re.Match[str], place: Place) -> str | None:
        if "." in match[0] and not re.search(r"[^\W\d]", match[0]):
            return None  # 10.30 may be anything
        time = self.language.time(int(match["hour"]), int(match["minute"]), place.before)
        second = match["second"]
        return self.language.seconds(time, int(second)) if second else time

    def phone(self, match: re.Match[str], _: Place) -> str:
        plus = self.language.signs["+"] if match[0].startswith("+") else ""
        return self.language.join(plus, self.language.digits(match[0]))

    def version(self, match: re.Match[str], place: Place) -> str | None:
        language = self.language
        text = match["numbers"] or match["plain"]
        if language.decimal == "," and re.fullmatch(r"\d{1,3}(?:\.\d{3})+", text):
            return None  # thousands
        named = not match["numbers"] or place.before.lower().startswith(
            language.version[:4].lower()
        )
        parts = (self.numbers.say(part) for part in text.split("."))
        point = language.signs.get("version", language.signs["."])
        numbers = (f" {point} " if language.space else point).join(parts)
        return numbers if named else language.join(language.version, numbers)

    def money(self, match: re.Match[str], place: Place) -> str:
        spoken = self.sum(match, self.attributive(match, place))
        return self.language.join(spoken, self.language.signs["per"] if match["each"] else "")

    def attributive(self, match: re.Match[str], place: Place) -> bool:
        """Whether a noun follows that this belongs to: "a $20 bill"."""
        article = place.before.lower() in self.language.articles
        return article and match.end() == len(match.string) and place.following.isalpha()

    def sum(self, match: re.Match[str], attributive: bool) -> str:
        language = self.language
        major, minor = language.money[match["money"]]
        if attributive:
            major = Noun(major.forms[:1], major.gender)
        found = match.groupdict()
        value, until, power = match["value"], match["until"], found.get("power")
        minus = language.signs["-"] if found.get("minus") else ""
        if until:
            last = self.amount(until, power, major)
            return language.join(minus, self.numbers.say(value), language.signs["–"], last)
        negative, whole, decimals = self.numbers.parse(value)
        minus = minus or (language.signs["-"] if negative else "")
        if language.change is None and decimals:
            value = value.rstrip("0").rstrip(language.decimal)
        if power or len(decimals) != 2 or language.change is None:
            return language.join(minus, self.amount(value.lstrip(MINUS), power, major))
        units, cents = int(whole), int(decimals)
        many = language.count(units, major)
        few = language.count(cents, minor)
        if not cents:
            return language.join(minus, many)
        if not units:
            return language.join(minus, few)
        return language.join(minus, language.change(many, cents, language.cardinal(cents), few))

    def amount(self, value: str, power: str | None, of: Noun) -> str:
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
        counted = of.form(2)
        return language.join(spoken, language.of(counted) if counted else "")

    def units(self, match: re.Match[str], place: Place) -> str:
        language, found = self.language, match.groupdict()
        if adjective := found.get("adjective"):
            return language.join(
                self.numbers.say(match["value"]), language.units[adjective].form(0)
            )
        of = language.units[match["unit"]]
        if self.attributive(match, place):
            of = Noun(of.forms[:1], of.gender)
        spoken = self.numbers.quantity(match["until"] or match["value"], of)
        if match["until"]:
            spoken = language.join(self.numbers.say(match["value"]), language.signs["–"], spoken)
        if match["per"]:
            spoken = language.join(
                spoken, language.signs["per"], language.units[match["per"]].form(0)
            )
        return spoken

    def ordinal(self, match: re.Match[str], _: Place) -> str:
        number = int(match["value"])
        return self.language.ordinal(number, match[0][len(match["value"]) :])

    def dotted_ordinal(self, match: re.Match[str], place: Place) -> str | None:
        """Read "der 3. Mann": only after some words, and not where the sentence may end."""
        read = self.language.dotted_ordinal
        last = match.end() == len(match.string) and place.following in ("", "\n")
        if read is None or last:
            return None
        return read(int(match["value"]), place.before, place.following)

    def fraction(self, match: re.Match[str], _: Place) -> str | None:
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

    def scientific(self, match: re.Match[str], _: Place) -> str:
        language = self.language
        ten = language.power(language.cardinal(10), int(match["exponent"].replace("−", "-")))
        return language.join(self.numbers.say(match["value"]), language.signs["×"], ten)

    def power(self, match: re.Match[str], _: Place) -> str:
        language = self.language
        base = match["base"]
        spoken = self.numbers.say(base) if base.isdecimal() else " ".join(base)
        if any(map(str.isdecimal, base)) and not base.isdecimal():
            spoken = language.join(*map(self.mixed_part, re.findall(r"\d+|\D", base)))
        exponent = match["exponent"].translate(_SUPERSCRIPTS).replace("−", "-")
        if exponent.lstrip("-").isdecimal():
            return language.power(spoken, int(exponent))
        return language.join(spoken, language.signs["^"], " ".join(exponent))

    def sign(self, match: re.Match[str], _: Place) -> str:
        sign = match["sign"].strip()
        if sign == "*" and not _between(match, str.isalnum):
            return ""
        return self.language.signs.get("-" if sign == "−" else sign, " " if sign == "|" else "")

    def letter_minus(self, match: re.Match[str], _: Place) -> str:
        number = self.numbers.say(match["number"])
        return self.language.join(match["letter"], self.language.signs["-"], number)

    def range(self, match: re.Match[str], _: Place) -> str:
        spaced = len(match[0]) == 3 and match[0][1] in "-−"
        signs = self.language.signs
        return signs.get("minus", signs["-"]) if spaced else signs["–"]

    def minus(self, _match: re.Match[str], _: Place) -> str:
        return self.language.signs["-"]

    def number(self, match: re.Match[str], place: Place) -> str:  # noqa: ARG002
        return self.numbers.say(match[0])

    def magnitude(self, match: re.Match[str], _: Place) -> str:
        return self.amount(
            match["value"], match["power"] or match["long"], Noun(("",))
        )  # of nothing

    def times(self, match: re.Match[str], _: Place) -> str:
        number = self.numbers.say(match["value"] or match["left"])
        return self.language.join(number, self.language.signs["times" if match["value"] else "×"])

    def mixture(self, match: re.Match[str], _: Place) -> str:
        """Letters and figures: CO₂, GPT-4, B2B."""
        text = match[0].translate(_SUBSCRIPTS)
        parts = re.findall(r"\d+|[^\W\d_]+", text)
        return self.language.join(*map(self.mixed_part, parts))

    def mixed_part(self, part: str) -> str:
        if part.isdecimal():
            return self.numbers.say(part) if len(part) <= 3 else self.language.digits(part)
        return " ".join(part) if len(part) <= 2 and part.isascii() else part

    def roman(self, match: re.Match[str], place: Place) -> str | None:
        return self.language.regnal(place.before, _roman(match[0]))

    def roman_ordinal(self, match: re.Match[str], _: Place) -> str:
        return self.language.ordinal(_roman(match["roman"]), match["mark"])

    def figure(self, match: re.Match[str], _: Place) -> str:
        return self.language.cardinal(unicodedata.digit(match[0]))


def _roman(numeral: str) -> int:
    value, last = 0, 0
    for letter in reversed(numeral):
        size = {"I": 1, "V": 5, "X": 10, "L": 50}[letter]
        value, last = value + (size if size >= last else -size), max(size, last)
    return value


def _between(match: re.Match[str], kind: Callable[[str], bool]) -> bool:
    """Whether a match stands between two of a kind, with a space on each side or with none."""
    before, after = match.string[: match.start()], match.string[match.end() :]
    if before[-1:] == " " == after[:1]:
        before, after = before[:-1], after[1:]
    return kind(before[-1:]) and kind(after[:1])
