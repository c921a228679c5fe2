from typing import Literal

import numpy as np
import pytest
import soxr
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from agent.audio.resample import Resampler

RATES = [8000, 16000, 22050, 24000, 44100, 48000]
rates = st.sampled_from(RATES)
sizes = st.lists(st.integers(0, 1500), min_size=1, max_size=12)


def converted(
    resampler: Resampler, pcm: NDArray[np.float32], ends: list[int]
) -> NDArray[np.float32]:
    blocks = [resampler.process(block) for block in np.split(pcm, ends)]
    return np.concatenate([*blocks, resampler.flush()])


@settings(deadline=None)
@given(rates, rates, st.sampled_from(["light", "high"]), sizes)
def test_blocks_give_what_the_whole_gives(
    source: int, target: int, quality: Literal["light", "high"], sizes: list[int]
) -> None:
    pcm = np.random.default_rng(3).uniform(-1, 1, sum(sizes)).astype(np.float32)
    ends = np.cumsum(sizes).tolist()
    whole = soxr.resample(pcm, source, target, {"light": "LQ", "high": "HQ"}[quality])
    resampler = Resampler(source, target, quality)
    for _ in range(2):  # a flush starts anew
        out = converted(resampler, pcm, ends)
        assert out.dtype == np.float32
        assert out.shape == whole.shape
        np.testing.assert_allclose(out, whole, atol=1e-6)


@settings(deadline=None)
@given(rates, st.just(16000), sizes)
def test_quick_blocks_give_what_the_whole_gives(source: int, target: int, sizes: list[int]) -> None:
    pcm = np.random.default_rng(3).uniform(-1, 1, sum(sizes)).astype(np.float32)
    resampler = Resampler(source, target, "quick")
    whole = converted(resampler, pcm, [])
    for _ in range(2):  # a flush starts anew
        out = converted(resampler, pcm, np.cumsum(sizes).tolist())
        assert out.dtype == np.float32
        assert len(out) == round(len(pcm) * target / source) + resampler.delay
        np.testing.assert_allclose(out, whole, atol=1e-5)


@pytest.mark.parametrize("source", [24000, 44100, 48000])
def test_quick_what_is_above_the_new_rate_does_not_fold(source: int) -> None:
    seconds = np.arange(source) / source
    for tone in (9500, 11000):
        pcm = np.sin(2 * np.pi * tone * seconds).astype(np.float32)
        out = converted(Resampler(source, 16000, "quick"), pcm, [])
        assert np.abs(out[400:-400]).max() < 1e-3


@pytest.mark.parametrize("quality", ["quick", "light", "high"])
@pytest.mark.parametrize(("source", "target"), [(22050, 48000), (48000, 16000), (44100, 16000)])
def test_a_tone_stays_in_time_and_without_clicks(
    source: int, target: int, quality: Literal["quick", "light", "high"]
) -> None:
    seconds = np.arange(source) / source
    tone = np.sin(2 * np.pi * 440 * seconds).astype(np.float32)
    resampler = Resampler(source, target, quality)
    out = converted(resampler, tone, list(range(160, source, 160)))[resampler.delay :]
    assert len(out) == target
    truth = np.sin(2 * np.pi * 440 * np.arange(target) / target)
    edge = target // 50
    assert np.abs(out - truth)[edge:-edge].max() < 2e-4  # at no block edge more than the filter's


@pytest.mark.parametrize("source", [8000, 24000, 44100, 48000])
def test_quick_every_block_gives_as_many_samples_as_it_lasts(source: int) -> None:
    resampler = Resampler(source, 16000, "quick")
    heard = 0
    for number in range(1, 101):
        heard += len(resampler.process(np.zeros(source // 50, np.float32)))
        assert number * 320 <= heard <= number * 320 + 1
    assert resampler.delay / 16000 < 0.0025


@pytest.mark.parametrize(("quality", "limit"), [("light", 0.03), ("high", 0.05)])
def test_holds_little_back(quality: Literal["light", "high"], limit: float) -> None:
    resampler = Resampler(48000, 16000, quality)
    given_s = heard_s = 0.0
    worst = 0.0
    for _ in range(100):
        heard_s += len(resampler.process(np.zeros(480, np.float32))) / 16000
        given_s += 0.01
        worst = max(worst, given_s - heard_s)
    assert worst < limit


def test_equal_rates_change_nothing() -> None:
    resampler = Resampler(16000, 16000, "high")
    pcm = np.array([0.1, -0.5, 1.0], np.float32)
    assert (resampler.process(pcm) == pcm).all()
    assert len(resampler.flush()) == 0
