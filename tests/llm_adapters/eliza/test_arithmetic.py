"""Spoken numbers and spoken arithmetic."""

from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from llm_adapters.eliza.arithmetic import answer
from llm_adapters.eliza.numbers import LARGEST, cardinal, ordinal, read, spoken


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("what is seven times six", "Seven times six is forty-two."),
        ("What's 12 percent of 50?", "Twelve percent of fifty is six."),
        ("so what is one hundred and five minus six please", "One hundred and five minus six is n"),
        ("twenty-one plus 4", "Twenty-one plus four is twenty-five."),
        ("2 + 3 * 4 =", "Two plus three times four is fourteen."),
        ("twelve take away five", "Twelve minus five is seven."),
        ("eight multiplied by eight", "Eight times eight is sixty-four."),
        ("10 / 4", "Ten divided by four is two point five."),
        ("how much is 10÷3?", "Ten divided by three is about three point three three three."),
        (
            "three point one four times two",
            "Three point one four times two is six point two eight.",
        ),
        ("what is minus five plus two", "Minus five plus two is minus three."),
        ("what is a thousand minus one", "One thousand minus one is nine hundred and ninety-nine."),
        ("1,000 * 1,000", "One thousand times one thousand is one million."),
        ("ten divided by zero", "I am sorry, but nobody can divide by zero"),
        ("what is 4 percent of 3 / 0", "I am sorry, but nobody can divide by zero"),
        ("what is 999999999999 times 999999999999", "That number is too large for me to say."),
    ],
)
def test_answer(text: str, expected: str) -> None:
    said = answer(text)
    assert said is not None
    assert said.startswith(expected)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "what is the time",
        "what is five",
        "what is two plus",
        "what is x times y",
        "my number is 555-1234",
        "555-1234 is my number",
        "nine nine",
        "what is " + "9" * 5000 + " plus one",
        "what is " + "9 times " * 30 + "9",
        "what is 1.5.3 + 2",
    ],
)
def test_no_calculation(text: str) -> None:
    assert answer(text) is None


@given(number=st.integers(0, LARGEST - 1))
def test_what_is_said_can_be_read(number: int) -> None:
    tokens = cardinal(number).replace("-", " ").split()
    assert read(tokens) == (Fraction(number), len(tokens))


@given(thousandths=st.integers(0, 10**9))
def test_what_is_said_with_decimals_can_be_read(thousandths: int) -> None:
    number = Fraction(thousandths, 1000)
    tokens = spoken(number).replace("-", " ").split()
    assert read(tokens) == (number, len(tokens))


@pytest.mark.parametrize(
    ("number", "words"),
    [
        (0, "zero"),
        (42, "forty-two"),
        (142, "one hundred and forty-two"),
        (1005, "one thousand and five"),
        (2345678, "two million three hundred and forty-five thousand six hundred and seventy-"),
    ],
)
def test_cardinal(number: int, words: str) -> None:
    assert cardinal(number).startswith(words)


@pytest.mark.parametrize(
    ("number", "words"),
    [(1, "first"), (12, "twelfth"), (20, "twentieth"), (22, "twenty-second"), (30, "thirtieth")],
)
def test_ordinal(number: int, words: str) -> None:
    assert ordinal(number) == words


@given(a=st.integers(-999, 999), b=st.integers(-999, 999))
def test_sums_in_digits(a: int, b: int) -> None:
    said = answer(f"what is {a} + {b}")
    assert said is not None
    assert said.endswith(f" is {spoken(Fraction(a + b))}.")
