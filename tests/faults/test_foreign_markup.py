"""Markup of one engine is never read aloud by another: it makes it, or there is a pause."""

import pytest

from tts.clean import SpeechText


def clean(*fragments: str, sounds: bool) -> str:
    speech = SpeechText(sounds=sounds)
    return "".join([speech.feed(fragment) for fragment in fragments]) + speech.finish()


@pytest.mark.parametrize(
    ("written", "plain", "made"),
    [
        (
            'One <break time="1s"/> two. [S1] Hello. [S2] Good day.',
            "One, two. Hello. Good day.",
            'One <break time="1s"/> two. [S1] Hello. [S2] Good day.',
        ),
        ("*chuckles softly* Well.", "Well.", "(chuckles) Well."),
        ("I see. (sigh) Fine.", "I see. Fine.", "I see. (sighs) Fine."),
        ("Oh! *laughing nervously* No.", "Oh! No.", "Oh! (laughs) No."),
        ("_sighs deeply_ Right.", "Right.", "(sighs) Right."),
        ("[laughs] Hi. <laugh> You. <sigh>", "Hi. You. ", "(laughs) Hi. (laughs) You. (sighs)"),
        ("(clears his throat) So.", "So.", "(clears throat) So."),
        ("*smiles* Hello (winks).", "Hello.", "Hello."),
        ("Wait (pause) now. [long pause] Go.", "Wait, now. Go.", "Wait, now. Go."),
        ("[excited] We won! [whispers] Quiet.", "We won! Quiet.", "We won! Quiet."),
        ("[whispering quietly](https://x.y) is", "whispering quietly is", None),
        ('<say-as interpret-as="date">May</say-as> <emphasis>now</emphasis>', "May now", None),
        ('<speak>Hi <amazon:effect name="whispered">you</amazon:effect></speak>', "Hi you", None),
        # No directions.
        ("He *laughs* a lot, and (so) he *sings*.", "He laughs a lot, and (so) he sings.", None),
        ("(laugh lines are not sad) [note]", "(laugh lines are not sad) [note]", None),
        ("Section [S] and [S12] and (S1)", "Section [S] and [S12] and (S1)", None),
    ],
)  # fmt: skip
def test_it_is_made_or_silent(written: str, plain: str, made: str | None) -> None:
    assert clean(written, sounds=False) == plain
    assert clean(*written, sounds=False) == plain
    assert clean(written, sounds=True) == (plain if made is None else made)
    assert clean(*written, sounds=True) == (plain if made is None else made)


def test_an_engine_makes_the_sounds_that_it_has() -> None:
    speech = SpeechText(sounds=("sighs",))
    assert speech.feed("(laughs) Oh. (sigh) Well.") == "Oh. (sighs) Well."


@pytest.mark.parametrize("token", ["<|im_end|>", "<|channel|>", "<|start_header_id|>", "<|eot|>"])
def test_control_tokens_are_silent(token: str) -> None:
    assert clean(f"Paris.{token} So", sounds=False) == "Paris. So"
    assert clean(*f"Paris.{token} So", sounds=True) == "Paris. So"
