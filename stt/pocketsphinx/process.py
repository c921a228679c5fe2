"""A decoder process from its parent's side: it is started, sent commands, and answers in order."""

import json
import sys
from contextlib import suppress
from pathlib import Path
from subprocess import DEVNULL
from typing import Any

import anyio
from anyio.abc import Process
from anyio.streams.buffered import BufferedByteReceiveStream

from stt.pocketsphinx import decoder as program
from stt.protocol import SpeechToTextError

LONGEST_ANSWER = 1 << 24
"""Bytes."""
SEND = 2.0
"""Seconds until a process must have taken a command."""


class DecoderProcess:
    """A process that runs `stt.pocketsphinx.decoder`. All methods raise SpeechToTextError.

    Commands are answered in order, so a wait for an answer that was cancelled can be made up for.
    """

    def __init__(self, process: Process) -> None:
        assert process.stdin is not None
        assert process.stdout is not None
        self._process = process
        self._commands = process.stdin
        self._answers = BufferedByteReceiveStream(process.stdout)
        self._owed = 1  # answers not read yet; the first says that the model is ready
        self._in_utterance = False
        self._alive = True

    @classmethod
    async def start(cls) -> "DecoderProcess":
        """Start a process and wait until it has read its model."""
        # -P: the program's folder, where this package looks like the other, is not searched.
        command = [sys.executable, "-P", str(Path(program.__file__))]
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

    async def start_utterance(self, mean: str) -> None:
        """Begin an utterance, or a segment of it, with the cepstral mean to adapt from."""
        await self._send(b"S", mean.encode())

    async def decode(self, pcm: bytes) -> str:
        """Decode int16 samples: the words of the utterance so far."""
        await self._send(b"A", pcm)
        return str((await self.answer())["text"])

    async def end_utterance(self) -> None:
        """End the utterance; `answer` waits for its words and the mean that was adapted to."""
        await self._send(b"E")

    async def reset(self) -> bool:
        """End an utterance whose words are of no interest; whether the process is usable."""
        if self._in_utterance and self._alive:
            with suppress(SpeechToTextError):
                await self.end_utterance()
        return self._alive

    async def answer(self) -> dict[str, Any]:
        """Wait for the answer to the last command; those that nobody waited for are skipped."""
        answer: dict[str, Any] = {}
        while self._owed:
            try:
                line = await self._answers.receive_until(b"\n", LONGEST_ANSWER)
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

    async def _send(self, command: bytes, payload: bytes = b"") -> None:
        self._in_utterance = command != b"E"
        self._owed += 1
        header = program.HEADER.pack(command, len(payload))
        try:
            # Never half a command. The process reads on, so this is quick, or it has gone.
            with anyio.move_on_after(SEND, shield=True) as patience:
                await self._commands.send(header + payload)
            if patience.cancelled_caught:
                self._process.kill()
                raise self._died()
        except (anyio.BrokenResourceError, anyio.ClosedResourceError) as error:
            raise self._died() from error

    def _died(self) -> SpeechToTextError:
        self._alive = False
        return SpeechToTextError(
            "the pocketsphinx decoder has died; the next utterance starts a new one"
        )
