"""The tail of a wake word is no speech of the user's, and what follows in one breath is whole."""

import numpy as np
import pytest
from numpy.typing import NDArray

from agent.wake.tail import after_tail

RATE = 16000


def sound(*stretches: tuple[float, float]) -> NDArray[np.float32]:
    """Stretches of (seconds, level)."""
    noise = np.random.default_rng(0).standard_normal(8 * RATE)
    parts = [level * noise[: round(seconds * RATE)] for seconds, level in stretches]
    return np.concatenate(parts).astype(np.float32)


@pytest.mark.parametrize("end", [0.4, 0.4031, 0.5, 0.55])
def test_what_still_sounds_of_it_is_skipped(end: float) -> None:
    pcm = sound((0.5, 0.2), (0.1, 0.05), (0.5, 0.001))
    assert after_tail(pcm, round(end * RATE)) == pytest.approx(0.6 * RATE, abs=RATE // 50)


@pytest.mark.parametrize("pause", [0.0, 0.05])
def test_what_is_said_in_the_same_breath_is_whole(pause: float) -> None:
    pcm = sound((0.6, 0.2), (pause, 0.001), (1, 0.1))
    assert after_tail(pcm, round(0.55 * RATE)) == round(0.55 * RATE)


def test_after_a_long_sound_nothing_is_skipped() -> None:
    pcm = sound((1.5, 0.2), (0.5, 0.001))
    assert after_tail(pcm, RATE) == RATE


@pytest.mark.parametrize("end", [0, 5, 160, 16000])
def test_little_or_nothing_was_kept(end: int) -> None:
    assert after_tail(sound((1, 0.1))[:end], end) == end
