"""Figures, signs and codes are read as a person would, whatever the text is cut into.

Cases by language are in `tests/tts/normalise/cases/`. A long run of the fuzz:
`PARLEY_FUZZ=20000 pytest tests/faults/test_spoken_numbers.py`.
"""

import os
import random

import pytest

from tts.normalise import LANGUAGES, normaliser

RUNS = int(os.environ.get("PARLEY_FUZZ", "60"))
PIECES = (
    *("0", "1", "5", "12", "2024", "1,234", "1.234,5", "3.14", "00", "007", "$", "€", "£", "%"),
    *("‰", " ", " ", " ", ".", ",", ":", ";", "-", "–", "−", "/", "+", "=", "<", ">", "~", "≈"),
    *("^", "*", "km", "kg", "m²", "°C", "x", "×", "²", "½", "₂", "①", "e-5", "v2", "No. ", "#"),
    *("Jan. ", "May ", "a", "Word", "Henry ", "VIII", "p.m.", "U.S.", "@", "b.com", "1st", "2º"),
    *("3e", "5.", "\n", "(", '<break time="1s"/>', "[S1]", "三", "年", "月", "点", "개", "_", "`"),
    *("\\frac{1}{2}", "{", "٣", "de ", "mil ", "Uhr", "h", "года"),
)


def texts(language: str) -> list[str]:
    chance = random.Random(f"{language}12")
    return ["".join(chance.choices(PIECES, k=chance.randint(1, 14))) for _ in range(RUNS)]


def spoken(language: str, *fragments: str) -> str:
    speech = normaliser(language)
    return "".join(map(speech.feed, fragments)) + speech.finish()


def without_tags(text: str) -> str:
    return text.replace('<break time="1s"/>', "").replace("[S1]", "")


@pytest.mark.parametrize("language", LANGUAGES)
def test_no_figure_is_left_over(language: str) -> None:
    for text in texts(language):
        left = without_tags(spoken(language, text))
        assert not any(map(str.isdigit, left)), (text, left)


@pytest.mark.parametrize("language", LANGUAGES)
def test_where_it_is_cut_changes_nothing(language: str) -> None:
    for number, text in enumerate(texts(language)):
        size = number % 5 + 1
        pieces = [text[start : start + size] for start in range(0, len(text), size)]
        assert spoken(language, *pieces) == spoken(language, text), text


@pytest.mark.parametrize("language", LANGUAGES)
def test_what_was_written_is_kept(language: str) -> None:
    for text in texts(language):
        speech = normaliser(language)
        said = speech.feed(text) + speech.finish()
        assert speech.record.written == text
        assert speech.record.spoken == said


@pytest.mark.parametrize("language", LANGUAGES)
def test_prose_is_left_alone(language: str) -> None:
    prose = "Ein Wort, un mot — una palabra; uma palavra! “Een woord” (и слово)? it's O'Brien's…"
    assert spoken(language, prose) == prose


def test_a_language_that_is_not_known_is_left_alone() -> None:
    assert spoken("sv", "5 kg, $3.50") == "5 kg, $3.50"
    assert normaliser(None).feed("5 kg") == "5 kg"


def test_a_long_code_is_named_not_read() -> None:
    """3 kB of base64 took 698 s."""
    code = "aGVsbG8gd29ybGQh" * 188
    assert spoken("en", f"Here: {code[:3000]} so.") == (
        "Here: a code of three thousand characters so."
    )


@pytest.mark.parametrize(
    ("fragments", "outputs"),
    [
        (["Well", ",", " ", "so"], ["", "", "Well, ", ""]),
        (["It is 5", ".", " ", "Next"], ["It is ", "", "five. ", ""]),
        (["5", " app", "les a", "re"], ["", "", "five apples ", ""]),
        (["$1.5", " mil", "lion now "], ["", "", "one and a half million dollars now "]),
        (["on May 5", ", ", "2024, ", "we"], ["on ", "", "May fifth, twenty twenty-four, ", ""]),
        (["May", " I ", "ask "], ["", "", "May I ask "]),
    ],
)
def test_a_figure_waits_only_as_long_as_it_may_go_on(
    fragments: list[str], outputs: list[str]
) -> None:
    speech = normaliser("en")
    assert [speech.feed(fragment) for fragment in fragments] == outputs


@pytest.mark.parametrize("language", LANGUAGES)
@pytest.mark.parametrize(
    "written",
    ["10^{}", "x^{}", "${}.50", "{}½", "{}th", "{}º", "{}.", "{}/{}", "{}e{}", "{} km", "v{}.{}.1"],
)
@pytest.mark.parametrize(
    "number", ["0", "2000", "9" * 15, "9" * 16, "1" * 20, "9" * 400, "9" * 5000]
)
def test_no_number_is_too_large(language: str, written: str, number: str) -> None:
    """The library raises for what it does not know: such a reply failed."""
    spoken(language, written.replace("{}", number))


def test_a_number_of_thousands_of_digits_is_named() -> None:
    assert spoken("en", f"It is {'7' * 3000}.") == "It is a code of three thousand characters."
    assert spoken("en", "$" + "7" * 3000) == "$a code of three thousand characters"


def test_figures_without_an_end_do_not_wait_for_it() -> None:
    speech = normaliser("en")
    assert sum(len(speech.feed("7 ")) for _ in range(1000)) > 4000
