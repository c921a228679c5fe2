"""Double-talk detection: does the user speak too while the microphone hears the agent?

Two detectors, since neither is enough. The ceiling is known long before a filter has learnt the
room, and where there is no echo to learn from; the leak tells a user who is softer than the echo.
"""

from collections import deque

import numpy as np
from numpy.typing import NDArray

_SMOOTHING = 0.2  # how much of a power's average over frames is the last one: 50 ms
_NOISE_RISE = 1.003  # how fast a frame may raise the noise floor: 1.3 dB in a second
_LOUD = 8.0  # times as much as the noise floor

_ENOUGH = 50  # frames of the agent's voice after which the ceiling is believed
_DELAY = 25  # frames until an echo has arrived: the lead of the reference, the devices, the air
_ECHO_DECAY = 10 ** (-6 / 50)  # what may be left of an echo after a frame: 60 dB less in 0.5 s
_AUDIBLE = 1e-6  # power of the agent's voice
_FAINTEST = -60.0  # dB: no echo worth speaking of
_CEILING_MARGIN = 12.0  # dB above the loudest echo so far
_FALL, _RISE = 0.03, 0.1  # dB in a frame: a ceiling that is wrong does not stay so
_LATE = 20  # frames until what is heard counts as an echo: a voice swells no slower
_CEILING_HOLD = 20  # frames


class EchoCeiling:
    """Finds the user by loudness: more than the loudest echo of what was played just before."""

    def __init__(self) -> None:
        self._near = 1e-9
        self._played: deque[float] = deque(maxlen=_DELAY)  # on its way to the microphone
        self._far = 0.0  # the loudest that may still echo
        self._noise = 1.0  # of the near end: the noise of the microphone and the room
        self._ceiling = _FAINTEST
        self._echoes: deque[float] = deque()  # dB, unless they turn out to be the user
        self._known = 0  # frames
        self._hold = 0

    def update(self, near: NDArray[np.float32], far: NDArray[np.float32]) -> bool:
        """Tell whether the user speaks in this frame; `near` and `far`: float32 [n]."""
        self._near += _SMOOTHING * (float(np.mean(np.square(near))) - self._near)
        self._played.append(float(np.mean(np.square(far))))
        self._far = max(*self._played, self._far * _ECHO_DECAY)
        self._noise = min(self._near, self._noise * _NOISE_RISE)
        self._hold = max(0, self._hold - 1)
        if self._far < _AUDIBLE:
            return self._hold > 0
        heard = self._near > _LOUD * self._noise
        ratio = 10 * float(np.log10(self._near / self._far)) if heard else _FAINTEST
        if self._known >= _ENOUGH and ratio > self._ceiling + _CEILING_MARGIN:
            self._hold = _CEILING_HOLD
            self._echoes.clear()
        if self._hold:
            self._ceiling += _RISE
        else:
            self._known += 1
            self._echoes.append(ratio)
            if len(self._echoes) > _LATE:
                self._ceiling = max(self._echoes.popleft(), self._ceiling - _FALL)
        return self._hold > 0


_REVERBERATION = 10 ** (-6 / 40)  # what is left of an echo after a frame: 60 dB less in 0.4 s
_QUIET = 1e-7  # power: there is no echo to speak of
_LEARNT = -6.0  # dB: a filter that leaks more knows too little to tell
_LEAK_MARGIN = 13.0  # dB above the leak
_STEP = 0.05  # dB in a frame
_LEAK_HOLD = 15  # frames
_DIVERGED = 10  # frames in a row that are louder with the filter than without


class DoubleTalkDetector:
    """Finds the user by the linear filter's residual: more than the echo that it leaks.

    The leak, in dB of the echo, is learnt as a median: half of the frames are above it.
    """

    def __init__(self) -> None:
        self.reset()

    def reset(self) -> None:
        """Begin with a filter that leaks everything."""
        self._near = self._residual = self._echo = self._reverberation = 1e-9
        self._noise = 1.0  # of the residual: the noise of the microphone and the room
        self._leak = 0.0
        self._hold = 0
        self._worse = 0
        self._doubt = 0  # frames for which a diverged filter is not believed

    @property
    def diverged(self) -> bool:
        """Whether the filter has diverged and makes it worse: the room is another one now."""
        return self._worse >= _DIVERGED

    def update(self, near: NDArray[np.float32], residual: NDArray[np.float32]) -> bool:
        """Tell whether the user speaks in this frame of the microphone, float32 [n].

        `residual` is what the filter leaves of it.
        """
        self._near += _SMOOTHING * (_power(near) - self._near)
        self._residual += _SMOOTHING * (_power(residual) - self._residual)
        self._echo += _SMOOTHING * (_power(near - residual) - self._echo)
        self._noise = min(self._residual, self._noise * _NOISE_RISE)
        self._reverberation = max(self._echo, self._reverberation * _REVERBERATION)
        self._hold = max(0, self._hold - 1)
        if self._reverberation > _QUIET:
            leaked = max(self._residual - 2 * self._noise, 1e-12)
            rest = 10 * np.log10(leaked / self._reverberation)
            learnt = self._leak < _LEARNT
            worse = learnt and self._residual > 1.1 * self._near and rest > _LEARNT
            self._worse = self._worse + 1 if worse else 0
            self._doubt = _LEAK_HOLD if worse else max(0, self._doubt - 1)
            if self._doubt:
                self._hold = 0
            elif (
                learnt and rest > self._leak + _LEAK_MARGIN and self._residual > _LOUD * self._noise
            ):
                self._hold = _LEAK_HOLD
            step = _STEP if not self._hold else _STEP / 5
            self._leak += step if rest > self._leak else -step
        return self._hold > 0


def _power(pcm: NDArray[np.float32]) -> float:
    """The power of a frame, the treble raised as the ear does."""
    return float(np.mean(np.square(np.diff(pcm))))
