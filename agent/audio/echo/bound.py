"""How loud an echo can be at most, and so when what is heard is certainly the user.

Known long before a filter has learnt the room, and where there is no echo to learn from.
"""

from collections import deque

import numpy as np
from numpy.typing import NDArray

_ENOUGH = 50  # frames of the agent's voice after which the bound is believed
_SOON = 0.2  # how much of a power's average over frames is the last one: 50 ms
_DELAY = 25  # frames until an echo has arrived: the lead of the reference, the devices, the air
_ECHO = 10 ** (-6 / 50)  # what may be left of an echo after a frame: 60 dB less in 0.5 s
_AUDIBLE = 1e-6  # power of the agent's voice
_NOISE = 1.003  # how fast a frame may raise the noise: 1.3 dB in a second
_LOUD = 8.0  # times as much as the noise
_FAINTEST = -60.0  # dB: no echo worth speaking of
_MARGIN = 12.0  # dB above the loudest echo so far
_FALL, _RISE = 0.03, 0.1  # dB in a frame: a bound that is wrong does not stay so
_LATE = 20  # frames until what is heard counts as an echo: a voice swells no slower
_HOLD = 20  # frames


class EchoBound:
    """The loudest that the microphone has been, next to what the speaker played just before."""

    def __init__(self) -> None:
        self._near = 1e-9
        self._played: deque[float] = deque(maxlen=_DELAY)  # on its way to the microphone
        self._far = 0.0  # the loudest that may still echo
        self._floor = 1.0  # of the near end: the noise of the microphone and the room
        self._bound = _FAINTEST
        self._echoes: deque[float] = deque()  # dB, unless they turn out to be the user
        self._known = 0  # frames
        self._hold = 0

    def update(self, near: NDArray[np.float32], far: NDArray[np.float32]) -> bool:
        """Whether the user speaks in this frame, whatever the echo."""
        self._near += _SOON * (float(np.mean(np.square(near))) - self._near)
        self._played.append(float(np.mean(np.square(far))))
        self._far = max(*self._played, self._far * _ECHO)
        self._floor = min(self._near, self._floor * _NOISE)
        self._hold = max(0, self._hold - 1)
        if self._far < _AUDIBLE:
            return self._hold > 0
        heard = self._near > _LOUD * self._floor
        ratio = 10 * float(np.log10(self._near / self._far)) if heard else _FAINTEST
        if self._known >= _ENOUGH and ratio > self._bound + _MARGIN:
            self._hold = _HOLD
            self._echoes.clear()
        if self._hold:
            self._bound += _RISE
        else:
            self._known += 1
            self._echoes.append(ratio)
            if len(self._echoes) > _LATE:
                self._bound = max(self._echoes.popleft(), self._bound - _FALL)
        return self._hold > 0
