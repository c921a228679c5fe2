"""A process that runs a model, from its parent's side.

llama.cpp holds Python's lock while it reads a model, which takes seconds, and aborts the whole
process at some files that are damaged: neither may happen where somebody talks.
"""

import json
import re
import signal
import sys
from dataclasses import asdict, dataclass
from pathlib import Path
from subprocess import STDOUT

import anyio
from anyio.abc import Process
from anyio.streams.buffered import BufferedByteReceiveStream

from llm_adapters.llama import program
from llm_adapters.protocol import LanguageModelError

LOAD = 300.0
"""Seconds that a model may take to be read: a large one, from a slow disk."""
LONGEST_LINE = 1 << 16
"""Bytes."""
_ERROR = re.compile(r"^[\d.]+ E \S*:? *(?:error loading model: )?(.*)")
"""A line of llama.cpp's log that tells of one."""


@dataclass(frozen=True, slots=True)
class Options:
    """What the program is told."""

    model: str
    """Path of the file."""
    context: int
    """Tokens of a conversation with its reply."""
    threads: int
    key: str
    """Only who knows it is answered."""
    debug: bool
    """Whether its log is for people to see."""


class LlamaProcess:
    """A process that answers at `url` until it is closed."""

    def __init__(self, process: Process) -> None:
        self._process = process
        self.url = ""

    @classmethod
    async def start(cls, options: Options) -> "LlamaProcess":
        """Start one and wait until it has read its model. Raises LanguageModelError."""
        # -P: the program's folder is not searched for modules.
        command = [sys.executable, "-P", str(Path(program.__file__))]
        try:
            process = await anyio.open_process(command, stderr=None if options.debug else STDOUT)
        except OSError as error:
            raise LanguageModelError(
                f"llama runs in a process of its own, but {command[0]} cannot be started: {error}"
            ) from error
        started = cls(process)
        try:
            with anyio.fail_after(LOAD):
                await started._load(options)
        except BaseException as error:
            with anyio.CancelScope(shield=True):
                await started.aclose()
            if isinstance(error, TimeoutError):
                raise LanguageModelError(
                    f"{options.model} was not loaded within {LOAD:g} s: take a smaller model"
                ) from None
            raise
        return started

    @property
    def alive(self) -> bool:
        """Whether it has not ended."""
        return self._process.returncode is None

    async def aclose(self) -> None:
        """End the process, which gives its memory back."""
        if self.alive:
            self._process.kill()
        await self._process.aclose()

    async def _load(self, options: Options) -> None:
        """Tell it what to load, and wait for its URL. Raises LanguageModelError."""
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        lines = BufferedByteReceiveStream(self._process.stdout)
        reason = ""
        try:
            await self._process.stdin.send(json.dumps(asdict(options)).encode() + b"\n")
            while not self.url:
                line = (await lines.receive_until(b"\n", LONGEST_LINE)).decode(errors="replace")
                if line.startswith("http://"):
                    self.url = f"{line.strip()}/v1"
                elif found := _ERROR.match(line):
                    reason = reason or _printable(found[1])
        except (anyio.IncompleteRead, anyio.DelimiterNotFound, anyio.BrokenResourceError) as error:
            if isinstance(error, anyio.DelimiterNotFound):  # it goes on, and says what nobody reads
                self._process.kill()
                reason = reason or "its log has no end, is the file damaged?"
            status = await self._process.wait()
            reason = reason or _meaning(status)
            raise LanguageModelError(f"llama.cpp cannot load {options.model}: {reason}") from None


def _meaning(status: int) -> str:
    """What it means that the process has ended with this status."""
    if status >= 0:
        return "its log, which --debug shows, says why"
    why = "is there enough memory?" if status == -signal.SIGKILL else "is the file damaged?"
    return f"it broke down ({signal.Signals(-status).name}): {why}"


def _printable(text: str) -> str:
    """The file's words may be among it."""
    return "".join(each if each.isprintable() else "�" for each in text.strip())[:200]
