"""Backchannels: what a listener says to show that they listen, and that is no turn of theirs.

"Mm-hm", "right", "yeah": whoever speaks goes on. English words, and the ways in which recognisers
write sounds that have no spelling.
"""

import re

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
