"""The border to the terminal: whatever is written to stdout and stderr passes here.

Also what others write: tracebacks, argparse, warnings, the log records of libraries. Secrets are
masked and control characters shown (`agent.guards`); what draws on the terminal on purpose, as the
live view does, makes its text fit itself (`agent.cli.output`) and writes to the stream below.
"""

import os
import re
import sys
from collections.abc import Iterable, Iterator
from contextlib import contextmanager, suppress
from typing import Any, TextIO, cast

from agent.errors import ParleyError
from agent.guards.control_characters import visible
from agent.guards.secrets import redact

_PROGRESS = re.compile(r"\r|(?:\n|\x1b\[A)+\Z")
"""How a write of a progress bar begins, or all of it: back to the beginning of the line, or up."""


def presentable(text: str) -> str:
    """Return `text` as people may see it: without secrets, its control characters visible."""
    return visible(redact(text))


def underneath(stream: TextIO) -> TextIO:
    """Return the stream below a guarded one, for those who draw; any other one is itself."""
    return stream.below if isinstance(stream, _Guarded) else stream


def discard(stream: TextIO) -> None:
    """Lose what is still to be written: Python tries once more at exit, and would complain."""
    with suppress(OSError, ValueError):
        nowhere = os.open(os.devnull, os.O_WRONLY)
        os.dup2(nowhere, stream.fileno())
        os.close(nowhere)


class _Guarded:
    """A text stream that lets only presentable text through to the one `below`."""

    def __init__(self, below: TextIO) -> None:
        self.below = below

    def write(self, text: str) -> int:
        """Write it. Raises ParleyError if it cannot be, BrokenPipeError if nobody reads it."""
        with self._written():
            self.below.write(self._passing(text))
        return len(text)

    def writelines(self, lines: Iterable[str]) -> None:
        """Write each of them."""
        for line in lines:
            self.write(line)

    def flush(self) -> None:
        """See to it that it is out. Raises as `write` does."""
        with self._written():
            self.below.flush()

    def __getattr__(self, name: str) -> Any:
        return getattr(self.below, name)

    def _passing(self, text: str) -> str:
        return presentable(text)

    @contextmanager
    def _written(self) -> Iterator[None]:
        try:
            yield
        except OSError as error:
            discard(self.below)
            if isinstance(error, BrokenPipeError):
                raise
            raise ParleyError(f"the output cannot be written: {error.strerror or error}") from error


class _GuardedErrors(_Guarded):
    """Standard error: it carries other people's progress bars, and when it is full, it is full."""

    def _passing(self, text: str) -> str:
        start = _PROGRESS.match(text)
        drawn = start[0] if start else ""
        return drawn + presentable(text[len(drawn) :])

    @contextmanager
    def _written(self) -> Iterator[None]:
        with suppress(OSError):  # there is nobody to tell
            yield


@contextmanager
def guarded() -> Iterator[None]:
    """Guard stdout and stderr, whatever they are, for the length of a block."""
    before = sys.stdout, sys.stderr
    sys.stdout = cast(TextIO, _Guarded(underneath(sys.stdout)))
    sys.stderr = cast(TextIO, _GuardedErrors(underneath(sys.stderr)))
    try:
        yield
    finally:
        sys.stdout, sys.stderr = before
        try:
            sys.stderr.flush()
        except OSError:
            discard(sys.stderr)


def open_standard_streams() -> None:
    """Open what is closed of stdin, stdout and stderr: nothing comes from there, and all is lost.

    Else the next file that is opened would have the number of a standard stream, and get what a
    library writes there.
    """
    for number in range(3):
        try:
            os.fstat(number)
        except OSError:
            os.open(os.devnull, os.O_RDWR)  # it gets the lowest free number, which is this one
    # For those that were closed Python has None, to which nobody can write.
    sys.stdout = sys.stdout or _output(1)
    sys.stderr = sys.stderr or _output(2)


def _output(number: int) -> TextIO:
    return open(number, "w", encoding="utf-8", closefd=False)
