"""A mark that is never closed costs neither silence nor time.

The work is counted, not measured: what the parser looks at, for n and for 2n characters. A long
run: `PARLEY_FUZZ=2000 pytest tests/faults/test_unclosed_marks.py`.
"""

import os
import random
import re

import pytest

from tts.clauses import ClauseSplitter
from tts.clean import SpeechText
from tts.clean.source import PATIENCE, Source

RUNS = int(os.environ.get("PARLEY_FUZZ", "40"))
MARKS = (
    *("*", "**", "_", "__", "~~", "`", "``", "```", "[", "![", "[a](b", "](", "](<", '](b "'),
    *("<", "<b", "<b ", '<a href="', "<a b=c ", "<!--", "<!", "</", "<|", "&", "&amp", "[^", "[S1"),
    *("(", "(sigh", "[sigh", "- ", "1", "# ", "> ", "|", "|-", "-", "=", "http://a", "www.", "a@"),
    *("\\", "😀", "~~~\n", "```sh\n", "``` a", "\n", "a", "a. ", " ", "(((", ")", "]", ">", "\0"),
)
TAIL = "This is one more plain sentence of the same long answer. " * 12


class Meter:
    """Counts the characters that the parser looks at."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.work = 0
        peek, search, add = Source.peek, Source.search, Source.add

        def counting_peek(source: Source, offset: int = 0) -> str:
            self.work += 1
            return peek(source, offset)

        def counting_search(
            source: Source, pattern: re.Pattern[str], offset: int, limit: int
        ) -> re.Match[str] | None:
            left = max(0, len(source._text) - source._at - offset)
            found = pattern.search(source._text, source._at + offset, source._at + limit)
            reached = found.end() - source._at if found else min(limit, offset + left)
            self.work += 1 + max(0, reached - offset)
            return search(source, pattern, offset, limit)

        def counting_add(source: Source, text: str) -> None:
            self.work += len(source._text) - source._at + len(text)
            add(source, text)

        monkeypatch.setattr(Source, "peek", counting_peek)
        monkeypatch.setattr(Source, "search", counting_search)
        monkeypatch.setattr(Source, "add", counting_add)

    def of(self, text: str, fragment: int) -> int:
        """The work that a text takes, in fragments of a size."""
        self.work = 0
        speech = SpeechText(sounds=False)
        for start in range(0, len(text), fragment):
            speech.feed(text[start : start + fragment])
        speech.finish()
        return self.work


@pytest.fixture
def meter(monkeypatch: pytest.MonkeyPatch) -> Meter:
    return Meter(monkeypatch)


@pytest.mark.parametrize("mark", MARKS)
@pytest.mark.parametrize("fragment", [7, 5000])
def test_the_work_is_linear_in_the_text(meter: Meter, mark: str, fragment: int) -> None:
    text = mark * (16000 // len(mark))
    once, twice = meter.of(text[:8000], fragment), meter.of(text, fragment)
    assert twice < 2.5 * once + 10_000


def test_the_work_is_linear_for_marks_in_any_order(meter: Meter) -> None:
    chance = random.Random(39)
    for _ in range(RUNS):
        some = chance.sample(MARKS, chance.randint(1, 4))
        text = "".join(chance.choices(some, k=6000))[:6000]
        fragment = chance.choice([1, 3, 20, 6000])
        once, twice = meter.of(text, fragment), meter.of(text * 2, fragment)
        assert twice < 2.5 * once + 10_000, (some, fragment)
        assert once < 6000 * 5000, (some, fragment)


@pytest.mark.parametrize(
    "head",
    [
        *("*Prices exclude tax. ", "**Note: ", "_Note: ", "__Note: ", "~~Note: ", "[Note: ", "<"),
        *("`ls ", "<|im_end ", "</b ", '[a](b "', "***", "**a *b __c ~~d [e `f "),
        *("``` ", "![Note ", "The rule is a<b. ", "5 <b 6. ", "Use &amp or &foo ", "I said <"),
        *("The list (a ", "A * b. ", "*", "- item *one ", "See note ^[1. ", "[S1 said ", "<think "),
        *("It is *very, very good. ", "~5 or ~~6 people. ", "[", "<!-- ", '<a title="'),
        *("(sigh ", "[a](b ", "(laughs ", "[pause ", "![a cat](", "<img alt='"),
    ],
)
def test_an_open_mark_holds_speech_back_for_a_clause_or_a_hundred_characters(head: str) -> None:
    speech, text, spoken = SpeechText(sounds=False), head + TAIL, 0
    for end, char in enumerate(text, 1):
        spoken += len(speech.feed(char))
        assert end - spoken <= PATIENCE + len(head) + 10
    assert spoken >= len(TAIL) - 10


def test_a_mark_whose_sentence_has_ended_waits_no_longer() -> None:
    speech = SpeechText()
    assert speech.feed("*Prices exclude tax. T") == "*Prices exclude tax. T"
    assert speech.feed("he rule is that a<b holds. T") == "he rule is that a<b holds. T"
    assert SpeechText().feed("**1. Open the door.** N") == "1. Open the door. N"
    assert SpeechText().feed("*Ask Dr. No* n") == "Ask Dr. No n"


def test_a_link_may_be_long_where_nothing_of_it_is_heard() -> None:
    url = "https://example.org/" + "a" * 500
    assert SpeechText().feed(f"See [the docs]({url}) no") == "See the docs no"
    assert SpeechText().feed(f"See {url} no") == "See example.org no"


def test_clauses_of_a_long_text_are_cut_in_linear_time() -> None:
    """A copy of the rest for each clause made 900 kB of text take a second."""
    text = "This is one. " * 3000
    assert ClauseSplitter().feed(text) == ["This is one."] * 3000
