"""CMU Pocketsphinx: small, offline, English; its model comes with the package.

Words appear while they are spoken. It adapts to voice and microphone from utterance to
utterance. The decoding is done by `stt.pocketsphinx_decoder` in processes of its own.
"""

import json
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from pathlib import Path
from subprocess import DEVNULL
from typing import Any, Literal

import anyio
import numpy as np
from anyio.abc import Process
from anyio.streams.buffered import BufferedByteReceiveStream
from numpy.typing import NDArray

from stt import pocketsphinx_decoder
from stt.pocketsphinx_decoder import HEADER, SAMPLE_RATE
from stt.protocol import SpeechToTextError, Transcript, Word

BLOCK = SAMPLE_RATE // 20
"""Samples gathered before they are decoded: smaller blocks only cost time."""

LONGEST = SAMPLE_RATE
"""Samples decoded at once: a recognition that is dropped waits for no more than that."""

AGAIN = 3 * SAMPLE_RATE
"""Samples of a segment that are decoded once more when it goes on after a finish, at most."""

LEAD_IN = SAMPLE_RATE // 5
"""Samples of the pause that a new segment begins with, so that its first word is not cut."""

TYPICAL_MEAN = "50,3,8,11,1,-1,1,-2,-4,-2,5,2,2"
"""The cepstral mean of close, clear speech: where the first utterance's adaptation begins.

Pocketsphinx's own starting point (40,3,-1,0,…) costs three times the errors in that utterance.
"""


class Pocketsphinx:
    """Small offline recogniser for English with streaming partial transcripts."""

    sample_rate = SAMPLE_RATE

    def __init__(self) -> None:
        self._mean = TYPICAL_MEAN
        self._idle: list[_Decoder] = []
        self._busy: list[_Decoder] = []

    async def load(self) -> None:
        """Start a decoder (about a second). Raises SpeechToTextError."""
        if not self._idle:
            self._idle.append(await _Decoder.start())

    async def aclose(self) -> None:
        """End all decoders; a recognition that is still open fails."""
        decoders = self._idle + self._busy
        self._idle, self._busy = [], []
        for decoder in decoders:
            await decoder.aclose()

    @asynccontextmanager
    async def listen(self) -> AsyncIterator["_Recognition"]:
        """Recognise one utterance; several at a time take a decoder each.

        Raises SpeechToTextError, as does the recognition, when a decoder fails.
        """
        decoder = self._idle.pop() if self._idle else await _Decoder.start()
        self._busy.append(decoder)
        recognition = _Recognition(decoder, self._mean)
        try:
            await decoder.send(b"S", self._mean.encode())
            yield recognition
            self._mean = recognition.mean
        finally:
            with anyio.CancelScope(shield=True):
                await self._give_back(decoder)

    async def _give_back(self, decoder: "_Decoder") -> None:
        if decoder not in self._busy:  # aclose() has ended it
            return
        self._busy.remove(decoder)
        if decoder.in_utterance and decoder.alive:
            with suppress(SpeechToTextError):
                await decoder.send(b"E")  # its words are of no interest any more
        if decoder.alive:
            self._idle.append(decoder)
        else:
            await decoder.aclose()


class _Recognition:
    """One utterance: a segment of the decoder's, and one more whenever it goes on after a finish.

    A new segment begins where the last one did, because a word is best understood after those
    before it; only after a long one it begins afresh, with a little of the pause.
    """

    def __init__(self, decoder: "_Decoder", mean: str) -> None:
        self.mean = self._mean = mean  # the cepstral mean: after the last words, before the segment
        self._decoder = decoder
        self._state: Literal["open", "ending", "ended"] = "open"  # the segment's
        self._start = 0  # the segment's first sample
        self._heard = np.zeros(0, np.float32)  # the segment so far
        self._rest = np.zeros(0, np.float32)  # what is not decoded yet
        self._before: tuple[Word, ...] = ()  # the words of earlier segments
        self._words: tuple[Word, ...] = ()  # the words of the segment, when it has ended
        self._text = ""

    async def feed(self, pcm: NDArray[np.float32]) -> Transcript | None:
        """Hear more (16 kHz mono, [-1, 1], any length); a partial transcript when it changed."""
        self._rest = np.concatenate((self._rest, pcm))
        return await self._decode() if len(self._rest) >= BLOCK else None

    async def finish(self) -> Transcript:
        """The transcript of all that was fed, with word times."""
        await self._decode()
        if self._state == "open":
            await self._decoder.send(b"E")
            self._state = "ending"
        await self._end()
        words = self._before + self._words
        return Transcript(" ".join(word.text for word in words), words)

    async def _decode(self) -> Transcript | None:
        if not len(self._rest):
            return None
        await self._end()
        if self._state == "ended":
            await self._go_on()
        self._heard = np.concatenate((self._heard, self._rest))
        heard = ""
        while len(self._rest):
            block, self._rest = self._rest[:LONGEST], self._rest[LONGEST:]
            await self._decoder.send(b"A", _int16(block))
            heard = (await self._decoder.answer())["text"]
        text = " ".join([*(word.text for word in self._before), *heard.split()])
        if text == self._text:
            return None
        self._text = text
        return Transcript(text)

    async def _end(self) -> None:
        """Take the words of a segment that was ended, if nobody has yet."""
        if self._state != "ending":
            return
        answer = await self._decoder.answer()
        self._state = "ended"
        if answer["words"]:  # silence and noise say nothing about the voice
            self.mean = answer["mean"]
        start = self._start / SAMPLE_RATE
        self._words = tuple(Word(text, start + a, start + b) for text, a, b in answer["words"])

    async def _go_on(self) -> None:
        """Start a segment again, or the next one."""
        if len(self._heard) > AGAIN:
            self._mean = self.mean
            self._before += self._words
            now = self._start + len(self._heard)
            said = round(self._before[-1].end * SAMPLE_RATE) if self._before else 0
            self._start = max(said, now - LEAD_IN)
            self._heard = self._heard[len(self._heard) - (now - self._start) :]
        await self._decoder.send(b"S", self._mean.encode())
        self._state = "open"
        self._words = ()
        self._rest = np.concatenate((self._heard, self._rest))
        self._heard = self._heard[:0]


class _Decoder:
    """A decoder process. Commands are answered in order, so a cancelled wait can be made up for."""

    def __init__(self, process: Process) -> None:
        assert process.stdin is not None
        assert process.stdout is not None
        self._process = process
        self._commands = process.stdin
        self._answers = BufferedByteReceiveStream(process.stdout)
        self._owed = 1  # answers not read yet; the first says that the model is ready
        self.in_utterance = False
        self.alive = True

    @classmethod
    async def start(cls) -> "_Decoder":
        """Start a process and wait until it has read its model."""
        # -P: the program's folder, where this module looks like the package, is not searched.
        command = [sys.executable, "-P", str(Path(pocketsphinx_decoder.__file__))]
        try:
            process = await anyio.open_process(command, stderr=DEVNULL)
        except OSError as error:
            raise SpeechToTextError(
                f"pocketsphinx runs in a process of its own, but {command[0]} cannot be started: "
                f"{error}"
            ) from error
        decoder = cls(process)
        try:
            await decoder.answer()
        except BaseException:
            with anyio.CancelScope(shield=True):
                await decoder.aclose()
            raise
        return decoder

    async def send(self, command: bytes, payload: bytes = b"") -> None:
        """Send a command; `answer` waits for what it says."""
        self.in_utterance = command != b"E"
        self._owed += 1
        try:
            # Never half a command. The process always reads on, so this does not take long.
            with anyio.CancelScope(shield=True):
                await self._commands.send(HEADER.pack(command, len(payload)) + payload)
        except (anyio.BrokenResourceError, anyio.ClosedResourceError) as error:
            raise self._died() from error

    async def answer(self) -> dict[str, Any]:
        """The answer to the last command; those that nobody waited for are skipped."""
        answer: dict[str, Any] = {}
        while self._owed:
            try:
                line = await self._answers.receive_until(b"\n", 1 << 24)
            except (anyio.IncompleteRead, anyio.ClosedResourceError) as error:
                raise self._died() from error
            self._owed -= 1
            answer = json.loads(line)
        if "error" in answer:
            raise SpeechToTextError(answer["error"])
        return answer

    async def aclose(self) -> None:
        """End the process."""
        if self._process.returncode is None:
            self._process.kill()
        await self._process.aclose()

    def _died(self) -> SpeechToTextError:
        self.alive = False
        return SpeechToTextError(
            "the pocketsphinx decoder has died; the next utterance starts a new one"
        )


def _int16(pcm: NDArray[np.float32]) -> bytes:
    return np.clip(np.rint(pcm * 32768), -32768, 32767).astype(np.int16).tobytes()
