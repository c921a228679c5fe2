"""The scenes with something else to be heard: noises, and people who do not mean the agent."""

from collections.abc import Iterable
from dataclasses import replace
from itertools import cycle, product

import numpy as np

from bench.full_duplex import talk, texts
from bench.full_duplex.scenes import USER, Act, Kind, Scene, disturbed, interruptions, speakers
from bench.full_duplex.sounds import NOISES, VOCAL, noise
from bench.full_duplex.steady import STEADY, steady
from bench.full_duplex.voices import VOICES, speak

OVER_NOISE = 5.0
"""Decibels by which a user is louder than a steady noise."""

_FOOLING = {"fan": 6, "hum": 9}
"""Seeds: of ten those with which the voice detector alone is fooled for longest."""

_BURSTS = (0.5, 0.7, 0.9, 0.5, 1.2, 0.9, 0.4, 0.6, 0.8)


def noises() -> list[Scene]:
    """Something makes a noise, 10 or 20 dB below the user's voice."""
    return _noisy("noise", NOISES)


def steady_noises() -> list[Scene]:
    """A steady noise from before the question on, switched on in the reply, and in bursts."""
    scenes = []
    kinds = product(STEADY, (10, 20), ("before", "during", "bursts"))
    for number, (name, below, when) in enumerate(kinds):
        seconds = {"before": 15.0, "during": 6.0, "bursts": sum(_BURSTS)}[when]
        bursts = _BURSTS if when == "bursts" else ()
        seed = _FOOLING.get(name, number)
        sound = steady(name, seed, seconds=seconds, level=USER - below, bursts=bursts)
        trait = f"{name} {when} −{below} dB"
        at = 0.1 if when == "before" else 1.5 + 0.25 * (number % 7)
        scene = disturbed("steady noise", number, sound, at=at, trait=trait)
        scenes.append(_first(scene, Act(sound, at)) if when == "before" else scene)
    return scenes


def over_noise() -> list[Scene]:
    """The user asks and interrupts while a steady noise is 5 dB softer than they are."""
    scenes = []
    for number, (name, scene) in enumerate(product(STEADY, interruptions()[::3])):
        sound = steady(name, number, seconds=18, level=USER - OVER_NOISE)
        noisy = _first(scene, Act(sound, 0.1), scene.acts[-1])
        scenes.append(
            replace(noisy, kind="over noise", name=f"{number:02d} {name} {scene.name}", trait=name)
        )
    return scenes


def _first(scene: Scene, act: Act, *last: Act) -> Scene:
    """The scene with another act before its question, and then only those given."""
    return replace(scene, acts=(act, scene.acts[0], *last))


def wordless() -> list[Scene]:
    """The user's voice is heard, but says nothing."""
    return _noisy("no words", VOCAL)


def side_talk() -> list[Scene]:
    """Somebody says something, farther away, and not to the agent."""
    return _beside("side talk", (10, 20))


def loud_side_talk() -> list[Scene]:
    """The same by somebody who is as loud as the user, and each by two."""
    return _beside("loud side talk", (0, 0))


def household() -> list[Scene]:
    """Other talk between people, as loud as the user."""
    spoken = (*talk.HOUSEHOLD, *talk.HOUSEHOLD_KEPT)
    return [
        disturbed("household", number, speak(text, voice), at=1.6 + 0.25 * (number % 7))
        for number, (text, voice) in enumerate(zip(spoken, cycle(VOICES), strict=False))
    ]


def television() -> list[Scene]:
    """Somebody talks in another room's television, 6 dB softer than the user."""
    return [
        disturbed("television", number, speak(text, voice, level=USER - 6), at=1.6)
        for number, (text, voice) in enumerate(zip(talk.TELEVISION, cycle(VOICES), strict=False))
    ]


def household_for_the_agent() -> list[Scene]:
    """And what is said to the agent in the same place."""
    spoken = (*talk.TO_THE_AGENT, *talk.TO_THE_AGENT_KEPT)
    return [
        disturbed(
            "household, for the agent",
            number,
            speak(text, voice),
            at=1.6 + 0.25 * (number % 7),
            answer=(text.split()[-1], texts.REACTION),
        )
        for number, (text, voice) in enumerate(zip(spoken, cycle(VOICES), strict=False))
    ]


def side_talk_in_silence() -> list[Scene]:
    """The same when the agent has said what it had to say."""
    return [
        replace(
            scene,
            acts=(scene.acts[0], replace(scene.acts[1], at=4.5 + 0.25 * (number % 7))),
            answers=((scene.answers[-1][0], texts.SHORT),),
        )
        for number, scene in enumerate(_beside("side talk in silence", (10, 20)))
    ]


def soft_interruptions() -> list[Scene]:
    """The user wants the floor, but has turned away: 10 dB softer."""
    return [
        replace(scene, kind="soft interruption", acts=(question, replace(act, sound=sound)))
        for scene in interruptions()
        for question, act in [scene.acts]
        for sound in [replace(act.sound, pcm=act.sound.pcm * np.float32(10**-0.5))]
    ]


def _beside(kind: Kind, levels: Iterable[int]) -> list[Scene]:
    """Side talk, so many decibels below the user."""
    return [
        disturbed(
            kind,
            number,
            speak(text, voice, level=USER - below),
            at=1.5 + 0.25 * (number % 7),
            trait=f"−{below} dB",
        )
        for number, ((text, below), (voice, _)) in enumerate(
            zip(product(texts.SIDE_TALK, levels), speakers(), strict=False)
        )
    ]


def _noisy(kind: Kind, names: Iterable[str]) -> list[Scene]:
    """Every one of these sounds twice, at each of two levels."""
    return [
        disturbed(
            kind,
            number,
            noise(name, number, level=USER - below),
            at=1.5 + 0.25 * (number % 7),
            trait=f"{name} −{below} dB",
        )
        for number, (name, below) in enumerate(product([*names, *names], (10, 20)))
    ]
