"""One utterance for Whisper: heard piece by piece, decoded as a whole, now and then on the way."""

from typing import TYPE_CHECKING

import anyio
import numpy as np
from numpy.typing import NDArray

from stt.protocol import SpeechToTextError, Transcript
from stt.vad import Voice
from stt.whisper.agreement import Agreement

if TYPE_CHECKING:
    from stt.whisper.engine import Whisper

SAMPLE_RATE = 16000

PARTIAL, SELDOM, AGAIN = 0.5, 5.0, 0.1
"""Seconds from one partial transcript to the next where they cost little, and where they cost much;
and until the next look after one at a pause."""

PAUSE, DELAY = 0.09, 0.02
"""Seconds of silence after which the final is wanted at the earliest; and those that it may wait
for a partial, on average: what has begun with the encoder cannot be given up before its end."""

LONGEST = 28.0
"""Seconds of an utterance after which no more partials are made: they would take too long."""


def interval(took: float) -> float:
    """Seconds from one partial to the next when one takes so long.

    The final waits for one that was begun in the last `took` - `PAUSE` seconds of speech, half of
    that on average.
    """
    return min(SELDOM, max(PARTIAL, 2 * took, max(0.0, took - PAUSE) ** 2 / (2 * DELAY)))


class WhisperRecognition:
    """An utterance. Partials are decoded while nothing else is; a final does not wait for them."""

    def __init__(self, engine: "Whisper") -> None:
        self._engine = engine
        self._pieces: list[NDArray[np.float32]] = []
        self._samples = 0
        self._voice = Voice()
        self._measured = 0  # samples that `_voice` knows
        self._transcript: Transcript | None = Transcript("")  # of all that was heard
        self._drafts_wanted = True
        self._agreement = Agreement()
        self._partial: str | None = None  # what `feed` has yet to give
        # Samples at which the next partial is made.
        self._due = round(interval(engine.draft_took) * SAMPLE_RATE)
        self._grown = anyio.Event()

    async def feed(self, pcm: NDArray[np.float32]) -> Transcript | None:
        """Hear more (16 kHz mono, [-1, 1], any length); the words that are certain by now."""
        if not len(pcm):
            return None
        self._pieces.append(pcm)
        self._samples += len(pcm)
        self._transcript = None
        if self._samples >= self._due:
            self._grown.set()
        text, self._partial = self._partial, None
        return None if text is None else Transcript(text)

    async def finish(self) -> Transcript:
        """The transcript of all that was fed; with word times if the engine was asked for them.

        A partial that is being decoded is given up. Raises SpeechToTextError.
        """
        if self._transcript is not None:
            return self._transcript
        samples, self._drafts_wanted = self._samples, False
        try:
            transcript = await self._engine.run(self._hear)
        finally:
            self._drafts_wanted = True
        if self._samples == samples:
            self._transcript = transcript
        return transcript

    async def show_partials(self) -> None:
        """Decode what was heard so far, again and again, until cancelled."""
        try:
            while self._samples < LONGEST * SAMPLE_RATE:
                await self._grown.wait()
                self._grown = anyio.Event()
                if self._drafts_wanted and self._transcript is None and self._engine.idle:
                    await self._show_partial()
        except SpeechToTextError:
            pass  # the final transcript will tell
        finally:
            self._drafts_wanted = False

    async def _show_partial(self) -> None:
        began = anyio.current_time()
        draft = await self._engine.run(self._draft)
        if draft is None:
            self._due = self._samples + round(AGAIN * SAMPLE_RATE)
            return
        self._engine.draft_took = took = anyio.current_time() - began
        self._due = self._samples + round(interval(took) * SAMPLE_RATE)
        self._partial = self._agreement.update(draft.text) or self._partial

    def _hear(self) -> Transcript:
        """In the worker thread: all of it."""
        return self._engine.hear(self._audio(), self._voice)

    def _draft(self) -> Transcript | None:
        """In the worker thread: what was said so far; None if it was given up, or in a pause.

        It may be the last one, and the final transcript is wanted then, and nothing in its way.
        """
        pcm = self._audio()
        if not self._voice.lasts:
            return None
        transcript = self._engine.hear(pcm, self._voice, lambda: self._drafts_wanted)
        return transcript if self._drafts_wanted else None

    def _audio(self) -> NDArray[np.float32]:
        """The audio so far, its voice measured; the loop's thread may add to it meanwhile."""
        pcm = np.concatenate([*self._pieces, np.zeros(0, np.float32)])
        self._voice.feed(pcm[self._measured :])
        self._measured = len(pcm)
        return pcm
