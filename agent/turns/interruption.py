"""What it means that the user is heard while the agent speaks: a barge-in or not. Pure logic.

It may be a *backchannel*, what a listener says to show that they listen, and that is no turn of
theirs: "mm-hm", "right", "yeah"; whoever speaks goes on. Known are English ones, in the ways in
which recognisers write sounds that have no spelling.
"""

import re
from dataclasses import dataclass
from typing import Literal

from agent.config.sections import InterruptionSettings

BACKCHANNEL = 1.0
"""Seconds of voice beyond which the shortest of words are meant to interrupt."""

EARLY = 1.5
"""Seconds from the beginning of a reply in which a voice is likely to be the user going on."""

GOING_ON = 0.12
"""Seconds of voice, with words, that stop the agent then."""

_COUGH = 0.2
"""Seconds of voice without words more than it takes with words, where words come while they are
spoken: one that has none by then may be a cough."""

_BLIND = 0.05
"""And where they do not: then nobody can tell."""

MOST_WORDS = 2
"""A backchannel has no more (Full-Duplex-Bench's definition, with at most 1 s of sound)."""


def _set(phrases: str) -> frozenset[str]:
    return frozenset(phrases.split("|"))


_ALONE = _set(
    "yeah|yea|yes|yep|yup|right|okay|ok|sure|true|exactly|indeed|wow|nice|great|cool|really|totally"
    "|absolutely|definitely|interesting|fine|good|hm|hmm|hmmm|huh|mhm|mhmm|mmhm|mm|mmm|m|ah|aha|oh"
    "|ooh|uhhuh|uhuh"
)
_TOGETHER = _set(
    "mm hm|mm hmm|mm huh|m hm|m hmm|um hm|um hmm|uh huh|uh hum|a ha|i see|i know|got it|of course"
    "|that's right|that's true|all right|alright|sounds good|go on|very good|very nice|fair enough"
    "|makes sense|for sure"
)


def wordless(settings: InterruptionSettings, *, partials: bool) -> float:
    """Return how many seconds of voice without words stop the agent.

    `partials`: the recogniser gives words while they are spoken.
    """
    return settings.min_speech + (_COUGH if partials else _BLIND)


def decision_points(settings: InterruptionSettings) -> tuple[float, ...]:
    """Return the lengths of voice, in seconds, at which `decide` may decide anew."""
    limits = {GOING_ON, settings.min_speech, BACKCHANNEL}
    limits |= {wordless(settings, partials=partials) for partials in (False, True)}
    return tuple(sorted(limits))


Meaning = Literal["stop", "wait", "backchannel", "nothing"]


@dataclass(frozen=True, slots=True)
class Verdict:
    """`stop` the agent; `wait`: nobody knows yet; it was but a `backchannel`, or `nothing`."""

    meaning: Meaning
    why: str


def decide(
    settings: InterruptionSettings,
    *,
    spoken: float,
    voice: float,
    text: str,
    final: bool,
    partials: bool,
) -> Verdict:
    """Decide what the user wants who has been heard for `voice` seconds saying `text` so far.

    `spoken`: seconds that the reply has been heard for. `final`: the user has come to a pause, and
    the words are all there are. `partials`: see `wordless`.
    """
    words = len(text.split())
    if final:
        if not words:
            return Verdict("nothing", "no words in it")
        if is_backchannel(text) and voice <= BACKCHANNEL:
            return Verdict("backchannel", f"'{text}'")
    else:
        enough = settings.min_speech if words else wordless(settings, partials=partials)
        if words and spoken < EARLY:
            enough = min(enough, GOING_ON)
        if voice < enough:
            return Verdict("wait", f"{voice:.2f} s of voice (interruption.min_speech)")
        if words and could_become_backchannel(text) and voice < BACKCHANNEL:
            return Verdict("wait", f"'{text}' may be a backchannel")
    if words < settings.min_words:
        few = f"{words} of {settings.min_words} words (interruption.min_words)"
        return Verdict("nothing" if final else "wait", few)
    return Verdict("stop", f"'{text}'" if words else f"{voice:.2f} s of voice")


def is_backchannel(text: str) -> bool:
    """Whether `text`, all that somebody said, only means that they are listening."""
    words = _words(text)
    if not 1 <= len(words) <= MOST_WORDS:
        return False
    return " ".join(words) in _TOGETHER or all(word in _ALONE for word in words)


def could_become_backchannel(partial: str) -> bool:
    """Whether `partial`, what has been understood so far, may yet turn out to be one."""
    said = " ".join(_words(partial))
    if not said or is_backchannel(partial):
        return True
    return any(whole.startswith(f"{said} ") for whole in _TOGETHER)


def _words(text: str) -> list[str]:
    return re.findall(r"[^\W_]+(?:'[^\W_]+)*", text.lower().replace("’", "'"))
