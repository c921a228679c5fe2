"""Tests of what is cut from a take's sound."""

import numpy as np
import pytest
from numpy.typing import NDArray

from tts.dia.serving.silence import SilenceTrimmer

RATE = 44_100


def sound(seconds: float, level: float = 0.3) -> NDArray[np.float32]:
    return np.asarray(level * np.sin(np.arange(round(seconds * RATE)) * 0.1), np.float32)


def silence(seconds: float) -> NDArray[np.float32]:
    return np.zeros(round(seconds * RATE), np.float32)


def trimmed(*parts: NDArray[np.float32], expected: float = 100.0, piece: int = 1700) -> float:
    """The seconds that are left of a take."""
    trimmer, whole = SilenceTrimmer(RATE, expected), np.concatenate(parts)
    kept = [trimmer.feed(whole[at : at + piece]) for at in range(0, len(whole), piece)]
    kept.append(trimmer.finish())
    assert trimmer.heard == bool(len(np.concatenate(kept)))
    return len(np.concatenate(kept)) / RATE


@pytest.mark.parametrize("piece", [100, 441, 1700, 1_000_000])
def test_sound_is_left_as_it_is(piece: int) -> None:
    assert trimmed(sound(1.2345), piece=piece) == pytest.approx(1.2345, abs=1e-4)


@pytest.mark.parametrize(
    ("parts", "left"),
    [
        ((silence(2), sound(1)), 1.05),
        ((sound(1), silence(0.2), sound(1)), 2.2),
        ((sound(1), silence(0.8), sound(1)), 2.8),
        ((sound(1), silence(3), sound(1)), 3.0),
        ((sound(1), silence(3)), 1.25),
        ((silence(3),), 0.0),
    ],
)
def test_silence(parts: tuple[NDArray[np.float32], ...], left: float) -> None:
    assert trimmed(*parts) == pytest.approx(left, abs=0.03)


def test_a_breath_of_the_other_speaker_is_cut_where_the_text_is_long_over() -> None:
    take = (sound(2), silence(0.4), sound(0.3))
    assert trimmed(*take, expected=1.5) == pytest.approx(2.25, abs=0.03)
    assert trimmed(*take, silence(0.5), expected=1.5) == pytest.approx(2.25, abs=0.03)
    # Where words may still come, nothing is.
    assert trimmed(*take, expected=2.5) == pytest.approx(2.7, abs=0.03)
    # What goes on is words.
    assert trimmed(*take, sound(0.5), expected=1.5) == pytest.approx(3.2, abs=0.03)


def test_low_noise_is_silence() -> None:
    noise = np.random.default_rng(0).uniform(-0.004, 0.004, RATE).astype(np.float32)
    assert trimmed(noise, sound(1), noise) == pytest.approx(1.3, abs=0.03)
