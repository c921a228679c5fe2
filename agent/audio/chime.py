"""A short sound between replies, which gives way to the next one."""

import numpy as np
from numpy.typing import NDArray

from agent.audio.gain import slope

_FADE = 0.005  # seconds: it gives way at once, without a click


class Chime:
    """A sound of its own, mixed into silence by the driver until a reply sounds."""

    def __init__(self, pcm: NDArray[np.float32], sample_rate: int) -> None:
        """`pcm`: float32 [n] at the device's rate."""
        self._pcm = pcm
        self._fall = slope(_FADE, sample_rate)[::-1].copy()
        self._place = 0

    def mix(self, out: NDArray[np.float32], *, last: bool) -> bool:
        """Driver: add the next piece to `out`, the `last` one if a reply sounds; is it over?

        The last piece dies away within 5 ms.
        """
        piece = self._pcm[self._place : self._place + len(out)]
        if last:
            fall = self._fall[: len(piece)]
            piece = piece[: len(fall)]
            out[: len(piece)] += piece * fall[: len(piece)]
            return True
        out[: len(piece)] += piece
        self._place += len(piece)
        return self._place >= len(self._pcm)
