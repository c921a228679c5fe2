"""The engine `command`: any program that makes a WAV of text, as flite, piper, macOS's `say` do."""

import itertools
import re
import shutil
import signal
import subprocess
from collections.abc import Sequence
from contextlib import AbstractAsyncContextManager
from typing import IO, Annotated

import anyio
import anyio.to_thread
import numpy as np
from numpy.typing import NDArray
from pydantic import Field

from tts.estimate import estimate_words
from tts.protocol import Speech, TextToSpeechError, Utterance
from tts.utterance import Send, open_utterance

_LOCALE = re.compile(r"(?<![A-Za-z])([a-z]{2})[_-][A-Z]{2}(?![A-Za-z])")
"""As in the names of voices, en_US-lessac-medium."""
TEXT, OUTPUT = "{text}", "{output}"


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
        """Open one utterance; leaving early kills its programs: one speaks, the next is ahead."""
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
            return await output.read_bytes()

    def _arguments(self, clause: str, output: str) -> list[str]:
        # The space keeps text such as "-5 degrees" from being taken for an option.
        text = " " + clause if clause.startswith("-") else clause
        return [
            text.join(piece.replace(OUTPUT, output) for piece in part.split(TEXT))
            for part in self._command
        ]

    async def _execute(
        self, arguments: Sequence[str], stdin: IO[bytes]
    ) -> subprocess.CompletedProcess[bytes]:
        reads = not any(TEXT in part for part in self._command)
        try:
            with anyio.fail_after(self._timeout):
                return await anyio.run_process(
                    arguments, stdin=stdin if reads else subprocess.DEVNULL, check=False
                )
        except TimeoutError:
            raise TextToSpeechError(
                f"{arguments[0]} took longer than {self._timeout:g} s for one clause"
            ) from None
        except OSError as error:
            raise TextToSpeechError(
                f"program '{arguments[0]}' cannot be run ({error.strerror}): install it, or "
                "correct `command`"
            ) from error

    def _failure(self, done: subprocess.CompletedProcess[bytes]) -> str:
        lines = done.stderr.decode(errors="replace").split("\n")
        said = next((line.strip() for line in reversed(lines) if line.strip()), "no message")
        if done.returncode < 0:
            return f"{self._command[0]} was ended by {signal.Signals(-done.returncode).name}"
        return f"{self._command[0]} failed with exit status {done.returncode}: {said}"


def decode_wav(wav: bytes, sample_rate: int) -> NDArray[np.float32]:
    """Decode any WAV to mono float32 [n] at `sample_rate`. Raises ValueError; blocks."""
    import io

    import av

    if not wav:
        raise ValueError("made no output")
    blocks = [np.zeros(0, np.float32)]
    resampler = av.AudioResampler(format="fltp", rate=sample_rate)  # frames of [channels, n]
    try:
        with av.open(io.BytesIO(wav), "r", format="wav") as container:
            frames = itertools.chain(container.decode(audio=0), [None])
            for frame in frames:  # None makes the resampler give what it held back
                blocks += [out.to_ndarray().mean(axis=0) for out in resampler.resample(frame)]
    except (av.error.FFmpegError, IndexError) as error:
        raise ValueError("what it made is not a WAV file") from error
    return np.clip(np.concatenate(blocks), -1, 1)
