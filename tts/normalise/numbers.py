"""Reader of numerals: the number that is written, and its words."""

import re

from tts.normalise.cardinals import DIGITS
from tts.normalise.language import Language, Noun

MINUS = "-−–"
DASH = r"\s?[-–—]\s?"
LETTER = r"[^\W\d_²³¹¼-¾⁰-ₜ⅐-\u218f①-⓿]"
"""Letters, without the figures that Python's `\\w` counts among them, such as ² and ½."""


class Numbers:
    """Reader of one language's numerals."""

    def __init__(self, language: Language) -> None:
        self._language = language
        group, point = language.group, re.escape(language.decimal)
        other = "," if language.decimal == "." else r"\."
        lakhs = rf"\d{{1,2}}(?:{group}\d\d)+{group}\d{{3}}(?!\d)(?:{point}\d+)?|"
        self.pattern = (
            rf"(?:{lakhs if language.lakhs else ''}"
            rf"\d{{1,3}}(?:{group}\d{{3}}){{1,12}}(?!\d)(?:{point}\d+)?"
            rf"|\d{{1,3}}(?:{other}\d{{3}}){{1,12}}{point}\d{{1,2}}(?!\d)"
            rf"|\d{{1,3}}(?:{point}\d{{3}}){{1,12}}{other}\d{{1,2}}(?!\d)"
            rf"|\d+{point}\d+|\d+{other}\d{{1,2}}(?![\d{other}])|\d+(?!\d))"
        )

    def parse(self, text: str) -> tuple[bool, str, str]:
        """Whether it is negative, its digits before the point, and those after it."""
        negative = text[0] in MINUS
        text = text.lstrip(MINUS + "+")
        other = "," if self._language.decimal == "." else "."
        last = max(text, key=lambda char: text.rfind(char) if char in ".," else -1)
        # The last mark is the point, but one of the other kind only before one or two digits.
        if last == other and not re.search(rf"[{last}]\d{{1,2}}$", text):
            last = self._language.decimal
        whole, mark, decimals = text.rpartition(last) if last in ".," else (text, "", "")
        if not mark or (last == self._language.decimal and text.count(last) > 1):
            whole, decimals = text, ""
        return negative, "".join(filter(str.isdecimal, whole)) or "0", decimals

    def say(self, text: str, gender: str = "") -> str:
        """The words of a numeral, for a noun of a gender."""
        language = self._language
        negative, whole, decimals = self.parse(text)
        minus = language.signs["-"] if negative else ""
        if not decimals and ((len(whole) > 1 and whole[0] == "0") or len(whole) > DIGITS):
            return language.join(minus, language.digits(whole))
        if decimals:
            return language.join(minus, self._decimal(whole, decimals))
        return language.join(minus, language.agree(language.cardinal(int(whole)), gender))

    def quantity(self, text: str, of: Noun) -> str:
        """The words of a numeral with its noun."""
        language = self._language
        _, whole, decimals = self.parse(text)
        index = language.after_fraction if decimals else None
        index = language.plural(int(whole)) if index is None else index
        return language.join(self.say(text, of.gender), of.form(index))

    def _decimal(self, whole: str, decimals: str) -> str:
        language = self._language
        if len(whole) > DIGITS:
            return language.join(language.digits(whole), language.point, language.digits(decimals))
        if language.decimals is not None and len(decimals) <= 3:
            return language.decimals(int(whole), decimals)
        by_digit = language.digits_after_point or len(decimals) > 3 or decimals[0] == "0"
        after = language.digits(decimals) if by_digit else language.cardinal(int(decimals))
        return language.join(language.cardinal(int(whole)), language.point, after)
