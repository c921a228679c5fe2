import pytest

from agent.audio.echo.text import repeats

SPOKEN = (
    "It is sunny in London today, and the temperature is about twenty degrees. "
    "Would you like to hear the forecast for tomorrow?"
)


@pytest.mark.parametrize(
    "transcript",
    [
        "would you like to hear the forecast for tomorrow",
        "Would you like to hear the forecast",  # its tail is missing
        "the temperature is about twenty degrees",
        "whether in lunch on to day and the temper sure is a boat twenty",  # misheard
        "like to hear the four cast for to morrow",
        "for tomorrow",
        "Tomorrow?",
    ],
)
def test_the_agents_own_words(transcript: str) -> None:
    assert repeats(transcript, SPOKEN)


@pytest.mark.parametrize(
    "transcript",
    [
        "",
        "yes",
        "no thank you",
        "yes please",
        "London",  # said, but a while ago
        "stop that is enough",
        "tell me about the weather in Paris",
        "what about the forecast for sunday",
        "would you like to hear the forecast for tomorrow no stop please I want to talk",
    ],
)
def test_the_users_words(transcript: str) -> None:
    assert not repeats(transcript, SPOKEN)


def test_a_short_answer_is_an_echo_only_if_it_was_just_said() -> None:
    assert repeats("yes", "I think so, yes.")
    assert not repeats("yes", "Yes, I think that this is so.")
    assert not repeats("yes", "")


def test_what_was_said_long_ago_may_be_said_again() -> None:
    assert not repeats("it is sunny in London today", SPOKEN + " " + "Well then, let us see." * 9)


def test_long_texts_take_no_time() -> None:
    assert not repeats("nothing of the kind " * 20, SPOKEN * 100)
