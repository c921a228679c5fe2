"""One utterance for Pocketsphinx, in segments: a decoder cannot go on once it has ended one."""

from typing import Literal

import numpy as np
from numpy.typing import NDArray

from stt.pocketsphinx.decoder import SAMPLE_RATE
from stt.pocketsphinx.process import DecoderProcess
from stt.protocol import Transcript, Word

BLOCK = SAMPLE_RATE // 20
"""Samples gathered before they are decoded: smaller blocks only cost time."""

LONGEST_BLOCK = SAMPLE_RATE
"""Samples decoded at once: a recognition that is dropped waits for no more than that."""

LONGEST_REPEAT = 3 * SAMPLE_RATE
"""Samples of a segment that are decoded once more when it goes on after a finish, at most."""

LEAD_IN = SAMPLE_RATE // 5
"""Samples of the pause that a new segment begins with, so that its first word is not cut."""

QUIET = 0.1
"""Peak below which an utterance is raised: 16 bits hold too little of it, and the model knows none.
"""

LEVEL = 0.3
"""The peak that it is raised to, by no more than `LARGEST_GAIN`."""

LARGEST_GAIN = 100.0

LISTEN = round(0.6 * SAMPLE_RATE)
"""Samples from which the level of a quiet utterance is known; a loud one need not wait."""


class PocketsphinxRecognition:
    """Streaming recognition of one utterance, in a segment for each time that it goes on.

    After a `finish` a new segment begins where the last one did, because a word is best understood
    after those before it; only after a long one it begins afresh, with a little of the pause.
    """

    def __init__(self, decoder: DecoderProcess, mean: str) -> None:
        """`mean`: the cepstral mean that the decoder's first segment was begun with."""
        self.mean = mean
        """The cepstral mean after the last words."""
        self._segment_mean = mean  # before the segment
        self._decoder = decoder
        self._state: Literal["open", "ending", "ended"] = "open"  # the segment's
        self._start = 0  # the segment's first sample
        self._segment = np.zeros(0, np.float32)  # its samples so far
        self._pending = np.zeros(0, np.float32)  # samples that are not decoded yet
        self._gain = 0.0  # of what is fed; 0 until the level is known
        self._earlier_words: tuple[Word, ...] = ()  # of earlier segments
        self._words: tuple[Word, ...] = ()  # of the segment, when it has ended
        self._text = ""  # the last partial transcript

    async def feed(self, pcm: NDArray[np.float32]) -> Transcript | None:
        """Decode the next samples (16 kHz mono, [-1, 1], any length); a partial when it changed."""
        if self._gain > 1 and len(pcm):  # what is louder than all before it is not clipped
            self._gain = max(1.0, min(self._gain, 1 / (float(np.abs(pcm).max()) + 1e-9)))
        raised = pcm if self._gain in (0, 1) else pcm * np.float32(self._gain)
        self._pending = np.concatenate((self._pending, raised))
        if not self._gain:
            self._find_level()
        enough = len(self._pending) >= BLOCK
        return await self._decode() if self._gain and enough else None

    async def finish(self) -> Transcript:
        """Decode all that was fed, with word times."""
        if not self._gain:
            self._find_level(certainly=True)
        await self._decode()
        if self._state == "open":
            await self._decoder.end_utterance()
            self._state = "ending"
        await self._take_words()
        words = self._earlier_words + self._words
        return Transcript(" ".join(word.text for word in words), words)

    def _find_level(self, *, certainly: bool = False) -> None:
        """Find how much the utterance is to be raised, by its beginning."""
        peak = float(np.abs(self._pending).max(initial=0))
        if peak >= QUIET:
            self._gain = 1.0
        elif certainly or len(self._pending) >= LISTEN:
            self._gain = min(LARGEST_GAIN, LEVEL / max(peak, 1e-9))
            self._pending = self._pending * np.float32(self._gain)

    async def _decode(self) -> Transcript | None:
        if not len(self._pending):
            return None
        await self._take_words()
        if self._state == "ended":
            await self._start_segment()
        self._segment = np.concatenate((self._segment, self._pending))
        text = ""
        while len(self._pending):
            block, self._pending = self._pending[:LONGEST_BLOCK], self._pending[LONGEST_BLOCK:]
            text = await self._decoder.decode(_int16(block))
        text = " ".join([*(word.text for word in self._earlier_words), *text.split()])
        if text == self._text:
            return None
        self._text = text
        return Transcript(text)

    async def _take_words(self) -> None:
        """Take the words of a segment that was ended, if nobody has yet."""
        if self._state != "ending":
            return
        answer = await self._decoder.answer()
        self._state = "ended"
        if answer["words"]:  # silence and noise say nothing about the voice
            self.mean = answer["mean"]
        start = self._start / SAMPLE_RATE
        self._words = tuple(Word(text, start + a, start + b) for text, a, b in answer["words"])

    async def _start_segment(self) -> None:
        """Start the segment that has ended again, or the next one."""
        if len(self._segment) > LONGEST_REPEAT:
            self._segment_mean = self.mean
            self._earlier_words += self._words
            end = self._start + len(self._segment)
            last = round(self._earlier_words[-1].end * SAMPLE_RATE) if self._earlier_words else 0
            self._start = max(last, end - LEAD_IN)
            self._segment = self._segment[len(self._segment) - (end - self._start) :]
        await self._decoder.start_utterance(self._segment_mean)
        self._state = "open"
        self._words = ()
        self._pending = np.concatenate((self._segment, self._pending))
        self._segment = self._segment[:0]


def _int16(pcm: NDArray[np.float32]) -> bytes:
    return np.clip(np.rint(pcm * 32768), -32768, 32767).astype(np.int16).tobytes()
