"""Voice activity of one utterance: Silero VAD v6, the model that comes with faster-whisper."""

from typing import Any

import numpy as np
from numpy.typing import NDArray

SAMPLE_RATE = 16000
WINDOW = 512
"""Samples per probability (32 ms)."""
CONTEXT = 64
"""Samples before each window that the model sees too."""
BEGIN, GO_ON = 0.5, 0.35
"""Hysteresis: a voice begins at this probability, and goes on down to the other."""


class VoiceActivity:
    """Voice activity detector that sums one utterance up. The first use reads the model."""

    def __init__(self) -> None:
        self._pending: NDArray[np.float32] = np.zeros(CONTEXT, np.float32)  # context, then samples
        self._h = np.zeros((1, 1, 128), np.float32)
        self._c = np.zeros((1, 1, 128), np.float32)
        self._probabilities: list[float] = []

    def process(self, pcm: NDArray[np.float32]) -> None:
        """Measure the next samples: float32 [n] at 16 kHz, any n. About 0.2 ms for each 32 ms."""
        self._pending = np.concatenate((self._pending, pcm))
        count = (len(self._pending) - CONTEXT) // WINDOW
        if count < 1:
            return
        windows = np.lib.stride_tricks.sliding_window_view(self._pending, CONTEXT + WINDOW)
        inputs = {"input": windows[: count * WINDOW : WINDOW], "h": self._h, "c": self._c}
        output, self._h, self._c = _session().run(None, inputs)
        self._probabilities += output.ravel().tolist()
        self._pending = self._pending[count * WINDOW :].copy()

    @property
    def voiced_seconds(self) -> float:
        """How long somebody spoke, without the pauses."""
        return len(self._voiced()) * WINDOW / SAMPLE_RATE

    @property
    def speaking(self) -> bool:
        """Whether somebody speaks in the latest window, rather than pauses."""
        return len(self._probabilities) - 1 in self._voiced()[-1:]

    @property
    def clarity(self) -> float:
        """The mean probability of a voice, from its beginning to its end; 0 without any."""
        voiced = self._voiced()
        if not voiced:
            return 0.0
        return float(np.mean(self._probabilities[voiced[0] : voiced[-1] + 1]))

    def _voiced(self) -> list[int]:
        """The windows that hold a voice, by their numbers."""
        voiced: list[int] = []
        for i, p in enumerate(self._probabilities):
            if p >= (GO_ON if voiced and voiced[-1] == i - 1 else BEGIN):
                voiced.append(i)
        return voiced


def _session() -> Any:
    from faster_whisper.vad import get_vad_model  # reads the model once in a process

    return get_vad_model().session
