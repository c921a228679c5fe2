"""Worker thread in which Whisper decodes, and what one decoding leaves for the next."""

import threading
from collections.abc import Callable, Sequence
from typing import TypeVar

import anyio
import anyio.to_thread
import numpy as np
from numpy.typing import NDArray

from stt.hallucinations import Hypothesis, rejection
from stt.protocol import SpeechToTextError, Transcript
from stt.vad import VoiceActivity
from stt.whisper.decoder import Decoder
from stt.whisper.files import first_line
from stt.whisper.language import ConversationLanguage

LEAST_VOICE = 0.15
"""Seconds of voice below which nothing is decoded at all: a quick "no" has as much."""

_T = TypeVar("_T")


class DecodingThread:
    """Worker thread of an engine: runs one job at a time, and never on the event loop."""

    def __init__(self) -> None:
        self.decoder: Decoder | None = None
        """The loaded model; None before and after."""
        self.draft_seconds = 0.0
        """How long the latest partial transcript took."""
        self._limiter = anyio.CapacityLimiter(1)
        self._lock = threading.Lock()  # a job that was given up may still be at it

    @property
    def idle(self) -> bool:
        """Whether a decoding that starts now delays no other."""
        return self._limiter.borrowed_tokens == 0

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
        language: ConversationLanguage,
        wanted: Callable[[], bool] | None = None,
        decoder: Decoder | None = None,
    ) -> Transcript:
        """Decode 16 kHz mono audio with its voice activity, and reject hallucinations.

        Blocks: for `run`. `decoder`: one with options of its own. With `wanted` it is a draft,
        which is given up when it is not wanted any more. Raises SpeechToTextError when the engine
        has been closed.
        """
        if voice.voiced_seconds < LEAST_VOICE:
            return Transcript("", rejected=f"only {voice.voiced_seconds:.2f} s of voice")
        decoder = decoder or self.decoder
        if self.decoder is None or decoder is None:
            raise SpeechToTextError("whisper has been closed")
        draft = wanted is not None
        hypotheses = decoder.decode(pcm, language.expected, wanted)
        judged = _Judged(hypotheses, voice)
        if language.doubted(hypotheses, rejected=not judged.kept, draft=draft):
            others = decoder.decode(pcm, None, wanted)
            anew = _Judged(others, voice)
            if anew.kept and language.prefers(
                others,
                hypotheses,
                rejected=not judged.kept,
                voiced_seconds=voice.voiced_seconds,
            ):
                judged = anew
        if judged.kept and not draft:
            language.learn(judged.kept[0], voice.voiced_seconds)
        return judged.transcript()


class _Judged:
    """Hypotheses of an utterance, judged by its voice activity."""

    def __init__(self, hypotheses: Sequence[Hypothesis], voice: VoiceActivity) -> None:
        self.kept: list[Hypothesis] = []
        self._reasons: list[str] = []
        for hypothesis in hypotheses:
            if reason := rejection(hypothesis, voice):
                self._reasons.append(f"{reason}: {hypothesis.text}")
            else:
                self.kept.append(hypothesis)

    def transcript(self) -> Transcript:
        """Return what is kept, and why the rest is not."""
        rejected = "; ".join(self._reasons) or None
        if not self.kept:
            return Transcript("", rejected=rejected)
        return Transcript(
            " ".join(hypothesis.text for hypothesis in self.kept),
            tuple(word for hypothesis in self.kept for word in hypothesis.words),
            language=self.kept[0].language,
            confidence=float(np.exp(np.mean([each.log_probability for each in self.kept]))),
            rejected=rejected,
        )
