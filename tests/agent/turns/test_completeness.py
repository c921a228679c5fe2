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


EVERYDAY = """
I did not ask for that.
Thank you for that.
I already know that.
I don't want to.
I'd love to.
I need someone to talk to.
That's what I was looking for.
There is nothing to worry about.
No, I am not.
I don't know what to say.
Tell me what you think.
I guess.
I was born in 1984.
My number is 5551234.
Set a timer for 10.
What is it good for?
That is what it is.
It depends.
I will see what I can do.
My brother is getting married in May.
Ask her where the keys are.
I don't know how the printer is.
Your order has been changed.
It was sent yesterday.
Our bus number is 14.
""".strip().splitlines()


@pytest.mark.parametrize("text", EVERYDAY)
def test_a_full_stop_that_was_heard_ends_a_sentence(text: str) -> None:
    """As written by Whisper, of which a sentence that breaks off seldom has one."""
    judgement = judge(text, punctuated=True)
    assert judgement.certainty >= FINISHED, judgement


@pytest.mark.parametrize(
    "text",
    [
        *("I would like to order.", "I want a.", "It was because.", "I would like to, um."),
        *("That's what I was looking", "I was born in", "and then she said that"),
        *("Why does my phone?", "How many people?", "What is the?"),
        *("I would like to...", "So, I was thinking,", "My room number is..."),
        *(
            "What the problem is",
            "I have sent",
            "My phone number is 555",
            "I know that the cats are",
        ),
    ],
)
def test_a_full_stop_does_not_end_every_phrase_and_the_lack_of_one_none(text: str) -> None:
    judgement = judge(text, punctuated=True)
    assert judgement.certainty < 0.5, judgement


def test_of_a_recogniser_that_does_not_punctuate_the_words_alone_count() -> None:
    for text in ("what is the capital of france", "i would like to order", "turn it off"):
        assert judge(text) == judge(text, punctuated=False)
        assert judge(f"{text}.").certainty == pytest.approx(certainty(text), abs=0.06)
    assert judge("the lights are on in the kitchen", punctuated=True).certainty < 0.5
    assert certainty("the lights are on in the kitchen") >= FINISHED


def test_in_other_languages_the_mark_tells() -> None:
    for text in (
        "Ich möchte nach Hause.",
        "Quelle heure est-il ?",
        "今何時ですか？",
        "नमस्ते दुनिया।",
    ):
        assert judge(text, punctuated=True).certainty >= 0.65, text
    for text in ("Ich möchte heute gerne nach", "Je voudrais bien réserver une"):
        assert judge(text, punctuated=True).certainty < 0.25, text
    # Where the recogniser tells the language, no rule of another is applied.
    assert judge("He was not an", punctuated=True, language="en").certainty <= CLEARLY_UNFINISHED
    assert judge("Wytarz się i tak.", punctuated=True, language="pl").certainty >= 0.65
    for text in ("いろはにほへと", "zwei Karten"):  # which often go without
        assert judge(text, punctuated=True).certainty == 0.5, text
