"""The pace of a voice of which nothing is known yet: by its syllables and its pauses."""

import numpy as np
import pytest
from numpy.typing import NDArray

from tts.estimate import loud_frames
from tts.pace import count_syllables, estimate_pace, levels

RATE = 16000


def tone(seconds: float) -> NDArray[np.float32]:
    """A syllable: a tone that swells and dies away."""
    time = np.arange(round(seconds * RATE)) / RATE
    return (0.3 * np.sin(np.pi * time / seconds) * np.sin(2 * np.pi * 150 * time)).astype(
        np.float32
    )


def silence(seconds: float) -> NDArray[np.float32]:
    return np.zeros(round(seconds * RATE), np.float32)


def said(syllable: float, *clauses: int) -> NDArray[np.float32]:
    """Clauses of so many syllables, and a breath after each."""
    parts = [part for count in clauses for part in [*[tone(syllable)] * count, silence(0.3)]]
    return np.concatenate(parts)


def pace(text: str, pcm: NDArray[np.float32]) -> float:
    return estimate_pace(text, loud_frames(pcm, RATE), levels(pcm, RATE))


def test_syllables_are_peaks_with_dips_between_them() -> None:
    for syllable in (0.12, 0.2, 0.4):
        assert count_syllables(levels(said(syllable, 5, 4), RATE)) == 9
    assert count_syllables(levels(silence(1), RATE)) == 0
    assert count_syllables(levels(silence(0), RATE)) == 0


@pytest.mark.parametrize("syllable", [0.15, 0.2, 0.3, 0.4])
def test_the_pace_of_a_reply_whose_beginning_was_said(syllable: float) -> None:
    """Four letters a syllable, with the spaces."""
    text = "ban ban ban ban ban ban, ban ban ban ban, ban ban ban ban ban ban ban ban ban ban."
    letter = (len(text) + 1) / 20 / syllable  # a second
    assert 1 / pace(text, said(syllable, 6, 4, 3)) == pytest.approx(letter, rel=0.15)


def test_without_syllables_or_pauses_it_is_what_people_usually_do() -> None:
    hum = np.full(RATE, 0.2, np.float32)
    assert 1 / pace("no mark and no vowel to be told apart", hum) == pytest.approx(15, rel=0.05)
    assert pace("", hum) == pytest.approx(1 / 15)
    assert pace(" ", said(0.2, 5)) == pytest.approx(1 / 15)
