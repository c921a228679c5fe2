"""One utterance for Whisper: it comes in pieces and is decoded whole, now and then on the way."""

from collections.abc import Callable

import anyio
import numpy as np
from numpy.typing import NDArray

from stt.protocol import SpeechToTextError, Transcript
from stt.vad import SAMPLE_RATE, VoiceActivity
from stt.whisper.agreement import LocalAgreement
from stt.whisper.decoder import Decoder
from stt.whisper.decoding_thread import DecodingThread
from stt.whisper.language import ConversationLanguage

MIN_INTERVAL, MAX_INTERVAL, RETRY = 0.5, 5.0, 0.1
"""Seconds from one partial transcript to the next where they cost little, and where they cost much;
and until the next look after one at a pause."""

PAUSE, FINAL_DELAY = 0.09, 0.02
"""Seconds of silence after which the final is wanted at the earliest; and those that it may wait
for a partial, on average: what has begun with the encoder cannot be given up before its end."""

LONGEST = 28.0
"""Seconds of an utterance after which no more partials are made: they would take too long."""


def interval(took: float) -> float:
    """Choose the seconds from one partial transcript to the next, when one takes `took`.

    The final waits for one that was begun in the last `took` - `PAUSE` seconds of speech, half of
    that on average.
    """
    return min(
        MAX_INTERVAL, max(MIN_INTERVAL, 2 * took, max(0.0, took - PAUSE) ** 2 / (2 * FINAL_DELAY))
    )


class WhisperRecognition:
    """Streaming recognition of one utterance by decoding all of it, again and again.

    Partials are decoded while nothing else is; a final does not wait for them.
    """

    def __init__(
        self,
        decoding: DecodingThread,
        language: ConversationLanguage,
        decoder: Decoder | None = None,
    ) -> None:
        """`language` is the conversation's; `decoder`: one with options of its own."""
        self._decoding = decoding
        self._language = language
        self._decoder = decoder
        self._pieces: list[NDArray[np.float32]] = []
        self._samples = 0
        self._voice = VoiceActivity()
        self._measured = 0  # samples that `_voice` knows
        self._transcript: Transcript | None = Transcript("")  # of all that was fed
        self._drafts_wanted = True
        self._agreement = LocalAgreement()
        self._partial: str | None = None  # what `feed` has yet to give
        # Samples at which the next partial is made.
        self._next_draft = round(interval(decoding.draft_seconds) * SAMPLE_RATE)
        self._draft_due = anyio.Event()

    async def feed(self, pcm: NDArray[np.float32]) -> Transcript | None:
        """Keep the next samples (16 kHz mono, [-1, 1], any length); the words certain by now."""
        if not len(pcm):
            return None
        self._pieces.append(pcm)
        self._samples += len(pcm)
        self._transcript = None
        if self._samples >= self._next_draft:
            self._draft_due.set()
        text, self._partial = self._partial, None
        return None if text is None else Transcript(text)

    async def finish(self) -> Transcript:
        """Decode all that was fed; with word times if the engine was asked for them.

        A partial that is being decoded is given up. Raises SpeechToTextError.
        """
        if self._transcript is not None:
            return self._transcript
        samples, self._drafts_wanted = self._samples, False
        try:
            transcript = await self._decoding.run(self._decode_final)
        finally:
            self._drafts_wanted = True
        if self._samples == samples:
            self._transcript = transcript
        return transcript

    async def show_partials(self) -> None:
        """Decode what was fed so far, again and again, until cancelled."""
        try:
            while self._samples < LONGEST * SAMPLE_RATE:
                await self._draft_due.wait()
                self._draft_due = anyio.Event()
                if self._drafts_wanted and self._transcript is None and self._decoding.idle:
                    await self._show_partial()
        except SpeechToTextError:
            pass  # the final transcript will tell
        finally:
            self._drafts_wanted = False

    async def _show_partial(self) -> None:
        began = anyio.current_time()
        draft = await self._decoding.run(self._decode_draft)
        if draft is None:
            self._next_draft = self._samples + round(RETRY * SAMPLE_RATE)
            return
        self._decoding.draft_seconds = took = anyio.current_time() - began
        self._next_draft = self._samples + round(interval(took) * SAMPLE_RATE)
        self._partial = self._agreement.update(draft.text) or self._partial

    def _decode_final(self) -> Transcript:
        """Decode all of it, in the worker thread."""
        return self._transcribe(self._audio())

    def _decode_draft(self) -> Transcript | None:
        """Decode what was said so far, in the worker thread; None if given up, or in a pause.

        It may be the last one, and the final transcript is wanted then, and nothing in its way.
        """
        pcm = self._audio()
        if not self._voice.speaking:
            return None
        transcript = self._transcribe(pcm, lambda: self._drafts_wanted)
        return transcript if self._drafts_wanted else None

    def _transcribe(
        self, pcm: NDArray[np.float32], wanted: Callable[[], bool] | None = None
    ) -> Transcript:
        return self._decoding.transcribe(pcm, self._voice, self._language, wanted, self._decoder)

    def _audio(self) -> NDArray[np.float32]:
        """Return the audio so far, its voice measured; the loop may add to it meanwhile."""
        pcm = np.concatenate([*self._pieces, np.zeros(0, np.float32)])
        self._voice.process(pcm[self._measured :])
        self._measured = len(pcm)
        return pcm
