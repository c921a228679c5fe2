"""Acoustic echo cancellation: the echo is taken out, and the user is not.

WebRTC's AEC3 leaves nothing of an echo, and little of a user who speaks at the same time as loud as
the echo (double talk): of the first word of an interruption, a voice detector finds half. A linear
filter leaves a little of the echo, and all of the user. So the output is AEC3's as long as nothing
but the agent is heard, and the linear filter's residual during double talk.
"""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from agent.audio.echo.double_talk import DoubleTalkDetector, EchoCeiling
from agent.audio.echo.kalman import KalmanFilter
from agent.errors import AudioError
from agent.events import MICROPHONE_RATE
from tts.extras import pip_install

FRAME = MICROPHONE_RATE // 100
"""Samples in a frame (10 ms)."""

DELAY = 128
"""Samples by which the output is behind the input."""


class EchoCanceller:
    """Takes the echo of the far end out of the near end, a frame at a time: 0.35 ms of work.

    Raises AudioError, naming what to install, when the package is not there.
    """

    def __init__(self) -> None:
        try:
            import pywebrtc_audio
        except ImportError as error:
            install = pip_install("parley-voice[echo]")
            raise AudioError(f"echo: cancel needs pywebrtc-audio ({error}): {install}") from error
        self._aec: Any = pywebrtc_audio.EchoCanceller(MICROPHONE_RATE)
        self._filter = KalmanFilter(FRAME)
        self._double_talk = DoubleTalkDetector()
        self._ceiling = EchoCeiling()
        self.near_end = False
        """Whether the user certainly speaks: louder than any echo can be."""
        self._behind = np.zeros(DELAY, np.float32)
        self._share = 0.0  # of the linear filter in the output

    def clean(self, near: NDArray[np.float32], far: NDArray[np.float32]) -> NDArray[np.float32]:
        """Return `near` without the echo of `far`, both float32[FRAME], `DELAY` samples later."""
        cleaned: NDArray[np.float32] = self._aec.process(near, far)
        residual = self._filter.residual(near, far)
        self.near_end = self._ceiling.update(near, far)
        share = float(self._double_talk.update(near, residual) or self.near_end)
        if self._double_talk.diverged:
            self._filter.reset()
            self._double_talk.reset()
        delayed = np.concatenate((self._behind, near if self.near_end else residual))
        self._behind = delayed[FRAME:]
        slope = np.linspace(self._share, share, FRAME, dtype=np.float32)
        self._share = share
        mixed: NDArray[np.float32] = cleaned + slope * (delayed[:FRAME] - cleaned)
        if np.isfinite(mixed).all() and np.isfinite(self._behind).all():
            return mixed
        self.reset()  # what is not finite would stay so
        self._ceiling = EchoCeiling()
        self._behind = np.zeros(DELAY, np.float32)
        return np.zeros(FRAME, np.float32)

    def reset(self) -> None:
        """Forget the room: what comes now does not follow what came before.

        The ceiling stays: no echo is louder for it.
        """
        self._aec.reset()
        self._filter.reset()
        self._double_talk.reset()
