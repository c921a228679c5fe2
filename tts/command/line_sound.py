"""The sound of one line, in what a program writes: a WAV, or raw samples."""

import numpy as np

from tts.command.program import MAX_WAV, decode_wav
from tts.estimate import StreamedWords, estimate_words
from tts.protocol import Speech

RIFF, HEADER = b"RIFF", 44
"""How a WAV begins, and the bytes of its header."""


class LineSound:
    """The sound of one line, in what a program writes: a WAV, or raw samples of 16 bits."""

    def __init__(self, line: str, sample_rate: int, pace: float | None) -> None:
        self.line = line
        self.size = 0
        """Bytes so far."""
        self._rate = sample_rate
        self._words = StreamedWords(line, sample_rate, pace)
        self._bytes = bytearray()  # of a WAV all, of samples what is not passed on
        self._is_wav: bool | None = None  # unknown until its first bytes

    @property
    def begun(self) -> bool:
        """Whether some of it has been heard."""
        return self._words.made > 0

    @property
    def pace(self) -> float | None:
        """The samples that a letter took, of raw samples."""
        return self._words.pace

    @property
    def _wav_size(self) -> int | None:
        """Bytes of the WAV by its header; None for one that does not say."""
        size = int.from_bytes(self._bytes[4:8], "little") + 8
        return size if HEADER < size <= MAX_WAV else None

    @property
    def whole(self) -> bool:
        """Whether all of it is here: known of a WAV alone."""
        size = self._wav_size if self._is_wav and len(self._bytes) >= HEADER else None
        return size is not None and len(self._bytes) >= size

    @property
    def ends_quietly(self) -> bool:
        """Whether silence ends it: it has begun, and its length is not known."""
        if self._is_wav is False:
            return True
        return len(self._bytes) >= HEADER and self._wav_size is None

    def add(self, data: bytes) -> Speech:
        """Take what the program writes next: what can be heard by now."""
        self.size += len(data)
        self._bytes += data
        if self._is_wav is None and (len(self._bytes) >= len(RIFF) or data[:1] != RIFF[:1]):
            self._is_wav = self._bytes.startswith(RIFF)
        if self._is_wav is not False:
            return Speech(np.zeros(0, np.float32))
        even = len(self._bytes) & ~1
        pcm = np.frombuffer(self._bytes[:even], "<i2").astype(np.float32) / np.float32(1 << 15)
        del self._bytes[:even]
        return self._words.piece(pcm)

    def rest(self) -> Speech:
        """End it: what has not been heard. Raises ValueError for a WAV that is none; blocks."""
        if not self._is_wav:
            return self._words.rest()
        pcm = decode_wav(bytes(self._bytes[: self._wav_size]), self._rate)
        return Speech(pcm, estimate_words(self.line, len(pcm)))
