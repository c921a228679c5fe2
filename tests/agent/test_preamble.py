"""The system message: preamble, sounds, instructions."""

from agent.preamble import PREAMBLE, system_message
from tts.clean import SOUNDS, SpeechText


def test_its_parts() -> None:
    assert system_message("", "") == ""
    assert system_message(" ", "Be kind.\n") == "Be kind."
    assert system_message(PREAMBLE, "Be kind.") == f"{PREAMBLE}\n\nBe kind."
    *_, note, instructions = system_message(PREAMBLE, "Be kind.", SOUNDS).split("\n\n")
    assert "(laughs), (chuckles)" in note
    assert instructions == "Be kind."


def test_it_can_itself_be_spoken() -> None:
    """It shows the style that it asks for: nothing in it has to be cleaned away."""
    text = SpeechText()
    assert text.feed(PREAMBLE) + text.finish() == PREAMBLE
