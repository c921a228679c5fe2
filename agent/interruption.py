"""What it means that the user is heard while the agent speaks. Pure logic."""

from dataclasses import dataclass
from typing import Literal

from agent.backchannel import could_become_backchannel, is_backchannel
from agent.settings import InterruptionSettings

BACKCHANNEL = 1.0
"""Seconds of voice beyond which the shortest of words are meant to interrupt."""

Meaning = Literal["stop", "wait", "backchannel", "nothing"]


@dataclass(frozen=True, slots=True)
class Verdict:
    """`stop` the agent; `wait`: nobody knows yet; it was but a `backchannel`, or `nothing`."""

    meaning: Meaning
    why: str


def weigh(settings: InterruptionSettings, *, voice: float, text: str, final: bool) -> Verdict:
    """What the user wants who has been heard for `voice` seconds saying `text` so far.

    `final`: the user has come to a pause, and the words are all there are.
    """
    words = len(text.split())
    if final:
        if not words:
            return Verdict("nothing", "no words in it")
        if is_backchannel(text) and voice <= BACKCHANNEL:
            return Verdict("backchannel", f"'{text}'")
    elif voice < settings.min_speech:
        return Verdict("wait", f"{voice:.2f} s of voice (interruption.min_speech)")
    elif words and could_become_backchannel(text) and voice < BACKCHANNEL:
        return Verdict("wait", f"'{text}' may be a backchannel")
    if words < settings.min_words:
        few = f"{words} of {settings.min_words} words (interruption.min_words)"
        return Verdict("nothing" if final else "wait", few)
    return Verdict("stop", f"'{text}'" if words else f"{voice:.2f} s of voice")
