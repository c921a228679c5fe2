"""The engine `pocketsphinx`: a pool of decoder processes, one for each utterance that is open."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import anyio

from stt.pocketsphinx.decoder import SAMPLE_RATE
from stt.pocketsphinx.process import DecoderProcess
from stt.pocketsphinx.recognition import PocketsphinxRecognition

TYPICAL_MEAN = "50,3,8,11,1,-1,1,-2,-4,-2,5,2,2"
"""The cepstral mean of close, clear speech: where the first utterance's adaptation begins.

Pocketsphinx's own starting point (40,3,-1,0,…) costs three times the errors in that utterance.
"""


class Pocketsphinx:
    """Small offline recogniser for English with streaming partial transcripts.

    It adapts to voice and microphone from utterance to utterance.
    """

    sample_rate = SAMPLE_RATE
    language = "en"

    def __init__(self) -> None:
        self._mean = TYPICAL_MEAN
        self._idle: list[DecoderProcess] = []
        self._busy: list[DecoderProcess] = []

    async def load(self) -> None:
        """Start a decoder (about a second). Raises SpeechToTextError."""
        if not self._idle:
            self._idle.append(await DecoderProcess.start())

    async def aclose(self) -> None:
        """End all decoders; a recognition that is still open fails."""
        decoders = self._idle + self._busy
        self._idle, self._busy = [], []
        for decoder in decoders:
            await decoder.aclose()

    @asynccontextmanager
    async def listen(self) -> AsyncIterator[PocketsphinxRecognition]:
        """Recognise one utterance; several at a time take a decoder each.

        Raises SpeechToTextError, as does the recognition, when a decoder fails.
        """
        decoder = self._idle.pop() if self._idle else await DecoderProcess.start()
        self._busy.append(decoder)
        recognition = PocketsphinxRecognition(decoder, self._mean)
        try:
            await decoder.start_utterance(self._mean)
            yield recognition
            self._mean = recognition.mean
        finally:
            with anyio.CancelScope(shield=True):
                await self._give_back(decoder)

    async def _give_back(self, decoder: DecoderProcess) -> None:
        if decoder not in self._busy:  # aclose() has ended it
            return
        self._busy.remove(decoder)
        if await decoder.reset():
            self._idle.append(decoder)
        else:
            await decoder.aclose()
