"""Worker thread in which Whisper decodes, and what one decoding leaves for the next."""

import threading
from collections.abc import Callable
from typing import TypeVar

import anyio
import anyio.to_thread
import numpy as np
from numpy.typing import NDArray

from stt.hallucinations import MIN_VOICE, Hypothesis, rejection
from stt.protocol import SpeechToTextError, Transcript
from stt.vad import VoiceActivity
from stt.whisper.decoder import Decoder
from stt.whisper.files import first_line

CERTAIN, LONG_ENOUGH = 0.8, 1.0
"""Probability of a language, and seconds of voice, from which on it is the conversation's."""

_T = TypeVar("_T")


class DecodingThread:
    """Worker thread of an engine: runs one job at a time, and never on the event loop."""

    def __init__(self, language: str) -> None:
        """`language`: a code such as en, or auto."""
        self.decoder: Decoder | None = None
        """The loaded model; None before and after."""
        self.draft_seconds = 0.0
        """How long the latest partial transcript took."""
        self._language = None if language == "auto" else language
        self._detected: str | None = None
        self._limiter = anyio.CapacityLimiter(1)
        self._lock = threading.Lock()  # a job that was given up may still be at it

    @property
    def idle(self) -> bool:
        """Whether a decoding that starts now delays no other."""
        return self._limiter.borrowed_tokens == 0

    def forget_language(self) -> None:
        """Detect the language anew: another conversation begins."""
        self._detected = None

    async def run(self, job: Callable[[], _T]) -> _T:
        """Run what computes; a job whose caller is cancelled is left to end by itself.

        Raises SpeechToTextError where the job raises RuntimeError.
        """

        def alone() -> _T:
            with self._lock:
                return job()

        try:
            return await anyio.to_thread.run_sync(
                alone, limiter=self._limiter, abandon_on_cancel=True
            )
        except RuntimeError as error:
            raise SpeechToTextError(f"whisper failed: {first_line(error)}") from error

    def transcribe(
        self,
        pcm: NDArray[np.float32],
        voice: VoiceActivity,
        wanted: Callable[[], bool] | None = None,
    ) -> Transcript:
        """Decode 16 kHz mono audio with its voice activity, and reject hallucinations.

        Blocks: for `run`. With `wanted` it is a draft, which is given up when it is not wanted any
        more. Raises SpeechToTextError when the engine has been closed.
        """
        if voice.voiced_seconds < MIN_VOICE:
            return Transcript("", rejected=f"only {voice.voiced_seconds:.2f} s of voice")
        decoder = self.decoder
        if decoder is None:
            raise SpeechToTextError("whisper has been closed")
        kept: list[Hypothesis] = []
        reasons: list[str] = []
        for hypothesis in decoder.decode(pcm, self._language or self._detected, wanted):
            if reason := rejection(hypothesis, voice):
                reasons.append(f"{reason}: {hypothesis.text}")
            else:
                kept.append(hypothesis)
        rejected = "; ".join(reasons) or None
        if not kept:
            return Transcript("", rejected=rejected)
        long_enough = wanted is None and voice.voiced_seconds >= LONG_ENOUGH
        if long_enough and kept[0].language_probability >= CERTAIN:
            self._detected = kept[0].language
        return Transcript(
            " ".join(hypothesis.text for hypothesis in kept),
            tuple(word for hypothesis in kept for word in hypothesis.words),
            language=kept[0].language,
            confidence=float(np.exp(np.mean([hypothesis.log_probability for hypothesis in kept]))),
            rejected=rejected,
        )
