"""The sound of a take as it is generated: through the codec, without its silences, with words."""

import numpy as np
import torch

from tts.dia.codec.codec import Dac
from tts.dia.network.delays import Codes
from tts.dia.serving.silence import Samples, SilenceTrimmer
from tts.estimate import StreamedWords
from tts.protocol import Speech

PUSH = 4
"""Frames that go through the codec together, 46 ms: fewer take longer, each by itself."""


class TakeSound:
    """Makes sound of a take's codes. Its words get their share of the time, by their letters."""

    def __init__(self, dac: Dac, text: str, expected: float, pace: float) -> None:
        """`expected` are the seconds that the text should take, `pace` a letter's samples."""
        self._dac = dac
        self._stream = dac.decoder()
        self._trimmer = SilenceTrimmer(dac.sample_rate, expected)
        self._words = StreamedWords(text, dac.sample_rate, pace)
        self._waiting: list[Codes] = []

    @property
    def heard(self) -> bool:
        """Whether there has been any sound."""
        return self._trimmer.heard

    def add(self, frames: Codes, *, last: bool) -> Speech:
        """Take the next frames [n, codebooks]; the sound that nothing can change any more.

        Words' starts are counted from the take's first sample.
        """
        self._waiting.append(frames)
        pieces: list[Samples] = []
        if last or sum(map(len, self._waiting)) >= PUSH:
            codes = np.concatenate(self._waiting).T.astype(np.int64)
            self._waiting = []
            pieces.append(self._trimmer.feed(self._decode(codes)))
        if last:
            pieces.append(self._trimmer.feed(self._stream.finish().cpu().numpy()))
            pieces.append(self._trimmer.finish())
        speech = self._words.piece(np.concatenate(pieces) if pieces else _NOTHING)
        if not last or not self.heard:
            return speech
        rest = self._words.rest()
        return Speech(np.concatenate((speech.pcm, rest.pcm)), speech.words + rest.words)

    def _decode(self, codes: np.ndarray[tuple[int, ...], np.dtype[np.int64]]) -> Samples:
        tensor = torch.from_numpy(codes).to(self._dac.device)
        return self._stream.step(tensor).cpu().numpy()


_NOTHING = np.zeros(0, np.float32)
