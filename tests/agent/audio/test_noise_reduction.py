"""Noise reduction: less noise, the same words at the same time, whatever the blocks."""

import sys
from collections.abc import Sequence

import numpy as np
import pytest
from numpy.typing import NDArray

from agent.audio.noise_reduction import NoiseReduction
from agent.errors import AudioError
from agent.events import Audio

RATE = 24000
SECONDS = 6


def voice() -> NDArray[np.float32]:
    """A hum that comes and goes like syllables, from 2 s on."""
    time = np.arange(SECONDS * RATE) / RATE
    hum = sum(np.sin(2 * np.pi * 140 * n * time) / n for n in range(1, 12))
    syllables = np.clip(np.sin(2 * np.pi * 3 * time), 0, 1) * (time > 2) * (time < 5)
    return (0.15 * hum * syllables).astype(np.float32)


def noise() -> NDArray[np.float32]:
    return np.random.default_rng(0).normal(0, 0.01, SECONDS * RATE).astype(np.float32)


def reduced(pcm: NDArray[np.float32], reduction: NoiseReduction, size: int = 480) -> list[Audio]:
    blocks = [
        reduction(Audio(pcm[at : at + size], RATE, 100 + at / RATE))
        for at in range(0, len(pcm), size)
    ]
    return [*blocks, reduction.flush(100 + len(pcm) / RATE)]


def level(pcm: NDArray[np.float32]) -> float:
    return float(10 * np.log10(np.square(pcm).mean()))


def whole(blocks: Sequence[Audio]) -> NDArray[np.float32]:
    return np.concatenate([block.pcm for block in blocks])


@pytest.mark.parametrize(("field", "less"), [("near_field", 9), ("far_field", 13)])
def test_noise_is_softer_and_the_voice_is_not(field: str, less: float) -> None:
    heard = whole(reduced(voice() + noise(), NoiseReduction(field)))  # type: ignore[arg-type]
    quiet, spoken = heard[16000:31000], heard[33000:79000]
    assert level(quiet) < level(noise()) - less
    assert level(spoken) == pytest.approx(level(voice()[49500:118500]), abs=1.5)


@pytest.mark.parametrize("size", [1, 240, 481, 2400, 50_000])
def test_every_sample_keeps_its_time(size: int) -> None:
    click = np.zeros(SECONDS * RATE, np.float32)
    click[3 * RATE : 3 * RATE + 24] = 0.5
    if size == 1:
        click = click[: 3 * RATE + RATE // 10]
    blocks = [b for b in reduced(click, NoiseReduction("near_field"), size) if len(b.pcm)]
    heard = whole(blocks)
    assert len(heard) == pytest.approx(len(click) / RATE * 16000 + 96, abs=40)
    for block in blocks:
        assert block.time is not None
        peak = np.abs(block.pcm).argmax()
        if np.abs(block.pcm).max() > 0.1:
            assert block.time + peak / 16000 == pytest.approx(103, abs=0.002)
    times = [block.time or 0.0 for block in blocks]
    ends = [block.time + block.duration for block in blocks if block.time is not None]
    assert times[1:] == pytest.approx(ends[:-1], abs=0.0021)
    assert ends[-1] == pytest.approx(100 + len(click) / RATE)


def test_none_of_its_strength_leaves_the_sound_as_it_is() -> None:
    pcm = voice() + noise()
    untouched = whole(reduced(pcm, NoiseReduction("far_field", strength=0.0)))[96:]
    half = whole(reduced(pcm, NoiseReduction("far_field", strength=0.5)))[96:]
    full = whole(reduced(pcm, NoiseReduction("far_field")))[96:]
    quiet = slice(16000, 31000)
    assert level(full[quiet]) < level(half[quiet]) - 3 < level(untouched[quiet]) - 6


def test_a_missing_package_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "pywebrtc_audio", None)
    with pytest.raises(AudioError, match=r"pywebrtc-audio.*pip install.*echo"):
        NoiseReduction("near_field")
