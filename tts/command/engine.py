"""The engine `command`: any program that makes a WAV of text, as flite, piper, macOS's `say` do."""

import re
import shutil
import subprocess
from collections.abc import Sequence
from contextlib import AbstractAsyncContextManager
from typing import IO, Annotated, Literal, NamedTuple

import anyio
import anyio.to_thread
from anyio.abc import ByteReceiveStream, Process
from pydantic import Field

from tts.command.lines import LinePrograms
from tts.command.program import (
    MAX_WAV,
    cannot_run,
    decode_wav,
    end_group,
    failure,
    keep_message,
    too_much,
)
from tts.estimate import estimate_words
from tts.protocol import Speech, TextToSpeechError, Utterance
from tts.utterance import Send, open_utterance, unwrapping_task_group

_LOCALE = re.compile(r"(?<![A-Za-z])([a-z]{2})[_-][A-Z]{2}(?![A-Za-z])")
"""As in the names of voices, en_US-lessac-medium."""
TEXT, OUTPUT = "{text}", "{output}"


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

    With `stream: lines` it runs all the time, and reads a clause from each line (`lines`):

        [piper, --model, en_US-lessac-medium.onnx, --output_raw]

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
        stream: Annotated[
            Literal["lines"] | None,
            Field(
                description="With lines the program runs on, reads a clause from each line and "
                "writes a WAV of it, or 16-bit samples at sample_rate; null runs it for each.",
            ),
        ] = None,
        timeout: Annotated[float, Field(gt=0, description="Seconds that a clause may take.")] = 30,
    ) -> None:
        self._command = command
        self._sample_rate = sample_rate
        self._timeout = timeout
        self._lines = LinePrograms(command, sample_rate, timeout) if stream == "lines" else None
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
        """Look for the program, and start one that stays. Raises TextToSpeechError."""
        if shutil.which(self._command[0]) is None:
            raise TextToSpeechError(
                f"program '{self._command[0]}' not found: install it, or correct `command`"
            )
        if self._lines is None:
            return
        if any(mark in part for part in self._command for mark in (TEXT, OUTPUT)):
            raise TextToSpeechError(
                f"{TEXT} and {OUTPUT} are for a program that runs once for each clause: with "
                "`stream: lines` it reads lines, and writes to its standard output"
            )
        await self._lines.load()

    async def aclose(self) -> None:
        """End the program that waits for lines; others run only as long as their clause."""
        if self._lines is not None:
            await self._lines.aclose()

    def open(self) -> AbstractAsyncContextManager[Utterance]:
        """Open one utterance; leaving early kills its programs, with all that they started.

        One speaks, the next is ahead.
        """
        if self._lines is not None:
            return self._lines.open()
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
                raise TextToSpeechError(failure(self._command[0], done.returncode, done.stderr))
            if not any(OUTPUT in part for part in self._command):
                return done.stdout
            if not await output.exists():
                raise TextToSpeechError(f"{self._command[0]} wrote no {OUTPUT}: check `command`")
            if (await output.stat()).st_size > MAX_WAV:
                raise TextToSpeechError(too_much(self._command[0]))
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
            raise cannot_run(arguments[0], error) from error

    async def _read(self, process: Process) -> _Done:
        """Read what the program writes until it ends."""
        assert process.stdout is not None
        assert process.stderr is not None
        written, said = bytearray(), bytearray()

        async def keep(stream: ByteReceiveStream) -> None:
            async for data in stream:
                written.extend(data)
                if len(written) > MAX_WAV:
                    raise TextToSpeechError(too_much(self._command[0]))

        async def keep_end(stream: ByteReceiveStream) -> None:
            async for data in stream:
                keep_message(said, data)

        try:
            async with unwrapping_task_group() as tasks:
                tasks.start_soon(keep, process.stdout)
                tasks.start_soon(keep_end, process.stderr)
                status = await process.wait()
                end_group(process)  # or what it left running would hold the pipes
        finally:
            end_group(process)
        return _Done(status, bytes(written), bytes(said))
