"""The earcon: short, soft, without clicks."""

import numpy as np
import pytest

from agent.audio.earcon import earcon

RATES = [8000, 16000, 22050, 24000, 44100, 48000]


@pytest.mark.parametrize("rate", RATES)
def test_it_is_short_and_soft(rate: int) -> None:
    pcm = earcon(rate)
    assert pcm.dtype == np.float32
    assert len(pcm) == round(0.15 * rate)
    level = 10 * np.log10(np.mean(np.square(pcm.astype(np.float64))))
    assert abs(level + 24) < 0.01
    assert np.max(np.abs(pcm)) < 0.25


@pytest.mark.parametrize("rate", RATES)
def test_it_does_not_click(rate: int) -> None:
    pcm = earcon(rate).astype(np.float64)
    assert pcm[0] == 0
    assert abs(pcm[-1]) < 1e-6
    spectrum = np.abs(np.fft.rfft(pcm, n=8 * len(pcm)))
    hertz = np.fft.rfftfreq(8 * len(pcm), 1 / rate)
    away = (hertz < 350) | (hertz > 960)
    assert spectrum[away].max() < spectrum.max() * 10 ** (-30 / 20)


def test_two_tones_a_fifth_apart() -> None:
    pcm = earcon(16000)
    spectrum = np.abs(np.fft.rfft(pcm, n=16000 * 4))
    low, high = (
        int(np.argmax(spectrum[start:end])) + start for start, end in ((1600, 2600), (2700, 3600))
    )
    assert abs(low / 4 - 523.25) < 2
    assert abs(high / low - 1.5) < 0.01
