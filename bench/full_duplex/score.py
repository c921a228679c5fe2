"""What a performance was like, from the two recordings and the history, not from the agent's word.

Every measure is None where it does not apply or cannot be known.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from agent.conversation.spoken import RECOGNISED_AFTER
from bench.full_duplex import texts
from bench.full_duplex.listening import Stretch
from bench.full_duplex.performance import Performance
from bench.full_duplex.room import Placed
from bench.full_duplex.voices import RATE, Clip

PATIENCE = 4.0
"""Seconds in which the user expects a reply."""

DUCKED = 0.5
"""The gain below which the agent counts as ducked: 6 dB down."""

_COMPLETE = 0.03  # seconds of a clip's end that may be too quiet to be recognised
_FADE = 0.005
_EXACT = 0.006  # seconds by which the place of an end is known
_CARD = 0.15  # seconds that a sound card has taken before it plays them


@dataclass(frozen=True, slots=True)
class Score:
    """One performance, in seconds and yes or no.

    `takeover`: the agent spoke before the user had finished (pauses), or answered what the scene
    is about (everything else). `response`: the user's last loud sample to the reply's first.
    `duck`, `stop`: the first loud sample of what disturbs to the agent being softer, or silent.
    `stopped`: it fell silent; `lost`: and never said the rest. `context`: the history has the words
    that were played, no more, no fewer. `said`: seconds that the agent spoke.
    """

    takeover: bool
    context: bool
    said: float
    response: float | None = None
    duck: float | None = None
    stop: float | None = None
    stopped: bool | None = None
    lost: bool | None = None


def score(performance: Performance) -> Score:
    """Score what happened by what kind of scene it was."""
    match performance.scene.kind:
        case "pause" | "turn":
            return _turn(performance)
        case "interruption" | "over noise" | "soft interruption" | "household, for the agent":
            return _interruption(performance)
        case "side talk in silence":
            return Score(takeover=len(replies(performance.heard)) > 1, **_always(performance))
        case _:
            return _disturbance(performance)


def _turn(performance: Performance) -> Score:
    user = performance.placed[-1]
    early = any(s.begin < user.end and s.end > user.begin for s in performance.heard)
    response = _response(performance, user.end)
    paused = performance.scene.kind == "pause"
    return Score(
        takeover=early if paused else not early and response is not None,
        response=None if early else response,
        **_always(performance),
    )


def _interruption(performance: Performance) -> Score:
    act, sounding = _disturbed(performance)
    if act is None or sounding is None:
        return Score(takeover=False, **_always(performance))
    stop = _stop(sounding)
    reaction = [s for s in performance.heard if s.clip.text == texts.REACTION]
    response = reaction[0].begin - act.end if reaction else None
    return Score(
        takeover=stop is not None and response is not None and 0 <= response < PATIENCE,
        response=response,
        duck=_since(act.begin, sounding.quieter_than(DUCKED, act.begin), stop),
        stop=_since(act.begin, stop),
        stopped=stop is not None,
        **_always(performance),
    )


def _disturbance(performance: Performance) -> Score:
    """Whatever it was, the reply should go on."""
    act, sounding = _disturbed(performance)
    if sounding is None:
        return Score(takeover=False, stopped=True, lost=True, **_always(performance))
    begin = act.begin if act else sounding.begin
    stop = _stop(sounding)
    rest = max(s.position + s.length for s in performance.heard if s.clip is sounding.clip)
    return Score(
        takeover=len(replies(performance.heard)) > 1,
        duck=_since(begin, sounding.quieter_than(DUCKED, begin)),
        stop=_since(begin, stop),
        stopped=stop is not None,
        lost=rest < len(sounding.clip.pcm) - _COMPLETE * RATE,
        **_always(performance),
    )


def _disturbed(performance: Performance) -> tuple[Placed | None, Stretch | None]:
    """What disturbs the agent, if it came to that, and what the agent was saying then."""
    if not any(act.in_reply for act in performance.scene.acts):
        return None, next(iter(performance.heard), None)
    act = next((p for p in performance.placed if p.act.in_reply), None)
    if act is None:
        return None, None
    return act, next((s for s in performance.heard if s.begin <= act.begin < s.end), None)


def _stop(sounding: Stretch) -> float | None:
    """When the agent fell silent in the middle of what it was saying."""
    if sounding.position + sounding.length >= len(sounding.clip.pcm) - _COMPLETE * RATE:
        return None
    return sounding.end + _FADE


def _since(begin: float, *times: float | None) -> float | None:
    known = [time - begin for time in times if time is not None]
    return min(known, default=None)


def _response(performance: Performance, end: float) -> float | None:
    after = (s.begin - end for s in performance.heard if s.begin > end)
    return next((seconds for seconds in after if seconds < PATIENCE), None)


def _always(performance: Performance) -> dict[str, Any]:
    said = sum(s.length for s in performance.heard) / RATE
    return {"context": _context(performance), "said": said}


def _context(performance: Performance) -> bool:
    """Whether the history has just the words of the agent's that were played, in order."""
    remembered = [m.content.split() for m in performance.history if m.role == "assistant"]
    early = _CARD if performance.setting.devices else _EXACT
    for clip, played in replies(performance.heard):
        words = clip.text.split()
        fewest = _heard_words(clip, played - early * RATE)
        most = _heard_words(clip, played + _EXACT * RATE)
        if remembered and any(words[:n] == remembered[0] for n in range(max(1, fewest), most + 1)):
            del remembered[0]
        elif fewest:
            return False
    return not remembered


def replies(heard: Sequence[Stretch]) -> list[tuple[Clip, int]]:
    """The replies that were heard, each with how many samples of it."""
    found: list[tuple[Clip, int]] = []
    for stretch in heard:
        end = stretch.position + stretch.length
        same = bool(found) and found[-1][0] is stretch.clip
        # From the beginning again, though much had been heard: another reply of the same words.
        again = same and stretch.position < 0.02 * RATE and found[-1][1] > RATE
        if same and not again:
            found[-1] = (stretch.clip, max(found[-1][1], end))
        else:
            found.append((stretch.clip, end))
    return found


def _heard_words(clip: Clip, played: float) -> int:
    """Words of which enough was played: as the agent says it counts, but counted here."""
    if played >= len(clip.pcm) - _COMPLETE * RATE:
        return len(clip.words)
    ends = [*(w.start for w in clip.words[1:]), len(clip.pcm) / RATE]
    needed = (min(w.start + RECOGNISED_AFTER, end) for w, end in zip(clip.words, ends, strict=True))
    return sum(time * RATE <= played for time in needed)
