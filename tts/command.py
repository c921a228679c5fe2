"""The engine `command`: any program that makes a WAV of text, as flite, piper, macOS's `say` do."""

import contextlib
import io
import os
import re
import shutil
import signal
import subprocess
from collections.abc import Sequence
from contextlib import AbstractAsyncContextManager
from typing import IO, Annotated, NamedTuple

import anyio
import anyio.to_thread
import numpy as np
from anyio.abc import ByteReceiveStream, Process
from numpy.typing import NDArray
from pydantic import Field

from tts.estimate import estimate_words
from tts.protocol import Speech, TextToSpeechError, Utterance
from tts.sound import SoundError, SoundFile
from tts.utterance import Send, open_utterance, unwrapping_task_group

_LOCALE = re.compile(r"(?<![A-Za-z])([a-z]{2})[_-][A-Z]{2}(?![A-Za-z])")
"""As in the names of voices, en_US-lessac-medium."""
TEXT, OUTPUT = "{text}", "{output}"
MAX_WAV = 1 << 24
"""Bytes that a program may write for one clause, which has 300 characters at most."""
MAX_MESSAGE, MAX_SAID = 1 << 12, 300
"""Bytes of what it says of errors that are kept, from the end, and characters that are told."""
LONGEST = 120
"""Seconds that a clause may last."""


class _Done(NamedTuple):
    """What came of a program."""

    returncode: int
    stdout: bytes
    stderr: bytes


class Command:
    """Synthesiser that runs a program once for each clause, without a shell.

    In its arguments `{text}` stands for the clause and `{output}` for the WAV file to write. With
    no `{text}` the clause is its standard input, with no `{output}` the WAV its standard output:

        [flite, -voice, slt, -t, "{text}", -o, "{output}"]
        [piper, --model, en_US-lessac-medium.onnx, --output_file, "{output}"]

    The program says nothing of words, so their times are an estimate: each takes the share of the
    audio that its letters have in the clause.
    """

    def __init__(
        self,
        *,
        command: Annotated[
            list[str],
            Field(
                min_length=1,
                description="The program and its arguments; {text} and {output} are filled in.",
            ),
        ],
        sample_rate: Annotated[
            int, Field(ge=8000, le=192000, description="In Hz; what it makes is resampled to it.")
        ] = 22050,
        language: Annotated[
            str | None,
            Field(
                description="The voice's language, such as en: figures are written out in it; "
                "null leaves them to the program, unless an argument names a language (en_US)."
            ),
        ] = None,
        timeout: Annotated[float, Field(gt=0, description="Seconds that a clause may take.")] = 30,
    ) -> None:
        self._command = command
        self._sample_rate = sample_rate
        self._timeout = timeout
        named = _LOCALE.search(" ".join(command))
        self.language = language or (named[1] if named else None)
        """The language it speaks, if that is known (`tts.VoiceOfLanguage`)."""

    @property
    def sample_rate(self) -> int:
        """As it was asked for."""
        return self._sample_rate

    @property
    def patience(self) -> float:
        """Seconds that a clause may take, and a few to tell that it took longer."""
        return self._timeout + 5.0

    async def load(self) -> None:
        """Look for the program. Raises TextToSpeechError."""
        if shutil.which(self._command[0]) is None:
            raise TextToSpeechError(
                f"program '{self._command[0]}' not found: install it, or correct `command`"
            )

    async def aclose(self) -> None:
        """Nothing to give back: a program runs only as long as its clause."""

    def open(self) -> AbstractAsyncContextManager[Utterance]:
        """Open one utterance; leaving early kills its programs, with all that they started.

        One speaks, the next is ahead.
        """
        return open_utterance(self._synthesise, ahead=1)

    async def _synthesise(self, clause: str, send: Send) -> None:
        wav = await self._run(clause)
        try:
            pcm = await anyio.to_thread.run_sync(decode_wav, wav, self._sample_rate)
        except ValueError as error:
            raise TextToSpeechError(f"{self._command[0]}: {error}; check `command`") from error
        await send(Speech(pcm, estimate_words(clause, len(pcm))))

    async def _run(self, clause: str) -> bytes:
        """Run the program on `clause`: the WAV it makes."""
        # What an operating system cannot pass to a program is not for speaking either.
        clause = clause.replace("\0", " ").encode(errors="replace").decode()
        async with anyio.TemporaryDirectory(prefix="parley-") as folder:
            text, output = anyio.Path(folder, "text.txt"), anyio.Path(folder, "speech.wav")
            # A file and no pipe: a program that does not read it to its end breaks nothing.
            await text.write_text(clause + "\n", encoding="utf-8")
            async with await text.open("rb") as stdin:
                done = await self._execute(self._arguments(clause, str(output)), stdin.wrapped)
            if done.returncode != 0:
                raise TextToSpeechError(self._failure(done))
            if not any(OUTPUT in part for part in self._command):
                return done.stdout
            if not await output.exists():
                raise TextToSpeechError(f"{self._command[0]} wrote no {OUTPUT}: check `command`")
            if (await output.stat()).st_size > MAX_WAV:
                raise TextToSpeechError(self._too_much())
            return await output.read_bytes()

    def _arguments(self, clause: str, output: str) -> list[str]:
        # The space keeps text such as "-5 degrees" from being taken for an option.
        text = " " + clause if clause.startswith("-") else clause
        return [
            text.join(piece.replace(OUTPUT, output) for piece in part.split(TEXT))
            for part in self._command
        ]

    async def _execute(self, arguments: Sequence[str], stdin: IO[bytes]) -> _Done:
        """Run it, and end with it all that it started."""
        reads = not any(TEXT in part for part in self._command)
        try:
            with anyio.fail_after(self._timeout):
                # Cancelled while it starts, it would be ended without its group.
                with anyio.CancelScope(shield=True):
                    process = await anyio.open_process(
                        arguments,
                        stdin=stdin if reads else subprocess.DEVNULL,
                        start_new_session=True,  # a group of its own
                    )
                async with process:
                    return await self._read(process)
        except TimeoutError:
            raise TextToSpeechError(
                f"{arguments[0]} took longer than {self._timeout:g} s for one clause"
            ) from None
        except OSError as error:
            raise TextToSpeechError(
                f"program '{arguments[0]}' cannot be run ({error.strerror}): install it, or "
                "correct `command`"
            ) from error

    async def _read(self, process: Process) -> _Done:
        """Read what the program writes until it ends."""
        assert process.stdout is not None
        assert process.stderr is not None
        written, said = bytearray(), bytearray()

        async def keep(stream: ByteReceiveStream) -> None:
            async for data in stream:
                written.extend(data)
                if len(written) > MAX_WAV:
                    raise TextToSpeechError(self._too_much())

        async def keep_end(stream: ByteReceiveStream) -> None:
            async for data in stream:
                said.extend(data)
                del said[:-MAX_MESSAGE]

        try:
            async with unwrapping_task_group() as tasks:
                tasks.start_soon(keep, process.stdout)
                tasks.start_soon(keep_end, process.stderr)
                status = await process.wait()
                end_group(process)  # or what it left running would hold the pipes
        finally:
            end_group(process)
        return _Done(status, bytes(written), bytes(said))

    def _too_much(self) -> str:
        return (
            f"{self._command[0]} writes without end (over {MAX_WAV >> 20} MB for one clause): "
            "check `command`"
        )

    def _failure(self, done: _Done) -> str:
        lines = done.stderr.decode(errors="replace").split("\n")
        said = next((line.strip() for line in reversed(lines) if line.strip()), "no message")
        if done.returncode < 0:
            return f"{self._command[0]} was ended by {signal.Signals(-done.returncode).name}"
        return f"{self._command[0]} failed with exit status {done.returncode}: {said[:MAX_SAID]}"


def end_group(process: Process) -> None:
    """Kill a program that was started in a group of its own, with all that it started."""
    with contextlib.suppress(ProcessLookupError, PermissionError):
        if hasattr(os, "killpg"):
            os.killpg(process.pid, signal.SIGKILL)
        else:  # Windows
            process.kill()


def decode_wav(wav: bytes, sample_rate: int) -> NDArray[np.float32]:
    """Decode any WAV to mono float32 [n] at `sample_rate`. Raises ValueError; blocks."""
    if not wav:
        raise ValueError("made no output")
    blocks, left = [np.zeros(0, np.float32)], LONGEST * sample_rate
    try:
        with SoundFile(io.BytesIO(wav), kind="wav", rate=sample_rate) as sound:
            for block in sound:
                blocks.append(block.mean(axis=1).astype(np.float32))
                left -= len(block)
                if left < 0:
                    raise ValueError(f"speaks for more than {LONGEST} s in one clause")
    except SoundError as error:
        raise ValueError(f"what it made {error}") from error
    return np.clip(np.concatenate(blocks), -1, 1)
