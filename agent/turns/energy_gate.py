"""The energy gate: a voice detector's model rests while there is nothing but a quiet background.

Most of a day is silence. A window that is soft, and no louder than the background has been, needs
no model to tell that nobody speaks in it. What is louder wakes the model at once, and it is given
what came just before, so that it hears a first word from its beginning.
"""

from collections import deque
from copy import copy
from typing import Self

import numpy as np
from numpy.typing import NDArray

from agent.turns.vad import SAMPLE_RATE, WINDOW, Vad

SOFT = -48.0
"""dBFS: a louder window is never passed over, however steady it is."""

ABOVE = 3.0
"""Decibels above the background from which on the model is asked: ten standard deviations of
steady noise."""

SILENCE = -80.0
"""dBFS: a background is no softer than this, or the last bit of a microphone would be loud."""

HELD = round(1.0 * SAMPLE_RATE / WINDOW)
"""Windows for which the model goes on after the last one that was loud."""

AGAIN = round(0.25 * SAMPLE_RATE / WINDOW)
"""Windows from before that the model hears first when it is asked again."""

_RISE = 0.01
"""Decibels per window by which the background is thought to rise: it may have become louder."""


class EnergyGate:
    """An energy gate says of each window whether there may be a voice in it. Pure logic."""

    def __init__(self) -> None:
        self._background = 0.0  # dBFS; at first nothing is known
        self._held = HELD

    def hear(self, pcm: NDArray[np.float32]) -> list[bool]:
        """Hear n windows, float32 [512 n] at 16 kHz; for each whether the model is to be asked."""
        windows = pcm.reshape(-1, WINDOW)
        # Without its offset, which microphones have and voices do not.
        power = np.square(windows).mean(axis=1) - np.square(windows.mean(axis=1))
        levels = 10 * np.log10(np.maximum(power, 1e-12))
        return [self._judge(float(level)) for level in levels]

    def _judge(self, level: float) -> bool:
        background = max(min(level, self._background + _RISE), SILENCE)
        loud = level >= min(SOFT, max(self._background, SILENCE) + ABOVE)
        self._background = background
        self._held = HELD if loud else self._held - 1
        return self._held > 0


class GatedVad:
    """A voice detector behind an energy gate; of what does not pass it the probability is 0."""

    def __init__(self, vad: Vad) -> None:
        self._vad = vad
        self._rest: NDArray[np.float32]  # the beginning of a window
        self.reset()

    def __copy__(self) -> Self:
        return type(self)(copy(self._vad))

    async def load(self) -> None:
        """Load the detector. Raises ParleyError."""
        await self._vad.load()

    async def feed(self, pcm: NDArray[np.float32]) -> list[float]:
        """Hear more (mono, 16 kHz, any length): one probability per completed window."""
        heard = np.concatenate((self._rest, pcm))
        end = len(heard) // WINDOW * WINDOW
        self._rest = heard[end:]
        windows = heard[:end].reshape(-1, WINDOW)
        asked = self._gate.hear(windows)
        probabilities = [0.0] * len(windows)
        first = next((n for n, ask in enumerate(asked) if ask), None)
        if first is not None:
            # From the first that passes on: blocks are short.
            again = [*self._before, *windows[:first]][-AGAIN:]
            given = await self._vad.feed(np.concatenate((*again, *windows[first:])))
            probabilities[first:] = given[len(again) :]
            self._before.clear()
        else:
            self._before.extend(windows)
        return probabilities

    def reset(self) -> None:
        """Forget everything heard."""
        self._vad.reset()
        self._gate = EnergyGate()
        self._rest = np.zeros(0, np.float32)
        self._before: deque[NDArray[np.float32]] = deque(maxlen=AGAIN)  # passed over
