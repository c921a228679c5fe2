"""Backchannels: what a listener says to show that they listen, and that is no turn of theirs.

"Mm-hm", "right", "ach so", "なるほど", and what bids the speaker to go on. In the conversation's
language, or in all of them at once where it is not known, as that of two words is not worth a
guess: so what is a backchannel in one and a turn in another (Polish "no" is a yes) is left out.
The words are in `configs/languages`; sounds that have no spelling are here, in the ways in which
recognisers write them.
"""

import re
from dataclasses import dataclass
from functools import cache

from agent.languages import codes, listed, section, spaceless, words

MOST_WORDS = 2
"""A backchannel has no more, unless it is a phrase that is known (Full-Duplex-Bench's definition,
with at most 1 s of sound)."""

_SOUNDS = listed(
    "hm, hmm, hmmm, huh, mhm, mhmm, mmhm, mm, mmm, m, ah, aha, oh, ooh, uhhuh, uhuh, ok, okay, wow"
)
_LAUGHTER = re.compile(
    r"\W*(?:a?(?:ha|he|ho|hah|heh)(?:\W*(?:ha|he|ho|hah|heh))+h?|(?:hi){2,}"
    r"|(?:la|da|na|dum|doo)(?:\W*(?:la|da|na|dum|doo)){2,})\W*",
    re.IGNORECASE,
)
"""As recognisers write it, and somebody who sings to themselves."""
_PLEAS = frozenset({"please", "bitte", "proszę"})
"""More often they begin "please stop", and nobody waits for what follows."""


@dataclass(frozen=True, slots=True)
class _Known:
    """The backchannels of a language, or of all."""

    alone: frozenset[str]
    """What also doubles: "yeah, right"."""
    phrases: frozenset[str]
    go_on: frozenset[str]
    """Those of the phrases that bid one to go on."""


def is_backchannel(text: str, language: str | None = None) -> bool:
    """Whether `text`, all that somebody said, only means that they are listening.

    `language`: a code such as en, None where it is not known.
    """
    known, spoken = _known(language), words(text)
    if " ".join(spoken) in known.phrases:
        return True
    if len(spoken) == 1 and spaceless(spoken[0]):
        spoken = _parted(spoken[0], known.alone)
    return 1 <= len(spoken) <= MOST_WORDS and all(word in known.alone for word in spoken)


def is_laughter(text: str) -> bool:
    """Whether `text` is what a recogniser writes for a laugh ("ha ha"), or for "la la la"."""
    return _LAUGHTER.fullmatch(text) is not None


def bids_to_go_on(text: str, language: str | None = None) -> bool:
    """Whether it is a backchannel only while there is more to come, and else asks for more."""
    return " ".join(words(text)) in _known(language).go_on


def could_become_backchannel(partial: str, language: str | None = None) -> bool:
    """Whether `partial`, what has been understood so far, may yet turn out to be one."""
    known, said = _known(language), " ".join(words(partial))
    if not said or is_backchannel(partial, language):
        return True
    if spaceless(said):  # its last word may have more characters
        return any(whole.startswith(said) for whole in known.phrases | known.alone)
    return said not in _PLEAS and any(whole.startswith(f"{said} ") for whole in known.phrases)


def _parted(text: str, alone: frozenset[str]) -> list[str]:
    """The two backchannels that a text without spaces consists of, or the text."""
    cuts = (n for n in range(1, len(text)) if text[:n] in alone and text[n:] in alone)
    cut = next(cuts, 0)
    return [text[:cut], text[cut:]] if cut else [text]


def _known(language: str | None) -> _Known:
    """Those of a language; of all of them where it is unknown, or none are known of it."""
    return _read(language if language and section(language, "turns", "backchannels") else None)


@cache
def _read(language: str | None) -> _Known:
    of = [section(code, "turns", "backchannels") for code in ([language] if language else codes())]
    alone, phrases, go_on = (
        frozenset(word for each in of for word in listed(each.get(key, "")))
        for key in ("alone", "phrases", "go_on")
    )
    return _Known(alone.union(_SOUNDS), phrases | go_on, go_on)
