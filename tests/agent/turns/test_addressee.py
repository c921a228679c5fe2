"""To whom words are said: to the agent, or by people to one another."""

import pytest

from agent.languages import codes
from agent.turns.addressee import addressee, recalls
from bench.full_duplex import talk, texts


def addressees(text: str, language: str | None = "en") -> list[str]:
    """After each word."""
    words = text.split()
    return [addressee(" ".join(words[:end]), language) for end in range(1, len(words) + 1)]


@pytest.mark.parametrize(
    "text",
    [
        "Did you feed the cat?",
        "did you lock the door",
        "Have you seen my glasses?",
        "Come here.",
        "And where did you put it?",
        "Honey, the phone.",
        "I'll be there.",
        "Pass me the salt, please.",
        "By the way, your shoes are wet.",
        "I am coming, one moment.",
    ],
)
def test_people_talk_to_one_another(text: str) -> None:
    assert addressee(text, "en") == "others"


@pytest.mark.parametrize(
    "text",
    [
        "Did you say Tuesday?",
        "Do you know a shorter way?",
        "Are you sure?",
        "What did you mean by that?",
        "Can you tell me more?",
        "Wait, did you feed the cat?",  # who calls it is heard, whatever follows
        "I was talking to you.",
    ],
)
def test_the_agent_is_addressed(text: str) -> None:
    assert addressee(text, "en") in ("agent", "unknown")


@pytest.mark.parametrize(
    "text", [*texts.QUESTIONS, *texts.INTERRUPTIONS, *talk.TO_THE_AGENT, *talk.TO_THE_AGENT_KEPT]
)
def test_what_the_bench_says_to_the_agent_is_not_said_to_others(text: str) -> None:
    assert "others" not in addressees(text)


def test_things_an_agent_deals_with_are_not_put_anywhere() -> None:
    assert addressee("Put the milk on my list", "en") == "unknown"
    assert addressee("Put the milk on the table", "en") == "others"


def test_it_is_open_until_the_words_tell() -> None:
    assert addressees("Did you feed the cat") == ["open", "open", "others", "others", "others"]
    assert addressees("Did they win") == ["open", "unknown", "unknown"]


def test_a_word_that_begins_most_questions_is_not_waited_for() -> None:
    assert addressees("Where did you park")[:3] == ["unknown", "open", "open"]


@pytest.mark.parametrize("language", [None, "xx", *(code for code in codes() if code != "en")])
def test_no_language_goes_by_the_words_of_another(language: str | None) -> None:
    spoken = ("Come stai?", "Did you feed the cat?", "Put", "Honey, come here", "be", "We", "i do")
    assert {addressee(text, language) for text in spoken} <= {"unknown", "agent"}


@pytest.mark.parametrize(
    "text", ["The children are playing.", "She will come at six.", "Peter is at the door."]
)
def test_who_says_how_things_are_may_speak_to_anybody(text: str) -> None:
    assert addressee(text, "en") == "telling"


@pytest.mark.parametrize(
    "text",
    [
        "That is wrong.",
        "The other one, please.",
        "The church?",
        "I need a bus.",
        "But why",
        "much does it",
    ],
)
def test_a_remark_to_who_speaks_tells_nothing(text: str) -> None:
    assert addressee(text, "en") == "unknown"


def test_a_yes_may_be_an_answer_to_anybody() -> None:
    assert addressee("Yes, this morning.", "en") == "answer"


def test_words_are_recalled_by_who_meant_the_agent() -> None:
    assert recalls("I was talking to you!", "en")
    assert not recalls("I was talking to him", "en")
    assert not recalls("I was talking to you!", None)
