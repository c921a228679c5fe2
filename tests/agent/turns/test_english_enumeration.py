"""A list that is being told goes on until its last item."""

import pytest

from agent.turns.completeness import judge
from agent.turns.english_enumeration import goes_on


@pytest.mark.parametrize(
    "text",
    [
        "Press one to mute yourself.",
        "Please press 1 to mute or unmute yourself. 2 to lock the conference.",
        "Press 1 to mute yourself, 4 or 6 to decrease or increase the volume.",
        "For the sales department, press 1.",
        "There are two problems with the car.",
        "I have three questions.",
        "Not only is it late.",
        "On the one hand it is cheap.",
        "First of all, I want to thank you.",
        "Either we take the bus.",
    ],
)
def test_an_item_of_a_list_is_not_its_end(text: str) -> None:
    assert goes_on(text)
    judgement = judge(text, punctuated=True)
    assert judgement.certainty < 0.5
    assert judgement.alone


@pytest.mark.parametrize(
    "text",
    [
        "Press 1 to mute yourself, 4 or 6 to change the volume, or 8 to exit.",
        "For sales, press 1. For help, press 2. Otherwise, please press star now.",
        "Press 8 to leave the menu.",
        "There are two problems with the car. It is old, and it is red.",
        "I have two questions, when and where?",
        "Not only is it late, but it rains.",
        "On the one hand it is cheap, on the other hand it is ugly.",
        "First I take the train, then the bus.",
        "First class, please.",
        "Either way is fine.",
        "I do not like it either.",
        "Two tickets to London.",
    ],
)
def test_what_is_no_list_or_a_whole_one(text: str) -> None:
    assert not goes_on(text)
    assert not judge(text, punctuated=True).alone


def test_a_list_in_another_language_is_not_read() -> None:
    assert not judge("Press 1 to go.", punctuated=True, language="de").alone
