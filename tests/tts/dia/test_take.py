"""A take: what is forced, when frames are complete, how it ends. No network."""

import numpy as np
import pytest

from tests.tts.dia.models import SMALL, config_of
from tts import TextToSpeechError
from tts.dia.network.config import DiaConfig
from tts.dia.network.delays import FREE, Codes, delay, undelay
from tts.dia.take import Take

TEXT = b"\x01 Hello."


@pytest.fixture(scope="module")
def config() -> DiaConfig:
    return config_of(SMALL)


def codes(config: DiaConfig, frames: int, seed: int = 0) -> Codes:
    numbers = np.random.default_rng(seed).integers(0, config.eos, (frames, config.codebooks))
    return numbers.astype(np.int32)


def drive(take: Take, wanted: Codes, ends: bool = True) -> Codes:
    """Draw the columns that make `wanted`, and the end; frames as they come."""
    config = take.config
    grid = delay(np.vstack((wanted, np.full((1, config.codebooks), config.eos))), config.delays, 0)
    came = []
    while not take.finished:
        row = 1 + take.step
        drawn = np.where(grid[row] == FREE, 7, grid[row]) if row < len(grid) else grid[-1] * 0
        if not ends and drawn[0] == config.eos:
            drawn[0] = 0
        before = take.frames_known
        take.write(drawn.astype(np.int32))
        came.append(take.frames())
        assert len(came[-1]) == take.frames_known - before
    return np.concatenate(came)


@pytest.mark.parametrize("frames", [1, 2, 6, 7, 30])
def test_frames_come_when_their_delays_are_over(config: DiaConfig, frames: int) -> None:
    take, wanted = Take(config, TEXT), codes(config, frames)
    assert (drive(take, wanted) == wanted).all()
    assert (take.codes == wanted).all()
    # Frame f is known f + 1 + the longest delay steps after the start.
    assert take.step == frames + config.max_delay
    assert not take.cut
    assert take.frames().shape == (0, config.codebooks)


def test_an_empty_take(config: DiaConfig) -> None:
    take = Take(config, TEXT)
    take.write(np.full(config.codebooks, config.eos, np.int32))
    assert take.finished
    assert take.frames().shape == take.codes.shape == (0, config.codebooks)


def test_a_take_that_does_not_end_is_ended(config: DiaConfig) -> None:
    take = Take(config, TEXT, longest=9)
    came = drive(take, codes(config, 40), ends=False)
    assert (came == codes(config, 40)[:9]).all()
    assert take.cut


def test_the_prompt_is_fed_and_never_comes_out(config: DiaConfig) -> None:
    prompt = codes(config, 11, seed=1)
    take = Take(config, TEXT, prompt=prompt)
    assert take.row == 11
    assert (take.grid[0] == config.bos).all()
    for step in range(1 + config.max_delay):
        drawn = np.full(config.codebooks, step % config.eos, np.int32)
        take.write(drawn)
    assert (undelay(take.grid, config.delays, 0, 11) == prompt).all()
    # Each codebook's first frame of its own was drawn at the step of its delay.
    assert take.frames().tolist() == [[lag % config.eos for lag in config.delays]]


def test_what_is_too_long(config: DiaConfig) -> None:
    with pytest.raises(TextToSpeechError, match="the text is empty"):
        Take(config, b"")
    with pytest.raises(TextToSpeechError, match=r"2000 bytes is too long .* 1024: split it"):
        Take(config, b"a" * 2000)
    with pytest.raises(TextToSpeechError, match="a voice of 3070 frames leaves no room"):
        Take(config, TEXT, prompt=codes(config, 3070))
    with pytest.raises(TextToSpeechError, match="at least one frame"):
        Take(config, TEXT, longest=0)
    assert Take(config, TEXT, longest=10**9).longest < config.max_steps


def test_delays_there_and_back(config: DiaConfig) -> None:
    some = codes(config, 5)
    grid = delay(some, config.delays, config.bos)
    assert len(grid) == 1 + 5 + config.max_delay
    assert (undelay(grid, config.delays, 0, 5) == some).all()
    assert (undelay(grid, config.delays, 2, 4) == some[2:4]).all()
