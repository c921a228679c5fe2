"""What it means that the user is heard while the agent speaks: a barge-in or not. Pure logic.

It may be a *backchannel* (`agent.turns.backchannels`): whoever speaks goes on.
"""

from dataclasses import dataclass
from typing import Literal

from agent.config.sections import InterruptionSettings
from agent.languages import word_count
from agent.turns.backchannels import could_become_backchannel, is_backchannel, is_laughter
from agent.turns.side_talk import UNKNOWN, Evidence

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
    evidence: Evidence = UNKNOWN,
    expected: bool = False,
    language: str | None = None,
) -> Verdict:
    """Decide what the user wants who has been heard for `voice` seconds saying `text` so far.

    `spoken`: seconds that the reply has been heard for. `final`: the user has come to a pause, and
    the words are all there are. `partials`: see `wordless`. `evidence`: whose voice it may be.
    `expected`: the agent has asked something. `language`: the code of the user's, None where it
    is not known.
    """
    words = word_count(text)
    if settings.side_talk == "ignore":
        why = evidence.side_talk(text, language)
        if why is None and not expected and spoken >= EARLY:  # or else it is likely the user
            brief = not final and voice < BACKCHANNEL
            why = evidence.said_to_others(text, language, final=final, brief=brief)
        if why is not None:
            return Verdict("nothing" if final else "wait", why)
    if final:
        if not words:
            return Verdict("nothing", "no words in it")
        listens = is_backchannel(text, language) and voice <= BACKCHANNEL
        if listens or is_laughter(text):
            return Verdict("backchannel", f"'{text}'")
    elif early := _too_early(settings, spoken, voice, text, language=language, partials=partials):
        return Verdict("wait", early)
    if words < settings.min_words:
        few = f"{words} of {settings.min_words} words (interruption.min_words)"
        return Verdict("nothing" if final else "wait", few)
    return Verdict("stop", f"'{text}'" if words else f"{voice:.2f} s of voice")


def _too_early(
    settings: InterruptionSettings,
    spoken: float,
    voice: float,
    text: str,
    *,
    language: str | None,
    partials: bool,
) -> str:
    """Say why nobody knows yet; nothing if it is known."""
    if is_laughter(text):
        return f"'{text}' is a laugh"
    enough = settings.min_speech if text.split() else wordless(settings, partials=partials)
    if text.split() and spoken < EARLY:
        enough = min(enough, GOING_ON)
    if voice < enough:
        return f"{voice:.2f} s of voice (interruption.min_speech)"
    if text.split() and could_become_backchannel(text, language) and voice < BACKCHANNEL:
        return f"'{text}' may be a backchannel"
    return ""
