"""Who says "mm-hm" does not want to interrupt; who says "no" does."""

import pytest

from agent.turns.interruption import could_become_backchannel, is_backchannel

BACKCHANNELS = """
mm-hm|Mm-hmm.|mm hmm|mmhm|mhm|Mhm.|m|mm|hm|hmm|Hmm...|uh-huh|uh huh|Uh-huh!|right|Right.|yeah
Yeah, yeah.|yep|yes|okay|OK.|Okay, sure.|I see.|i see|sure|got it|Got it.|of course|that's right
that’s right|all right|oh|ah|aha|wow|oh okay|yeah right|really|exactly|great|cool|sounds good
""".replace("\n", "|").strip("|")

TURNS = """
stop|Stop!|no|No.|wait|what|What?|no no|okay stop|yeah but|right now|wait wait|why|hello|thank you
oh no|yeah what|i see a dog|yeah yeah yeah|mm-hm mm-hm|play|louder|the right one|okay so what|um|uh
""".replace("\n", "|").strip("|")


@pytest.mark.parametrize("text", BACKCHANNELS.split("|"))
def test_a_backchannel(text: str) -> None:
    assert is_backchannel(text)
    assert could_become_backchannel(text)


@pytest.mark.parametrize("text", [*TURNS.split("|"), "", " ", "..."])
def test_no_backchannel(text: str) -> None:
    assert not is_backchannel(text)


@pytest.mark.parametrize("partial", ["", "i", "uh", "mm", "got", "of", "that's", "yeah", "sounds"])
def test_what_may_yet_become_one(partial: str) -> None:
    assert could_become_backchannel(partial)


@pytest.mark.parametrize("partial", ["stop", "no", "wait", "what", "i want", "yeah but", "turn"])
def test_what_cannot_become_one(partial: str) -> None:
    assert not could_become_backchannel(partial)
