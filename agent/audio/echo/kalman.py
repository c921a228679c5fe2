"""A partitioned-block Kalman filter in the frequency domain, which learns an echo's linear part.

Every partition of the room's impulse response is a row of spectral weights, and every weight has
a variance that says how unsure it is: unsure weights learn fast, and what is loud but no echo, a
user who talks at the same time, teaches nothing. After Enzner and Vary, "Frequency-domain adaptive
Kalman filter for acoustic echo control in hands-free telephones" (2006), and its partitioned form
by Kuech, Mabande and Enzner (2014).
"""

import numpy as np
from numpy.typing import NDArray

_PARTITIONS = 36  # frames of 10 ms: lead of the reference, delay of the devices, and the room
_TRANSITION = 0.999  # the room's state transition: like it was a frame ago, nearly
_VARIANCE = 0.1  # the variance of a weight at first
_SMOOTH = 0.9  # of the spectrum of what is no echo


class KalmanFilter:
    """Predicts the echo, `size` samples a frame; the prediction has no delay."""

    def __init__(self, size: int) -> None:
        self._size = size
        self.reset()

    def reset(self) -> None:
        """Forget the room."""
        shape = (_PARTITIONS, self._size + 1)
        self._weights = np.zeros(shape, np.complex64)
        self._variance = np.full(shape, _VARIANCE, np.float32)
        self._far = np.zeros(shape, np.complex64)
        self._before = np.zeros(self._size, np.float32)
        self._silence = 0  # frames in a row
        self._noise = np.full(self._size + 1, 1e-3, np.float32)

    def residual(self, near: NDArray[np.float32], far: NDArray[np.float32]) -> NDArray[np.float32]:
        """Return `near` without the predicted echo of `far`, both float32 [size], and learn."""
        self._silence = 0 if far.any() else self._silence + 1
        if self._silence > _PARTITIONS:  # there is nothing to predict, and nothing to learn
            self._before = far
            return near
        self._far = np.roll(self._far, 1, axis=0)
        self._far[0] = np.fft.rfft(np.concatenate((self._before, far)))
        self._before = far
        predicted = np.fft.irfft(np.sum(self._far * self._weights, axis=0))[self._size :]
        residual = (near - predicted).astype(np.float32)
        self._learn(residual)
        return residual

    def _learn(self, residual: NDArray[np.float32]) -> None:
        size = self._size
        error = np.fft.rfft(np.concatenate((np.zeros(size, np.float32), residual)))
        power = np.square(np.abs(error)).astype(np.float32)
        self._noise += (1 - _SMOOTH) * (power - self._noise)
        loudness = np.square(np.abs(self._far))
        expected = 0.5 * np.sum(loudness * self._variance, axis=0) + self._noise
        gain = self._variance / (expected + 1e-9)
        update = np.fft.irfft(gain * np.conj(self._far) * error, axis=1)
        update[:, size:] = 0  # or the partitions would wrap around
        self._weights += np.fft.rfft(update, axis=1).astype(np.complex64)
        self._variance *= 1 - 0.5 * gain * loudness
        self._variance *= _TRANSITION**2
        self._variance += (1 - _TRANSITION**2) * np.square(np.abs(self._weights))
        self._weights *= np.float32(_TRANSITION)
