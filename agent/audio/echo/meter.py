"""Measures the echo: whether there is one at all, and how loud it is."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from agent.audio.echo.canceller import FRAME
from agent.events import MICROPHONE_RATE

_LENGTH = 2 * MICROPHONE_RATE  # samples of the agent's voice that a measurement needs
_LONGEST = MICROPHONE_RATE // 2  # samples: no echo comes later
_CERTAIN = 8.0
"""How far the correlation stands out. Measured in 2 s: without an echo 3 to 5, and 7 while the user
talks; with one at -40 dB 10, below the microphone's noise 4; at -20 dB while the user talks 10."""


@dataclass(frozen=True, slots=True)
class Measurement:
    """Whether an echo was found, and what the canceller took away, in dB of what was played."""

    found: bool
    level: float


@dataclass(frozen=True, slots=True)
class Sample:
    """Two seconds in which the agent sounded; `removed`: the energy that the canceller took."""

    near: NDArray[np.float32]
    far: NDArray[np.float32]
    removed: float

    def measure(self) -> Measurement:
        """Correlate: 5 ms of work, for a worker thread."""
        played = float(np.sum(np.square(self.far))) + 1e-9
        level = 10 * np.log10(max(self.removed, 1e-9) / played)
        return Measurement(_prominence(self.near, self.far) >= _CERTAIN, float(level))


class EchoMeter:
    """Collects what the speaker plays and what the microphone hears of it."""

    def __init__(self) -> None:
        self._near: list[NDArray[np.float32]] = []
        self._far: list[NDArray[np.float32]] = []
        self._removed = 0.0

    def add(
        self,
        near: NDArray[np.float32],
        far: NDArray[np.float32],
        cleaned: NDArray[np.float32],
    ) -> None:
        """Take in a frame, float32 [FRAME] each, in which the agent sounds."""
        self._near.append(near)
        self._far.append(far)
        self._removed += float(np.sum(np.square(near)) - np.sum(np.square(cleaned)))

    def sample(self) -> Sample | None:
        """Return what was collected, once it is enough; then begin again."""
        if len(self._near) * FRAME < _LENGTH:
            return None
        full = Sample(np.concatenate(self._near), np.concatenate(self._far), self._removed)
        self._near, self._far, self._removed = [], [], 0.0
        return full


def _prominence(near: NDArray[np.float32], far: NDArray[np.float32]) -> float:
    """The peak of the whitened correlation (GCC-PHAT) of what is heard with what is played.

    In standard deviations at the delays that no echo can have: the negative ones.
    """
    size = 1 << (len(far) + 2 * _LONGEST - 1).bit_length()
    cross = np.fft.rfft(near, size) * np.conj(np.fft.rfft(far, size))
    magnitude = np.abs(cross)
    correlation = np.fft.irfft(cross / (magnitude + 1e-9 * magnitude.max() + 1e-30), size)
    impossible = float(np.std(correlation[-_LONGEST:]))
    return float(np.max(correlation[:_LONGEST])) / (impossible + 1e-12)
