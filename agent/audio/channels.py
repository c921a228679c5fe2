"""Several channels to one, so that no voice is lost on the way.

The mean of two channels loses what they have out of phase: a cable with one side swapped, a
balanced microphone on a stereo input. The mean of many loses what only one of them hears.
"""

import numpy as np
from numpy.typing import NDArray

_MEMORY = 1.0  # seconds over which channels are compared
_OPPOSED = 0.3  # correlation beyond which the sign of the second channel is clear
_LOUDER = 2.0  # times the power, above the noise, of what is in use: another channel is better
_RISE = 1.05  # how fast a second may raise a channel's noise floor
_FADE = 0.005  # seconds


class ChannelMixer:
    """Mixes a stream of blocks down to mono: their mean, as long as no voice is lost by it.

    Of two channels that are out of phase one is turned round; of more, one that hears a voice twice
    as loud as the mean has it is taken alone. That is decided anew every 10 ms; a change is faded
    over 5 ms.
    """

    def __init__(self, sample_rate: int) -> None:
        self._rate = sample_rate
        self._frame = max(2, sample_rate // 100)
        self._fade = max(1, int(_FADE * sample_rate))
        self._mixed = False  # whether anything was mixed with these weights
        self._begin(1)

    def mix(self, block: NDArray[np.floating]) -> NDArray[np.float32]:
        """Return float32 [n] for [n, channels]; the number of channels may change."""
        if block.shape[1] == 1:
            return block[:, 0].astype(np.float32)
        if block.shape[1] != len(self._weights):
            self._begin(block.shape[1])
        mixed = np.empty(len(block), np.float32)
        for start in range(0, len(block), self._frame):
            frame = block[start : start + self._frame]
            before = self._weights
            if np.isfinite(frame).all():
                self._compare(frame)
            out = mixed[start : start + len(frame)]
            out[:] = frame @ self._weights
            if before is not self._weights and self._mixed:
                fade = min(len(frame), self._fade)
                slope = np.arange(fade, dtype=np.float32) / fade
                out[:fade] += (1 - slope) * (frame[:fade] @ (before - self._weights))
            self._mixed = True
        return mixed

    def _begin(self, channels: int) -> None:
        self._weights = np.full(channels, 1 / channels)
        self._mixed = False
        self._last = np.zeros((0, channels))  # the sample before this one
        self._cross = self._sum = 0.0
        # Of more than two channels: their mean, and each of them.
        self._ways = np.column_stack((self._weights, np.eye(channels)))
        self._way = 0
        self._power = np.zeros(channels + 1)
        self._floor = np.full(channels + 1, np.inf)
        self._energy = np.zeros(channels + 1)  # of a frame that is not complete
        self._length = 0

    def _compare(self, frame: NDArray[np.floating]) -> None:
        heard = np.concatenate((self._last, frame))
        self._last = heard[-1:]
        heard = np.diff(heard, axis=0)  # the treble raised: it is not for a hum to decide
        if len(self._weights) == 2:
            self._compare_phase(*heard.T)
        else:
            self._compare_levels(heard)

    def _compare_phase(self, left: NDArray[np.float64], right: NDArray[np.float64]) -> None:
        keep = np.exp(-len(left) / self._rate / _MEMORY)
        self._cross = keep * self._cross + 2 * float(left @ right)
        self._sum = keep * self._sum + float(left @ left + right @ right)
        alike = self._cross / (self._sum + 1e-30)
        if abs(alike) > _OPPOSED and alike * self._weights[1] < 0:
            self._weights = np.array([0.5, np.copysign(0.5, alike)])

    def _compare_levels(self, heard: NDArray[np.float64]) -> None:
        self._energy += np.sum(np.square(heard @ self._ways), axis=0)
        self._length += len(heard)
        if self._length < self._frame - 1:  # of the first one, one is not known
            return
        power, seconds = self._energy / self._length, self._length / self._rate
        self._energy, self._length = np.zeros_like(power), 0
        self._floor = np.minimum(power, self._floor * _RISE**seconds)
        keep = np.exp(-seconds / _MEMORY)
        self._power = keep * self._power + np.maximum(power - 2 * self._floor, 0) * seconds
        best = int(np.argmax(self._power))
        if self._power[best] > _LOUDER * self._power[self._way]:
            self._way, self._weights = best, self._ways[:, best]
