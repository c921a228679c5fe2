"""Sounds without words give no words: by the command, and in a conversation."""

from functools import cache
from pathlib import Path

import numpy as np

from bench.full_duplex.sounds import NOISES, VOCAL, noise
from bench.full_duplex.voices import VOICES, utter
from tests.assets.listening import SOUNDS, no_speech
from tests.real import clips
from tests.real.clips import Pcm
from tests.real.conftest import Measured
from tests.real.hearing import level, live, silence, transcribe, understood

HUMMED = ("m m m m m m m m", "uw uw uw", "ah ah ah ah", "sh sh sh", "z z z z z z")
"""Phonemes of a voice that says nothing: humming, oohs, aahs, hushing, buzzing."""

AT_MOST, AT_MOST_LIVE = 7, 3
"""Of 73: a hum is near to a word."""


@cache
def sounds() -> list[Pcm]:
    """73 of them: noise and tones, things, and throats, at all levels."""
    random = np.random.default_rng(13)
    made = [no_speech(random, random.uniform(1, 4), kind) for kind in SOUNDS for _ in range(4)]
    made += [noise(kind, n, level=-20 - 5 * n).pcm for kind in NOISES | VOCAL for n in range(4)]
    made += [level(utter(phonemes, voice)) for phonemes in HUMMED for voice in VOICES]
    return [*made, clips.noise()]


def test_transcribe(tmp_path: Path, measured: Measured) -> None:
    around = [np.concatenate([silence(0.3), pcm, silence(0.3)]) for pcm in sounds()]
    texts = transcribe(tmp_path, around)
    assert len(texts) == 73
    measured(
        "texts of 73 sounds without words, transcribe", f"{sum(map(bool, texts))}", f"{AT_MOST}"
    )
    assert sum(map(bool, texts)) <= AT_MOST, texts


def test_live(measured: Measured) -> None:
    turns = understood(live(sounds(), gap=0.8))
    measured("turns of 73 sounds without words, live", f"{len(turns)}", f"{AT_MOST_LIVE}")
    assert len(turns) <= AT_MOST_LIVE, turns
