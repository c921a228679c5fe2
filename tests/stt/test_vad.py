"""How much of a sound is a voice, piece by piece as of the whole."""

import numpy as np
import pytest
from numpy.typing import NDArray

from stt.vad import VoiceActivity
from tests.stt.clips import read


def measure(pcm: NDArray[np.float32], block: int = 10**9) -> VoiceActivity:
    voice = VoiceActivity()
    for start in range(0, len(pcm), block):
        voice.process(pcm[start : start + block])
    return voice


@pytest.mark.parametrize("block", [100, 512, 5000])
def test_the_size_of_the_pieces_does_not_matter(block: int) -> None:
    pcm = read("pause_0.4")
    whole, pieces = measure(pcm), measure(pcm, block)
    assert pieces.voiced_seconds == whole.voiced_seconds
    assert pieces.clarity == pytest.approx(whole.clarity, abs=1e-4)


def test_pauses_do_not_count() -> None:
    seconds = {measure(read(f"pause_{pause}")).voiced_seconds for pause in (0.4, 0.8, 1.2)}
    assert max(seconds) - min(seconds) < 0.2


def test_a_short_word_is_long_enough_and_clear() -> None:
    voice = measure(read("backchannel_right"))
    assert 0.25 <= voice.voiced_seconds <= 0.5
    assert voice.clarity > 0.6


def test_nothing_was_said() -> None:
    for pcm in (np.zeros(0, np.float32), np.zeros(32000, np.float32)):
        voice = measure(pcm)
        assert (voice.voiced_seconds, voice.clarity) == (0.0, 0.0)
