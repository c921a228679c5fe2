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

LIVE = slice(None, None, 2)
"""Every other clip, for it takes as long as it lasts."""


@pytest.fixture
def anyio_backend() -> str:
    """The models are tested, not the loop."""
    return "asyncio"


@cache
def sounds(condition: str) -> list[Pcm]:
    make = CONDITIONS[condition]
    return [make(level(clip.pcm), seed) for seed, clip in enumerate(people())]


@cache
def said() -> list[list[str]]:
    return [words(clip.text) for clip in people()]


@cache
def bare_words(condition: str) -> list[list[str]]:
    return [words(text) for text in bare(sounds(condition))]


@pytest.mark.parametrize("condition", CONDITIONS)
def test_transcribe(condition: str, tmp_path: Path, measured: Measured) -> None:
    heard = [words(text) for text in transcribe(tmp_path, sounds(condition))]
    compare(measured, f"{condition}, transcribe", heard, bare_words(condition), said())


@pytest.mark.anyio
@pytest.mark.parametrize("condition", ["clean", "10 dB", "x 1.3"])
async def test_live(condition: str, measured: Measured) -> None:
    noise = SNR if condition == "10 dB" else None  # in the pauses, too
    turns = understood(await live(sounds("clean" if noise else condition)[LIVE], noise_snr=noise))
    whole = [[word for clip in clips for word in clip] for clips in (said()[LIVE],)]
    other = bare_words(condition)[LIVE]
    compare(measured, f"{condition}, live", [words(" ".join(turns))], other, said()[LIVE], whole)


def compare(
    measured: Measured,
    what: str,
    heard: list[list[str]],
    bare_heard: list[list[str]],
    spoken: list[list[str]],
    heard_spoken: list[list[str]] | None = None,
) -> None:
    """Both against what was said; of a conversation, all of it at once."""
    ours = error_rate(heard_spoken or spoken, heard)
    theirs = error_rate(spoken, bare_heard)
    count = sum(map(len, spoken))
    measured(f"words wrong, {what}", f"{ours:.2f} % of {count}", f"bare {theirs:.2f} % + {BAR}")
    assert ours <= theirs + BAR, [
        pair for pair in zip(heard_spoken or spoken, heard, strict=True) if pair[0] != pair[1]
    ]
