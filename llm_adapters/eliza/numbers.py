"""Numbers as they are spoken in English, read and said."""

import string
from collections.abc import Sequence
from fractions import Fraction

# fmt: off
UNITS = [
    "zero", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine",
    "ten", "eleven", "twelve", "thirteen", "fourteen", "fifteen", "sixteen", "seventeen",
    "eighteen", "nineteen",
]
TENS = ["", "", "twenty", "thirty", "forty", "fifty", "sixty", "seventy", "eighty", "ninety"]
# fmt: on
SCALES = {"thousand": 10**3, "million": 10**6, "billion": 10**9, "trillion": 10**12}
SMALL = {
    **{word: value for value, word in enumerate(UNITS)},
    **{word: 10 * value for value, word in enumerate(TENS) if value >= 2},
}
LARGEST = 10**15
"""Numbers from here on are neither read nor said."""
ORDINALS = {
    "one": "first",
    "two": "second",
    "three": "third",
    "five": "fifth",
    "eight": "eighth",
    "nine": "ninth",
    "twelve": "twelfth",
    "twenty": "twentieth",
    "thirty": "thirtieth",
}


def cardinal(number: int) -> str:
    """Spell 0 <= number < `LARGEST` out: 142 is "one hundred and forty-two"."""
    if number < 20:
        return UNITS[number]
    if number < 100:
        tens, rest = divmod(number, 10)
        return TENS[tens] + (f"-{UNITS[rest]}" if rest else "")
    if number < 1000:
        hundreds, rest = divmod(number, 100)
        return f"{UNITS[hundreds]} hundred" + (f" and {cardinal(rest)}" if rest else "")
    name, scale = max(
        (pair for pair in SCALES.items() if pair[1] <= number), key=lambda pair: pair[1]
    )
    count, rest = divmod(number, scale)
    link = " and " if rest < 100 else " "
    return f"{cardinal(count)} {name}" + (f"{link}{cardinal(rest)}" if rest else "")


def ordinal(number: int) -> str:
    """Spell the ordinal of a day of the month out: 21 is "twenty-first"."""
    head, hyphen, last = cardinal(number).rpartition("-")
    return head + hyphen + ORDINALS.get(last, f"{last}th")


def spoken(number: Fraction) -> str:
    """Spell a number below `LARGEST` out, to at most three decimals.

    3.25 is "three point two five"; what is rounded is "about …".
    """
    rounded = round(number, 3)
    sign = "minus " if rounded < 0 else ""
    whole, rest = divmod(abs(rounded), 1)
    words = sign + cardinal(int(whole))
    if rest:
        digits = f"{int(rest * 1000):03d}".rstrip("0")
        words += " point " + " ".join(UNITS[int(digit)] for digit in digits)
    return words if rounded == number else f"about {words}"


def read(tokens: Sequence[str], start: int = 0) -> tuple[Fraction, int] | None:
    """Read the number at `start`, in digits or words, and its end; None if there is none.

    Each token is a lower-case word or a number such as "1,000" or "3.5".
    """
    if start < len(tokens) and tokens[start][0] in string.digits:
        if len(tokens[start]) > 30:  # what follows would only be slow
            return None
        value = Fraction(tokens[start].replace(",", ""))
        return (value, start + 1) if value < LARGEST else None
    whole = _read_whole(tokens, start)
    if whole is None:
        return None
    number, end = Fraction(whole[0]), whole[1]
    if end + 1 < len(tokens) and tokens[end] == "point":
        place = Fraction(1, 10)
        while (end := end + 1) < len(tokens) and SMALL.get(tokens[end], 10) < 10:
            number += SMALL[tokens[end]] * place
            place /= 10
    return number, end


def _read_whole(tokens: Sequence[str], start: int) -> tuple[int, int] | None:
    """The number in words at `start`, and where it ends."""
    total = group = 0  # what is settled by a scale, and what may still be multiplied by one
    room = 1000  # the next word must be below this to belong to the group
    last_scale = LARGEST
    index = start
    while index < len(tokens):
        word = tokens[index]
        following = tokens[index + 1] if index + 1 < len(tokens) else ""
        if word in SMALL and SMALL[word] < room:
            group += SMALL[word]
            room = 10 if SMALL[word] >= 20 else 0
        elif word == "hundred" and 0 < group < 10:
            group *= 100
            room = 100
        elif word in SCALES and group and SCALES[word] < last_scale:
            last_scale = SCALES[word]
            total += group * last_scale
            group, room = 0, 1000
        elif word == "a" and index == start and (following == "hundred" or following in SCALES):
            group, room = 1, 0
        elif word == "and" and (total or group >= 100) and 0 < SMALL.get(following, 0) < room:
            pass
        else:
            break
        index += 1
    return (total + group, index) if index > start else None
