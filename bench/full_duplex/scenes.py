"""The scenes: who makes which sound when, and what the agent is given to say."""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import cycle
from typing import Literal, get_args

from bench.full_duplex import texts
from bench.full_duplex.voices import VOICES, Clip, murmur, pausing, speak

Kind = Literal[
    "turn",
    "pause",
    "interruption",
    "backchannel",
    "noise",
    "steady noise",
    "over noise",
    "no words",
    "side talk",
    "loud side talk",
    "side talk in silence",
    "soft interruption",
    "household",
    "household, for the agent",
    "television",
    "monologue",
]
HOUSEHOLD: tuple[Kind, ...] = ("household", "household, for the agent", "television")
KINDS: tuple[Kind, ...] = get_args(Kind)

USER = -26.0
"""The level of the user's speech at the microphone, in dBFS."""

_STRETCHES = (1.0, 1.15, 0.95, 1.3)


@dataclass(frozen=True, slots=True)
class Act:
    """A sound at the microphone, `at` seconds into the scene or, if `in_reply`, the first reply."""

    sound: Clip
    at: float
    in_reply: bool = False


@dataclass(frozen=True, slots=True)
class Scene:
    """One item of a set.

    `answers`: what the agent says when the user's last words contain the first part; to other
    words it says `texts.UNEXPECTED`. The last act is what the scene is about, and `trait` what is
    special about it.
    """

    kind: Kind
    name: str
    acts: tuple[Act, ...]
    answers: tuple[tuple[str, str], ...]
    trait: str = ""


@dataclass(frozen=True, slots=True)
class EchoPath:
    """How the agent's voice comes back: seconds late, and this much softer."""

    delay: float
    decibels: float


def pauses() -> list[Scene]:
    """The user pauses in the middle of a sentence, which is not the end of the turn."""
    scenes = []
    lengths = cycle(texts.PAUSES)
    for number, (text, (voice, stretch)) in enumerate(zip(texts.PAUSED, speakers(), strict=False)):
        length = next(lengths)
        sound = pausing(text, voice, [length], stretch=stretch)
        acts = (Act(sound, _start(number)),)
        name = f"{number:02d} {length:.1f} s"
        scenes.append(Scene("pause", name, acts, _at_last(sound), f"{length:.1f} s"))
    return scenes


def turns() -> list[Scene]:
    """The user asks something and has finished."""
    scenes = []
    for number, (text, (voice, stretch)) in enumerate(
        zip(texts.QUESTIONS, speakers(), strict=False)
    ):
        sound = speak(text, voice, stretch=stretch)
        scenes.append(
            Scene("turn", f"{number:02d}", (Act(sound, _start(number)),), _at_last(sound))
        )
    return scenes


def backchannels() -> list[Scene]:
    """The user shows that they listen."""
    return [
        disturbed(
            "backchannel",
            number,
            murmur(text, phones, voice) if phones else speak(text, voice),
            at=1.5 + 0.25 * (number % 7),
        )
        for number, ((text, phones), (voice, _)) in enumerate(
            zip(texts.BACKCHANNELS, speakers(), strict=False)
        )
    ]


def interruptions() -> list[Scene]:
    """The user wants the floor."""
    return [
        disturbed(
            "interruption",
            number,
            speak(text, voice, stretch=stretch),
            at=1.5 + 0.25 * (number % 7),
            answer=(text.split()[-1], texts.REACTION),
        )
        for number, (text, (voice, stretch)) in enumerate(
            zip(texts.INTERRUPTIONS, speakers(), strict=False)
        )
    ]


def monologues(seconds: float) -> list[Scene]:
    """Nobody disturbs the agent for about that long in all."""
    scenes = []
    for number in range(max(1, round(seconds / 36))):
        question = speak(texts.QUESTIONS[number % len(texts.QUESTIONS)], VOICES[number % 4])
        turn = number % len(texts.ANSWERS)
        text = " ".join((*texts.ANSWERS[turn:], *texts.ANSWERS[:turn]))
        acts = (Act(question, _start(number)),)
        scenes.append(Scene("monologue", f"{number:02d}", acts, ((question.text, text),)))
    return scenes


def disturbed(
    kind: Kind,
    number: int,
    sound: Clip,
    *,
    at: float,
    answer: tuple[str, str] | None = None,
    trait: str = "",
) -> Scene:
    """A question, a long answer, and `sound` `at` seconds into it."""
    voice = VOICES[(number + 1) % len(VOICES)]
    question = speak(texts.QUESTIONS[number % len(texts.QUESTIONS)], voice)
    long = texts.ANSWERS[number % len(texts.ANSWERS)]
    answers = (*([answer] if answer else []), (question.words[-1].text, long))
    acts = (Act(question, _start(number)), Act(sound, at, in_reply=True))
    return Scene(kind, f"{number:02d} {trait or sound.text}", acts, answers, trait)


def _start(number: int) -> float:
    """Seconds, at another place in the devices' blocks for every scene."""
    return 0.5 + 0.0073 * number


def _at_last(sound: Clip) -> tuple[tuple[str, str], ...]:
    """The answer to a sentence, once all of it has been said."""
    return ((sound.words[-1].text, texts.SHORT),)


def speakers() -> Sequence[tuple[str, float]]:
    """Voices and how slowly they speak: no pair comes twice among sixteen."""
    return [
        (VOICES[(turn + shift) % 4], _STRETCHES[turn]) for shift in range(4) for turn in range(4)
    ] * 2
