"""The pitch of a voice, of windows of 32 ms."""

import numpy as np
import pytest
from numpy.typing import NDArray

from agent.turns.pitch import VoicePitch, pitch_of
from agent.turns.vad import SAMPLE_RATE, WINDOW


def voice(hertz: float, seconds: float = 0.5) -> NDArray[np.float32]:
    """A row of harmonics, softer upwards, as a throat makes it."""
    time = np.arange(round(seconds * SAMPLE_RATE)) / SAMPLE_RATE
    pcm = np.zeros(len(time), np.float32)
    for n in range(1, 20):
        pcm += (0.1 / n * np.sin(2 * np.pi * hertz * n * time + n)).astype(np.float32)
    return pcm


def heard(pcm: NDArray[np.float32]) -> VoicePitch:
    pitch = VoicePitch()
    for start in range(0, len(pcm) - WINDOW, WINDOW):
        pitch.add(pcm[start : start + WINDOW])
    return pitch


@pytest.mark.parametrize("hertz", [75, 100, 130, 200, 260, 330])
def test_a_voices_pitch_is_known_to_half_a_semitone(hertz: float) -> None:
    assert heard(voice(hertz)).semitones == pytest.approx(12 * np.log2(hertz), abs=0.5)


def test_noise_and_silence_have_none() -> None:
    noise = np.random.default_rng(1).normal(0, 0.1, SAMPLE_RATE).astype(np.float32)
    assert heard(noise).semitones is None
    assert pitch_of(np.zeros(2 * WINDOW, np.float32)) is None


def test_it_is_unknown_at_first_and_after_a_turn() -> None:
    pitch = heard(voice(130, 0.1))
    assert pitch.semitones is None
    pitch = heard(voice(130))
    pitch.forget()
    assert pitch.semitones is None
