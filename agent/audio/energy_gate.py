"""The energy gate: what says cheaply that there is nothing but a quiet background.

Most of a day is silence. A window that is soft, and no louder than the background has been, needs
no model to tell that nobody speaks in it. What is louder opens the gate at once.
"""

import math

import numpy as np
from numpy.typing import NDArray

from agent.events import MICROPHONE_RATE

WINDOW = 0.03
"""Seconds of a window, at least: shorter ones of steady noise differ too much."""

SOFT = -48.0
"""dBFS: a louder window is never passed over, however steady it is."""

ABOVE = 3.0
"""Decibels above the background from which on a window is loud: ten standard deviations of
steady noise."""

SILENCE = -80.0
"""dBFS: a background is no softer than this, or the last bit of a microphone would be loud."""

HELD = 1.0
"""Seconds for which a voice detector goes on after a loud window began."""

_RISE = 0.3
"""Decibels per second by which the background is thought to rise: it may have become louder."""

_LEAST = 1e-12  # of power: -120 dBFS


class EnergyGate:
    """An energy gate says of each window whether there may be a voice in it. Pure logic."""

    def __init__(self, held: float = HELD) -> None:
        """It is open for `held` seconds after a loud window began, and at first."""
        self._background = 0.0  # dBFS; at first nothing is known
        self._hold = held
        self._held = held

    def hear(self, windows: NDArray[np.float32]) -> list[bool]:
        """Hear windows, float32 [n, samples] at 16 kHz; for each whether the gate is open."""
        # Without its offset, which microphones have and voices do not.
        power = np.square(windows).mean(axis=1) - np.square(windows.mean(axis=1))
        seconds = windows.shape[1] / MICROPHONE_RATE
        return [self.judge(float(each), seconds) for each in power]

    def judge(self, power: float, seconds: float) -> bool:
        """Hear a window of this power (full scale is 1, without its offset): is the gate open?

        A power that is not finite opens it: others say what is wrong.
        """
        power = power if power < math.inf else 1.0
        level = 10 * math.log10(max(power, _LEAST))
        background = max(min(level, self._background + _RISE * seconds), SILENCE)
        loud = level >= min(SOFT, max(self._background, SILENCE) + ABOVE)
        self._background = background
        self._held = self._hold if loud else self._held - seconds
        return self._held > seconds / 2  # however the seconds were rounded
