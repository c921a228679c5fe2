"""People's speech is understood as well as bare faster-whisper understands it, and live too."""

from collections.abc import Callable
from functools import cache
from pathlib import Path

import numpy as np
import pytest

from tests.real.clips import Pcm, people
from tests.real.conftest import Measured
from tests.real.hearing import bare, faster, level, live, noisy, silence, transcribe, understood
from tests.real.words import error_rate, words

BAR = 0.5
"""Percentage points of words that may be wrong besides those that bare faster-whisper has wrong."""
SNR = 10.0

CONDITIONS: dict[str, Callable[[Pcm, int], Pcm]] = {
    "clean": lambda pcm, _: pcm,
    "10 dB": lambda pcm, seed: noisy(pcm, SNR, seed),
    "x 1.3": lambda pcm, _: faster(pcm, 1.3),
    "silence around": lambda pcm, _: np.concatenate([silence(1), pcm, silence(1)]),
}


GROUPED = [pytest.param(name, marks=pytest.mark.xdist_group(name)) for name in CONDITIONS]
"""Each condition in one process, which has bare faster-whisper hear it but once."""


@cache
def sounds(condition: str) -> list[Pcm]:
    make = CONDITIONS[condition]
    return [make(level(clip.pcm), seed) for seed, clip in enumerate(people())]


@cache
def said() -> list[list[str]]:
    return [words(clip.text) for clip in people()]


@cache
def bare_rate(condition: str) -> float:
    return error_rate(said(), [words(text) for text in bare(sounds(condition))])


@pytest.mark.parametrize("condition", GROUPED)
def test_transcribe(condition: str, tmp_path: Path, measured: Measured) -> None:
    heard = [words(text) for text in transcribe(tmp_path, sounds(condition))]
    found, bar = error_rate(said(), heard), bare_rate(condition) + BAR
    measured(f"words wrong, {condition}, transcribe", f"{found:.2f} %", f"{bar:.2f} %")
    assert found <= bar, [pair for pair in zip(said(), heard, strict=True) if pair[0] != pair[1]]


@pytest.mark.parametrize("condition", GROUPED[:3])
def test_live(condition: str, measured: Measured) -> None:
    noise = SNR if condition == "10 dB" else None  # in the pauses, too
    turns = understood(live(sounds("clean" if noise else condition), noise_snr=noise))
    whole = [word for clip in said() for word in clip]
    found, bar = error_rate([whole], [words(" ".join(turns))]), bare_rate(condition) + BAR
    measured(f"words wrong, {condition}, live", f"{found:.2f} %", f"{bar:.2f} %")
    assert found <= bar, turns
