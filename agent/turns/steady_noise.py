"""Steady noise: a fan, a hum, rain. It is learnt, and a window of it is no voice. Pure logic.

A voice changes its spectrum ten times a second; what keeps it for a fifth of a second is noise, and
its spectrum is kept for when it comes back. What is told from noise is any window that has
something more in it, or something else: a voice over the noise passes.
"""

import numpy as np
from numpy.typing import NDArray

from agent.turns.vad import SAMPLE_RATE, WINDOW

BANDS = 12
"""Bands of the spectrum, equally wide on the mel scale."""

SAME = 2.5
"""Decibels (root mean square over the bands) that windows of one noise differ from its mean."""

AUDIBLE = 25.0
"""Decibels below the loudest band from which on a band does not count."""

STEADY = 3
"""Windows of one spectrum after which what follows is explained by it."""

EXPLAINED = 3
"""Explained windows in a row that are no voice: one or two are a stop consonant's silence."""

LEARNT = 9
"""Windows (0.29 s) of one spectrum that are kept: no vowel is as long and as even."""

SILENCE = -70.0
"""The level in dBFS, of the loudest band, below which there is no noise to be learnt."""

SILENT = 1.8e-4
"""The largest sample of windows that cannot reach that level in any band, whatever they hold."""

KEPT = 4
"""Spectra that are kept; one that is new takes the place of the one that was longest unheard."""

_FLOOR = 1e-8  # of power: -80 dBFS is silence
_NOTHING = 200.0  # dBFS: no window is like it
_AVERAGED = 30  # windows of a noise that its mean is of


def _edges() -> NDArray[np.intp]:
    """Bins at which the bands begin, and where the last one ends."""
    low, high = (2595 * np.log10(1 + hertz / 700) for hertz in (60, 7800))
    hertz = 700 * (10 ** (np.linspace(low, high, BANDS + 1) / 2595) - 1)
    return np.asarray(np.rint(hertz * WINDOW / SAMPLE_RATE), np.intp)


_EDGES = _edges()
_HANN = np.hanning(WINDOW + 1)[:-1].astype(np.float32)  # periodic: an offset is in no band
_SCALE = np.float32(4 / _HANN.sum() ** 2)


class SteadyNoise:
    """A detector of steady noise: whether windows of sound are but noise that is known."""

    def __init__(self) -> None:
        # The spectrum of what is heard now, and those that are kept, in dB.
        self._spectra = np.full((1 + KEPT, BANDS), _NOTHING, np.float32)
        self._heard = np.zeros(1 + KEPT, np.int64)  # when each was last, in windows
        self._now = 0  # windows so far
        self._same = 0  # windows in a row of one spectrum
        self._explained = 0  # windows in a row that are explained

    def hear(self, pcm: NDArray[np.float32]) -> list[bool]:
        """Hear windows, float32 [512 n] at 16 kHz; for each that is whole whether it is noise."""
        if len(pcm) < WINDOW:
            return []
        windows = pcm[: len(pcm) // WINDOW * WINDOW]
        if windows.max() < SILENT and windows.min() > -SILENT:  # as most of a server's are
            self._now += len(windows) // WINDOW
            return [self._silent()] * (len(windows) // WINDOW)
        return [self._judge(spectrum) for spectrum in _spectra(windows)]

    def _silent(self) -> bool:
        self._same = self._explained = 0
        return False

    def _judge(self, spectrum: NDArray[np.float32]) -> bool:
        self._now += 1
        if spectrum.max() < SILENCE:
            return self._silent()
        differs = _differences(self._spectra, spectrum)
        if self._same and differs[0] < SAME:
            self._same += 1
            mean = self._spectra[0]
            mean += (spectrum - mean) / min(self._same, _AVERAGED)
        else:
            self._same = 1
            self._spectra[0] = spectrum
        nearest = 1 + int(differs[1:].argmin())
        known = bool(differs[nearest] < SAME)
        if known:
            self._heard[nearest] = self._now
        if self._same == LEARNT:
            self._learn()
        self._explained = self._explained + 1 if known or self._same >= STEADY else 0
        return self._explained >= EXPLAINED

    def _learn(self) -> None:
        """Keep what is heard now, in the place of what is like it or was longest unheard."""
        differs = _differences(self._spectra[1:], self._spectra[0])
        like = int(differs.argmin())
        place = 1 + (like if differs[like] < SAME else int(self._heard[1:].argmin()))
        self._spectra[place] = self._spectra[0]
        self._heard[place] = self._now


def _spectra(pcm: NDArray[np.float32]) -> NDArray[np.float32]:
    """The level of every band in dBFS, float32 [n, bands], of n windows."""
    spectrum = np.fft.rfft(pcm.reshape(-1, WINDOW) * _HANN)
    power = spectrum.real**2 + spectrum.imag**2
    bands = np.add.reduceat(power[:, : _EDGES[-1]], _EDGES[:-1], axis=1)
    return np.asarray(10 * np.log10(bands * _SCALE + _FLOOR), np.float32)


def _differences(known: NDArray[np.float32], spectrum: NDArray[np.float32]) -> NDArray[np.float32]:
    """How far the spectrum is from each that is known, over the bands that count in either."""
    loud = np.maximum(known, spectrum)
    counts = loud > loud.max(axis=1, keepdims=True) - AUDIBLE
    apart = (known - spectrum) * counts
    return np.asarray(np.sqrt((apart * apart).sum(axis=1) / counts.sum(axis=1)), np.float32)
