"""Noise reduction: WebRTC's noise suppressor, a Wiener filter that follows the steady noise."""

from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from agent.audio.resample import Resampler
from agent.errors import AudioError
from agent.events import MICROPHONE_RATE, Audio
from tts.extras import pip_install

FRAME = MICROPHONE_RATE // 100
"""Samples in a frame (10 ms)."""
DELAY = 96
"""Samples by which the suppressor's output is behind its input."""
LEVELS = {"near_field": 1, "far_field": 2}
"""Of the suppressor's four: 12 dB less of what is next to one's mouth, 18 dB of a room."""


class NoiseReduction:
    """Takes steady noise out of blocks of any rate: 0.2 ms of work for each 100 ms.

    What comes out is at the microphone's rate, and every sample keeps its time. Raises AudioError,
    naming what to install, when the package is not there.
    """

    def __init__(self, field: Literal["near_field", "far_field"], strength: float = 1.0) -> None:
        """`strength` is the share of what it takes out that is taken out, from 0 to 1."""
        try:
            import pywebrtc_audio
        except ImportError as error:
            install = pip_install("parley-voice[echo]")
            message = f"noise reduction needs pywebrtc-audio ({error}): {install}"
            raise AudioError(message) from error
        self._suppressor: Any = pywebrtc_audio.NoiseSuppressor(MICROPHONE_RATE, level=LEVELS[field])
        self._strength = np.float32(strength)
        self._resampler = Resampler(MICROPHONE_RATE, MICROPHONE_RATE, "quick")
        self._rate = MICROPHONE_RATE
        self._rest = np.zeros(0, np.float32)  # less than a frame
        self._behind = np.zeros(DELAY, np.float32)  # as it was, behind as the suppressor is
        self._ahead = 0.0  # samples that were taken and have not been given

    def __call__(self, block: Audio) -> Audio:
        """Return what is known of the sound up to the end of the next block, maybe nothing."""
        pcm = self._taken(block)
        whole = len(pcm) // FRAME * FRAME
        self._rest = pcm[whole:]
        cleaned = self._clean(pcm[:whole])
        self._ahead -= len(cleaned)
        if block.time is None:
            return Audio(cleaned, MICROPHONE_RATE, mark=block.mark)
        behind = len(cleaned) + self._ahead + self._resampler.delay + DELAY
        time = block.time + block.duration - behind / MICROPHONE_RATE
        return Audio(cleaned, MICROPHONE_RATE, time, block.mark)

    def flush(self, end: float) -> Audio:
        """Return the rest of the sound, which is over at `end`."""
        pcm = np.concatenate((self._rest, self._resampler.flush()))
        wanted = len(pcm) + DELAY
        padding = np.zeros(-wanted % FRAME + DELAY, np.float32)
        cleaned = self._clean(np.concatenate((pcm, padding)))[:wanted]
        self._resampler = Resampler(self._rate, MICROPHONE_RATE, "quick")
        self._rest, self._behind = self._rest[:0], np.zeros(DELAY, np.float32)
        self._ahead = 0.0
        return Audio(cleaned, MICROPHONE_RATE, end - len(cleaned) / MICROPHONE_RATE)

    def _taken(self, block: Audio) -> NDArray[np.float32]:
        parts = [self._rest]
        if block.sample_rate != self._rate:
            parts.append(self._resampler.flush())
            self._rate = block.sample_rate
            self._resampler = Resampler(self._rate, MICROPHONE_RATE, "quick")
        parts.append(self._resampler.process(block.pcm))
        self._ahead += block.duration * MICROPHONE_RATE
        return np.concatenate(parts)

    def _clean(self, pcm: NDArray[np.float32]) -> NDArray[np.float32]:
        """Return whole frames without their noise, `DELAY` samples later."""
        frames = [self._suppressor.process(each) for each in pcm.reshape(-1, FRAME)]
        if not frames:
            return pcm
        before = np.concatenate((self._behind, pcm))
        self._behind = before[len(pcm) :]
        noisy = before[: len(pcm)]
        cleaned: NDArray[np.float32] = noisy + self._strength * (np.concatenate(frames) - noisy)
        return cleaned
