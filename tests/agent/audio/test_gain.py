import anyio
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from agent.audio.playback import DUCKED, Playback

pytestmark = pytest.mark.anyio

RATE = 48000
MS = RATE // 1000
RAMP = 8 * MS


def render(playback: Playback, samples: int, block: int) -> NDArray[np.float32]:
    out = np.full(samples, np.nan, np.float32)
    for start in range(0, samples, block):
        playback.render(out[start : start + block], start / RATE)
    return out


async def sounding() -> Playback:
    """A playback in the midst of a second of ones."""
    playback = Playback(RATE)
    await playback.open(RATE).write(np.ones(RATE, np.float32))
    render(playback, 10 * MS, 10 * MS)
    return playback


async def test_at_full_level_the_samples_stay_as_they_are() -> None:
    playback = Playback(RATE)
    noise = np.random.default_rng(0).uniform(-1, 1, RATE // 2).astype(np.float32)
    await playback.open(RATE).write(noise)
    np.testing.assert_array_equal(render(playback, RATE // 2, 480)[2 * MS :], noise[2 * MS :])


@given(block=st.integers(1, 2000))
@settings(max_examples=40, deadline=None)
def test_ducks_along_a_slope_and_comes_back(block: int) -> None:
    async def run() -> None:
        playback = await sounding()
        playback.duck()
        down = render(playback, 40 * MS, block)
        assert (np.diff(down, prepend=1) <= 1e-6).all()  # down, and only down
        np.testing.assert_allclose(down[RAMP:], DUCKED, rtol=1e-6)
        playback.unduck()
        up = render(playback, 40 * MS, block)
        assert (np.diff(up, prepend=DUCKED) >= -1e-6).all()
        assert (up[RAMP:] == 1).all()
        assert np.abs(np.diff(np.concatenate([down, up]), prepend=1)).max() < 0.005

    anyio.run(run, backend="trio")


async def test_turns_around_half_way_without_a_jump() -> None:
    playback = await sounding()
    playback.duck()
    first = render(playback, 3 * MS, 48)
    playback.unduck()
    second = render(playback, 20 * MS, 48)
    out = np.concatenate([first, second])
    assert out.min() < 0.8
    assert np.abs(np.diff(out, prepend=1)).max() < 0.005
    assert (second[RAMP:] == 1).all()


async def test_volume_and_ducking_multiply_and_monitors_hear_it() -> None:
    playback = await sounding()
    monitor = playback.monitor()
    playback.volume = 0.5
    playback.duck()
    out = render(playback, 20 * MS, 480)
    np.testing.assert_allclose(out[RAMP:], 0.5 * 10 ** (-18 / 20), rtol=1e-6)
    assert np.abs(np.diff(out, prepend=1)).max() < 0.005
    monitor.close()
    np.testing.assert_array_equal(np.concatenate([a.pcm async for a in monitor]), out)
    assert playback.volume == 0.5
    playback.volume = 0
    assert not render(playback, 20 * MS, 480)[RAMP:].any()


@pytest.mark.parametrize("volume", [-0.1, 1.5, float("nan")])
async def test_a_volume_is_between_0_and_1(volume: float) -> None:
    playback = Playback(RATE)
    with pytest.raises(ValueError, match="between 0 and 1"):
        playback.volume = volume
    assert playback.volume == 1
