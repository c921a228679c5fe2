"""The pitch of a voice: a man, a woman and a child in one room are told apart by it.

By autocorrelation, as in Boersma, "Accurate short-term analysis of the fundamental frequency"
(1993), without its search for a path: the median of all windows is enough. Pure logic.
"""

import numpy as np
from numpy.typing import NDArray

from agent.turns.vad import SAMPLE_RATE, WINDOW

_LOWEST, _HIGHEST = 60, 400
"""Hertz between which people speak."""

_PERIODIC = 0.6
"""The correlation of a window with itself, a period later, from which on it has a pitch."""

_FIRST = 0.85
"""Of the highest peak of all, what the first one has to reach: or it would be an octave lower."""

_ENOUGH = 4
"""Windows with a pitch from which on that of a voice is known."""

_LAGS = np.arange(SAMPLE_RATE // _HIGHEST, SAMPLE_RATE // _LOWEST)


class VoicePitch:
    """The pitch of the voice that is heard now."""

    def __init__(self) -> None:
        self._last = np.zeros(WINDOW, np.float32)
        self._pitches: list[float] = []

    def add(self, window: NDArray[np.float32]) -> None:
        """Take a voiced window, float32 [WINDOW] at 16 kHz."""
        pitch = pitch_of(np.concatenate((self._last, window)))
        self._last = window
        if pitch is not None:
            self._pitches.append(pitch)

    def forget(self) -> None:
        """Begin anew: what comes is another turn."""
        self._last = np.zeros(WINDOW, np.float32)
        self._pitches.clear()

    @property
    def semitones(self) -> float | None:
        """In semitones above 1 Hz, the median; None while too little is known."""
        if len(self._pitches) < _ENOUGH:
            return None
        return float(np.median(self._pitches))


def pitch_of(pcm: NDArray[np.float32]) -> float | None:
    """Return the pitch of float32 [n] at 16 kHz in semitones above 1 Hz; None if there is none."""
    pcm = pcm - pcm.mean()
    count = len(pcm)
    spectrum = np.fft.rfft(pcm, 2 * count)
    power = np.fft.irfft(spectrum.real**2 + spectrum.imag**2)[: _LAGS[-1] + 1]
    if power[0] <= 0:
        return None
    correlation = power[_LAGS] / power[0] * count / (count - _LAGS)
    best = correlation.max()
    inner = correlation[1:-1]
    peaks = (inner >= correlation[:-2]) & (inner >= correlation[2:]) & (inner > _FIRST * best)
    if best < _PERIODIC or not peaks.any():
        return None
    return float(12 * np.log2(SAMPLE_RATE / _LAGS[1 + int(peaks.argmax())]))
