"""The echo is taken out, and the user is not.

WebRTC's AEC3 leaves nothing of an echo, and little of a user who speaks at the same time as loud as
the echo: of the first word of an interruption, a voice detector finds half. A linear filter leaves
a little of the echo, and all of the user. So AEC3 has the word as long as nothing but the agent is
heard, and what the linear filter leaves has it as soon as that is clearly more than it usually is.
"""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from agent.audio.echo.bound import EchoBound
from agent.audio.echo.kalman import LinearFilter
from agent.errors import AudioError
from agent.events import MICROPHONE_RATE
from parley_voice import pip_install

FRAME = MICROPHONE_RATE // 100
"""Samples in a frame (10 ms)."""

DELAY = 128
"""Samples by which what comes out is behind what went in."""


class Canceller:
    """Takes the echo of the far end out of the near end, a frame at a time: 0.35 ms of work.

    Raises AudioError, naming what to install, when the package is not there.
    """

    def __init__(self) -> None:
        try:
            from pywebrtc_audio import EchoCanceller
        except ImportError as error:
            install = pip_install("parley-voice[echo]")
            raise AudioError(f"echo: cancel needs pywebrtc-audio ({error}): {install}") from error
        self._aec: Any = EchoCanceller(MICROPHONE_RATE)
        self._filter = LinearFilter(FRAME)
        self._double_talk = DoubleTalk()
        self._bound = EchoBound()
        self.certain = False
        """Whether the user speaks, and is louder than any echo can be."""
        self._behind = np.zeros(DELAY, np.float32)
        self._share = 0.0  # of the linear filter in what comes out

    def clean(self, near: NDArray[np.float32], far: NDArray[np.float32]) -> NDArray[np.float32]:
        """What is not an echo of `far` in `near`, both float32[FRAME], `DELAY` samples later."""
        cleaned: NDArray[np.float32] = self._aec.process(near, far)
        residue = self._filter.residue(near, far)
        self.certain = self._bound.update(near, far)
        share = float(self._double_talk.update(near, residue) or self.certain)
        if self._double_talk.diverged:
            self._filter.reset()
            self._double_talk.reset()
        delayed = np.concatenate((self._behind, near if self.certain else residue))
        self._behind = delayed[FRAME:]
        slope = np.linspace(self._share, share, FRAME, dtype=np.float32)
        self._share = share
        return cleaned + slope * (delayed[:FRAME] - cleaned)

    def reset(self) -> None:
        """Forget the room: what comes now does not follow what came before.

        But no echo is louder for it.
        """
        self._aec.reset()
        self._filter.reset()
        self._double_talk.reset()


_SOON = 0.2  # how much of a power's average over frames is the last one: 50 ms
_ROOM = 10 ** (-6 / 40)  # what is left of an echo after a frame: 60 dB less in 0.4 s
_QUIET = 1e-7  # power: there is no echo to speak of
_LEARNT = -6.0  # dB: a filter that leaks more knows too little to tell
_PATIENCE = 1.003  # how fast a frame may raise the noise: 1.3 dB in a second
_LOUD = 8.0  # times as much as the noise
_MARGIN = 13.0  # dB above the leak
_STEP = 0.05  # dB in a frame
_HOLD = 15  # frames
_LOST = 10  # frames in a row that are louder with the filter than without


class DoubleTalk:
    """Whether the user speaks too: what the linear filter leaves is more than it leaks.

    The leak, in dB of the echo, is learnt: half of the frames are above it.
    """

    def __init__(self) -> None:
        self.reset()

    def reset(self) -> None:
        """The filter begins again: it leaks everything."""
        self._near = self._residue = self._echo = self._reverberation = 1e-9
        self._floor = 1.0  # of the residue: the noise of the microphone and the room
        self._leak = 0.0
        self._hold = 0
        self._worse = 0
        self._doubt = 0  # frames for which the filter is not believed

    @property
    def diverged(self) -> bool:
        """Whether the filter makes it worse: the room is another one now."""
        return self._worse >= _LOST

    def update(self, near: NDArray[np.float32], residue: NDArray[np.float32]) -> bool:
        """A frame of the microphone, and what the filter leaves of it."""
        self._near += _SOON * (_power(near) - self._near)
        self._residue += _SOON * (_power(residue) - self._residue)
        self._echo += _SOON * (_power(near - residue) - self._echo)
        self._floor = min(self._residue, self._floor * _PATIENCE)
        self._reverberation = max(self._echo, self._reverberation * _ROOM)
        self._hold = max(0, self._hold - 1)
        if self._reverberation > _QUIET:
            leaked = max(self._residue - 2 * self._floor, 1e-12)
            rest = 10 * np.log10(leaked / self._reverberation)
            learnt = self._leak < _LEARNT
            worse = learnt and self._residue > 1.1 * self._near and rest > _LEARNT
            self._worse = self._worse + 1 if worse else 0
            self._doubt = _HOLD if worse else max(0, self._doubt - 1)
            if self._doubt:
                self._hold = 0
            elif learnt and rest > self._leak + _MARGIN and self._residue > _LOUD * self._floor:
                self._hold = _HOLD
            step = _STEP if not self._hold else _STEP / 5
            self._leak += step if rest > self._leak else -step
        return self._hold > 0


def _power(pcm: NDArray[np.float32]) -> float:
    """The power of a frame, the treble raised as the ear does."""
    return float(np.mean(np.square(np.diff(pcm))))
