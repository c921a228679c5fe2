"""A voice detector behind an energy gate: its model rests in a quiet room.

What is loud wakes the model at once, and it is given what came just before, so that it hears a
first word from its beginning.
"""

from collections import deque
from copy import copy
from typing import Self

import numpy as np
from numpy.typing import NDArray

from agent.audio.energy_gate import EnergyGate
from agent.turns.vad import SAMPLE_RATE, WINDOW, Vad

AGAIN = round(0.25 * SAMPLE_RATE / WINDOW)
"""Windows from before that the model hears first when it is asked again."""


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
