"""The tail of a wake word: what still sounds of it after the engine has called it ended."""

import numpy as np
from numpy.typing import NDArray

from agent.wake.engine import SAMPLE_RATE

LONGEST = 0.3
"""Seconds that it may sound on."""

PAUSE = 0.1
"""Seconds of quiet behind it: without them what follows is what the user goes on to say."""

QUIET = 10 ** (-25 / 20)
"""Against the loudest of the word."""

_FRAME = SAMPLE_RATE // 100


def after_tail(pcm: NDArray[np.float32], end: int) -> int:
    """Return where a wake word that ended at sample `end` of float32 [n] has died away.

    That is `end` itself where no pause follows.
    """
    begin = end % _FRAME
    frames = pcm[begin : len(pcm) - (len(pcm) - begin) % _FRAME].reshape(-1, _FRAME)
    loudness = np.sqrt(np.square(frames).mean(1))
    first, pause = end // _FRAME, round(PAUSE * SAMPLE_RATE) // _FRAME
    quiet = loudness < QUIET * loudness[max(0, first - 100) : first].max(initial=0)
    for frame in range(first, first + round(LONGEST * SAMPLE_RATE) // _FRAME):
        if len(quiet) >= frame + pause and quiet[frame : frame + pause].all():
            return begin + frame * _FRAME
    return end
