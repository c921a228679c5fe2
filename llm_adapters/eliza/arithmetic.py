"""Arithmetic in spoken English: "seven times six", "12 percent of 50", "3.5 + 4"."""

import re
from dataclasses import dataclass
from fractions import Fraction

from llm_adapters.eliza.numbers import LARGEST, read, spoken

WAYS = {
    "plus": ("plus", "+"),
    "minus": ("minus", "less", "take away", "-", "−"),
    "times": ("times", "multiplied by", "x", "*", "×"),
    "divided by": ("divided by", "over", "/", "÷", ":"),
    "percent of": ("percent of", "per cent of", "% of"),
}
"""How we say each operation, and how it may be said."""
OPERATORS = {tuple(said.split()): name for name, ways in WAYS.items() for said in ways}

SIGNS = {"minus", "negative", "-", "−"}
MOST_NUMBERS = 20
TOKEN = re.compile(r"[0-9][0-9,]*(?:\.[0-9]+)?|[a-z]+|[^\sa-z0-9]")
QUESTION = re.compile(
    r".*\b(?:what is|what are|what's|how much is|how much are|calculate|compute|work out)\b(.*)",
    re.DOTALL,
)


@dataclass(frozen=True, slots=True)
class Sum:
    """Calculation: numbers with an operator between each two."""

    numbers: tuple[Fraction, ...]
    operators: tuple[str, ...]

    def value(self) -> Fraction:
        """Calculate the result; products before sums. Raises ZeroDivisionError."""
        terms = [self.numbers[0]]
        for operator, number in zip(self.operators, self.numbers[1:], strict=True):
            if operator == "times":
                terms[-1] *= number
            elif operator == "divided by":
                terms[-1] /= number
            elif operator == "percent of":
                terms[-1] *= number / 100
            else:
                terms.append(number if operator == "plus" else -number)
        return sum(terms, Fraction())

    def __str__(self) -> str:
        words = [spoken(self.numbers[0])]
        for operator, number in zip(self.operators, self.numbers[1:], strict=True):
            words += [operator, spoken(number)]
        return " ".join(words)


def parse(text: str) -> Sum | None:
    """Parse the calculation that `text` asks for; None if it asks for none."""
    text = re.sub(r"(?<=[a-z])-(?=[a-z])", " ", text.lower())  # twenty-one
    if asked := QUESTION.fullmatch(text):
        text = asked[1]
    tokens = TOKEN.findall(text)
    numbers: list[Fraction] = []
    operators: list[str] = []
    index = 0
    while True:
        negative = index < len(tokens) and tokens[index] in SIGNS
        found = read(tokens, index + negative)
        if found is None or len(numbers) == MOST_NUMBERS:
            return None
        numbers.append(-found[0] if negative else found[0])
        index = found[1]
        operator = _operator(tokens, index)
        if operator is None:
            break
        operators.append(operator[0])
        index = operator[1]
    if not operators or not (asked or _is_end(tokens[index:])):
        return None
    return Sum(tuple(numbers), tuple(operators))


def answer(text: str) -> str | None:
    """Answer the calculation in `text`, as it is spoken; None if there is none."""
    calculation = parse(text)
    if calculation is None:
        return None
    try:
        result = calculation.value()
    except ZeroDivisionError:
        return "I am sorry, but nobody can divide by zero, not even me."
    if abs(result) >= LARGEST:
        return "That number is too large for me to say."
    sentence = f"{calculation} is {spoken(result)}."
    return sentence[0].upper() + sentence[1:]


def _operator(tokens: list[str], index: int) -> tuple[str, int] | None:
    """The operator at `index` and where it ends."""
    for length in (3, 2, 1):
        name = OPERATORS.get(tuple(tokens[index : index + length]))
        if name is not None:
            return name, index + length
    return None


def _is_end(tokens: list[str]) -> bool:
    """Whether nothing but the question follows."""
    return all(token in {"=", "?", ".", "!", "is", "equals", "please"} for token in tokens)
