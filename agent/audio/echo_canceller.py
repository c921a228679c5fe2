"""WebRTC's AEC3, through the optional package `pywebrtc-audio`."""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from agent.errors import AudioError
from agent.events import MICROPHONE_RATE

FRAME = MICROPHONE_RATE // 100
"""Samples in a frame (10 ms)."""

DELAY = 128
"""Samples by which what comes out is behind what went in."""

_INSTALL = "pip install 'parley[echo]'"


class Canceller:
    """Takes the echo of the far end out of the near end, a frame at a time: 0.1 ms of work.

    Raises AudioError, naming what to install, when the package is not there.
    """

    def __init__(self) -> None:
        try:
            from pywebrtc_audio import EchoCanceller
        except ImportError as error:
            raise AudioError(f"echo: cancel needs pywebrtc-audio ({error}): {_INSTALL}") from error
        self._aec: Any = EchoCanceller(MICROPHONE_RATE)

    def clean(self, near: NDArray[np.float32], far: NDArray[np.float32]) -> NDArray[np.float32]:
        """What is not an echo of `far` in `near`, both float32[FRAME], `DELAY` samples later."""
        cleaned: NDArray[np.float32] = self._aec.process(near, far)
        return cleaned

    def reset(self) -> None:
        """Forget the room: what comes now does not follow what came before."""
        self._aec.reset()
