"""Programs that stay loaded: each line they read is a clause, whose sound they write at once.

Where a clause's sound ends is known exactly of a program that writes a WAV for each line, by its
header. In raw samples nothing tells: a clause has ended when nothing more has come for `QUIET`,
and the program does not compute (as Linux says; elsewhere nobody does).
"""

import logging
import subprocess
from collections.abc import AsyncGenerator, Sequence
from contextlib import asynccontextmanager, suppress
from pathlib import Path
from typing import Self

import anyio
import anyio.to_thread
from anyio.abc import Process, TaskGroup

from tts.command.line_sound import LineSound
from tts.command.program import (
    MAX_WAV,
    cannot_run,
    end_group,
    failure,
    keep_message,
    too_much,
)
from tts.protocol import TextToSpeechError, Utterance
from tts.utterance import Send, open_utterance, unwrapping_task_group

QUIET = 0.15
"""Seconds without output that end a clause of raw samples: programs write it in one go."""
QUIETEST = 1.0
"""Seconds without output that end it even of a program that computes."""
STALE = 0.001
"""Seconds in which is read, and dropped, what came after the last utterance's end."""
ENDING = 1.0
"""Seconds that a program which has closed its output has to end by itself."""

_log = logging.getLogger(__name__)


class _EndedError(Exception):
    """The program has ended by itself; the message says how."""


class _Program:
    """A program that reads lines."""

    def __init__(self, process: Process, name: str) -> None:
        self._process = process
        self._name = name
        self.busy = False
        """Whether the sound of a line is still to come."""
        self._said = bytearray()

    @classmethod
    async def start(cls, command: Sequence[str]) -> Self:
        """Start it, in a group of its own. Raises TextToSpeechError."""
        try:
            # Cancelled while it starts, it would be ended without its group.
            with anyio.CancelScope(shield=True):
                process = await anyio.open_process(
                    command, stdin=subprocess.PIPE, start_new_session=True
                )
        except OSError as error:
            raise cannot_run(command[0], error) from error
        return cls(process, command[0])

    async def send(self, line: str) -> None:
        """Give it a line. Raises _EndedError."""
        assert self._process.stdin is not None
        self.busy = True
        try:
            await self._process.stdin.send(line.encode(errors="replace") + b"\n")
        except (anyio.BrokenResourceError, anyio.ClosedResourceError):
            raise await self._ended() from None

    async def read(self) -> bytes:
        """Read what it writes next. Raises _EndedError."""
        assert self._process.stdout is not None
        try:
            return await self._process.stdout.receive()
        except (anyio.EndOfStream, anyio.BrokenResourceError, anyio.ClosedResourceError):
            raise await self._ended() from None

    async def listen(self) -> None:
        """Keep the end of what it says of errors, so that it can go on saying."""
        assert self._process.stderr is not None
        with suppress(anyio.BrokenResourceError, anyio.ClosedResourceError):
            async for data in self._process.stderr:
                keep_message(self._said, data)

    async def forget(self) -> None:
        """Drop what it has written since its last line was heard. Raises _EndedError."""
        waiting = None
        while waiting is None or not waiting.cancelled_caught:
            with anyio.move_on_after(STALE) as waiting:
                await self.read()

    @property
    def computes(self) -> bool:
        """Whether one of its threads runs, or would if there were a processor for it."""
        states = Path(f"/proc/{self._process.pid}/task").glob("*/stat")
        with suppress(OSError):
            return any(each.read_text().rpartition(") ")[2][:1] in "RD" for each in states)
        return False

    async def aclose(self) -> None:
        """End it, with all that it started."""
        with anyio.CancelScope(shield=True):
            end_group(self._process)
            await self._process.aclose()

    async def _ended(self) -> _EndedError:
        with anyio.move_on_after(ENDING):
            await self._process.wait()
        end_group(self._process)
        status = await self._process.wait()
        return _EndedError(failure(self._name, status, bytes(self._said)))


class LinePrograms:
    """Keeper of programs that read lines: one waits loaded, each utterance has one for itself.

    An utterance that is left in the middle of a clause ends its program, for nobody could say
    where the sound of that clause ends; the next one is started at once.
    """

    def __init__(self, command: Sequence[str], sample_rate: int, timeout: float) -> None:
        self._command = command
        self._rate = sample_rate
        self._timeout = timeout
        self._waiting: _Program | None = None
        self._open = False
        self._pace: float | None = None  # samples of a letter

    async def load(self) -> None:
        """Start the program. Raises TextToSpeechError."""
        self._open = True
        if self._waiting is None:
            self._waiting = await _Program.start(self._command)

    async def aclose(self) -> None:
        """End the one that waits."""
        self._open = False
        program, self._waiting = self._waiting, None
        if program is not None:
            await program.aclose()

    @asynccontextmanager
    async def open(self) -> AsyncGenerator[Utterance, None]:
        """Open an utterance."""
        used: list[_Program] = []
        try:
            async with unwrapping_task_group() as tasks:

                async def synthesise(clause: str, send: Send) -> None:
                    await self._speak(clause, send, used, tasks)

                async with open_utterance(synthesise) as utterance:
                    yield utterance
                tasks.cancel_scope.cancel()
        finally:
            with anyio.CancelScope(shield=True):
                for program in used:
                    await self._give_back(program)

    async def _give_back(self, program: _Program) -> None:
        if self._open and self._waiting is None and not program.busy:
            self._waiting = program
            return
        await program.aclose()
        if self._open and self._waiting is None:
            with suppress(TextToSpeechError):  # whoever speaks next is told
                program = await _Program.start(self._command)
                if self._waiting is None and self._open:
                    self._waiting = program
                else:
                    await program.aclose()

    async def _speak(self, clause: str, send: Send, used: list[_Program], tasks: TaskGroup) -> None:
        """Have a clause spoken; a program that ends without a sound is started again, once."""
        line = " ".join(clause.replace("\0", " ").split())
        if not any(map(str.isalnum, line)):
            return  # many programs write nothing for it, and nobody could tell
        for again in (False, True):
            heard = LineSound(line, self._rate, self._pace)
            try:
                await self._hear(await self._program(used, tasks), heard, send)
            except _EndedError as error:
                await used.pop().aclose()
                if heard.begun or again:
                    raise TextToSpeechError(str(error)) from None
                _log.warning("%s; it is started again", error)
            else:
                self._pace = heard.pace or self._pace
                return

    async def _program(self, used: list[_Program], tasks: TaskGroup) -> _Program:
        """The program of an utterance: the one that waits, or another."""
        if not used:
            program, self._waiting = self._waiting, None
            fresh = program is None
            program = program or await _Program.start(self._command)
            used.append(program)
            tasks.start_soon(program.listen)
            if not fresh:
                await program.forget()
        return used[0]

    async def _hear(self, program: _Program, heard: LineSound, send: Send) -> None:
        """Give a program a line, and pass its sound on. Raises _EndedError, TextToSpeechError."""
        await program.send(heard.line)
        quiet = 0.0
        while not heard.whole:
            limit = QUIET if heard.ends_quietly else self._timeout
            with anyio.move_on_after(limit) as waiting:
                data = await program.read()
                quiet = 0.0
            if waiting.cancelled_caught:
                if not heard.ends_quietly:
                    raise TextToSpeechError(
                        f"{self._command[0]} took longer than {limit:g} s for one clause"
                    )
                quiet += QUIET
                if quiet < QUIETEST and program.computes:
                    continue
                break
            if heard.size + len(data) > MAX_WAV:
                raise TextToSpeechError(too_much(self._command[0]))
            if len((speech := heard.add(data)).pcm):
                await send(speech)
        program.busy = False
        try:
            speech = await anyio.to_thread.run_sync(heard.rest)
        except ValueError as error:
            raise TextToSpeechError(f"{self._command[0]}: {error}; check `command`") from None
        await send(speech)
