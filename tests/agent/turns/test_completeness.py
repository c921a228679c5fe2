"""Do the words sound finished? Labelled phrases, and sentences cut after each of their words."""

import pytest

from agent.turns.completeness import judge
from tests.agent.turns.completeness_phrases import (
    COMPLETE,
    DEVELOPED,
    HELD_OUT,
    HELD_OUT_COMPLETE,
    HELD_OUT_UNFINISHED,
    OTHER_LANGUAGES,
    UNFINISHED,
)

FINISHED = 0.7
CLEARLY_UNFINISHED = 0.2

CLIPS = [
    "What is the capital of France?",
    "Please tell me a story about the weather in London today.",
    "Turn on the lights in the kitchen and play some music.",
    "Set a timer for ten minutes.",
    "How are you today?",
    "right",
    "Stop, that is enough.",
    "Wait, what time is it?",
    "I am going to the market this afternoon and I would like you to help me write a short list "
    "of the things that we need for dinner.",
    "I would like to order a large pizza with mushrooms.",
    "Hello Dia2 fans! Today we're unveiling the new open TTS model.",
    "Sounds exciting. Show me a sample right now.",
]


def bare(text: str) -> str:
    """As a recogniser without punctuation writes it."""
    return "".join(c for c in text.lower() if c.isalnum() or c in " '")


def cut(lines: list[str]) -> tuple[list[str], list[str]]:
    """The whole sentences, and what they are when cut where they could not end."""
    whole, parts = [], []
    for line in lines:
        tokens = line.split()
        for n, token in enumerate(tokens, start=1):
            text = " ".join(word for word in tokens[:n] if word != "|")
            if n == len(tokens):
                whole.append(text)
            elif token != "|" and tokens[n] != "|":
                parts.append(text)
    return whole, parts


def certainty(text: str) -> float:
    """How sure it is, from 0 to 1, that `text` is finished."""
    return judge(text).certainty


def share(texts: list[str], low: float, high: float) -> float:
    """Which part of `texts` is judged between the two."""
    return sum(low <= certainty(text) <= high for text in texts) / len(texts)


@pytest.mark.parametrize("text", [*COMPLETE, *CLIPS, *map(bare, CLIPS)])
def test_a_finished_phrase(text: str) -> None:
    assert certainty(text) >= FINISHED, judge(text)


@pytest.mark.parametrize("text", UNFINISHED)
def test_an_unfinished_phrase(text: str) -> None:
    assert certainty(text) <= CLEARLY_UNFINISHED, judge(text)


def test_enough_phrases_are_labelled() -> None:
    assert len({*COMPLETE, *UNFINISHED}) >= 120


@pytest.mark.parametrize("text", ["I would like to order", "i would like to order", "I'd like to"])
def test_a_pause_inside_a_sentence(text: str) -> None:
    assert certainty(text) <= CLEARLY_UNFINISHED
    assert certainty(f"{text}...") <= CLEARLY_UNFINISHED
    assert certainty(f"{text}.") <= CLEARLY_UNFINISHED  # Whisper ends everything with one


@pytest.mark.parametrize("text", [*OTHER_LANGUAGES, "", "  ", "?!"])
def test_of_other_languages_nothing_is_known(text: str) -> None:
    assert certainty(text) == 0.5


def test_punctuation_speaks_in_every_language() -> None:
    assert certainty("Wie spät ist es?") >= 0.8
    for mark in ("...", "…", "-", ","):
        assert certainty(f"Ich möchte gerne{mark}") <= 0.1


def test_it_says_why() -> None:
    assert judge("bread and").why == "ends in 'and'"
    assert judge("i want um").why == "a filler, 'um'"
    assert judge("my number is five five").why == "a number that goes on"
    assert judge("i would like to order").why == "'order' what?"
    assert judge("what time is it").why == "a question"


def test_only_a_number_that_is_told_goes_on() -> None:
    assert certainty("turn off my phone at seven") >= FINISHED
    assert certainty("my phone number is seven") <= CLEARLY_UNFINISHED
    assert certainty("My number is 555-1234") <= CLEARLY_UNFINISHED
    assert certainty("My number is 212-555-1234") >= FINISHED


def test_sentences_that_rules_were_made_for_cut_after_each_word() -> None:
    whole, parts = cut(DEVELOPED)
    assert share(whole, FINISHED, 1) == 1
    assert share(parts, FINISHED, 1) <= 0.1
    assert share(parts, 0, CLEARLY_UNFINISHED) >= 0.8


def test_sentences_that_no_rule_was_made_for_cut_after_each_word() -> None:
    whole, parts = cut(HELD_OUT)
    assert len(whole) == 40
    assert len(parts) > 200
    assert share(whole, FINISHED, 1) >= 0.95
    assert share(parts, FINISHED, 1) <= 0.18
    assert share(parts, 0, CLEARLY_UNFINISHED) >= 0.7


def test_phrases_that_no_rule_was_made_for() -> None:
    found = share(HELD_OUT_COMPLETE, FINISHED, 1) * len(HELD_OUT_COMPLETE)
    wrong = share(HELD_OUT_UNFINISHED, FINISHED, 1) * len(HELD_OUT_UNFINISHED)
    assert found / len(HELD_OUT_COMPLETE) >= 0.9  # recall
    assert found / (found + wrong) >= 0.95  # precision
