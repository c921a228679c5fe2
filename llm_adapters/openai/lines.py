"""Lines of a body that comes in pieces, each within a limit."""

from collections.abc import AsyncIterator

import anyio.lowlevel

LONGEST_LINE = 1 << 18
"""Bytes; an event of a reply has a few hundred."""
AT_ONCE = 64
"""Lines that are read before others have their turn: a piece may hold thousands."""


class LineTooLongError(Exception):
    """A line does not end where it should."""

    def __str__(self) -> str:
        return "a line of it has no end"


class LineReader:
    """Reader of the lines of a body, without their ends."""

    def __init__(self, body: AsyncIterator[bytes]) -> None:
        self._body = body
        self._buffer = bytearray()
        self._lines = 0
        self.at_end = False
        """Whether the body has ended; the last line may be half of one then."""

    async def next(self) -> bytes | None:
        """Read the next line; None at the end. Raises LineTooLongError."""
        self._lines += 1
        if self._lines % AT_ONCE == 0:
            await anyio.lowlevel.checkpoint()
        searched = 0
        while (end := self._buffer.find(b"\n", searched)) < 0:
            searched = len(self._buffer)
            if searched > LONGEST_LINE:
                raise LineTooLongError
            chunk = await anext(self._body, None)
            if chunk is None:
                self.at_end = True
                line, self._buffer = bytes(self._buffer), bytearray()
                return line or None
            # Blank lines at the beginning, of which there may be a million, are passed over.
            self._buffer += chunk if searched else chunk.lstrip(b"\r\n")
        if end > LONGEST_LINE:
            raise LineTooLongError
        line = bytes(self._buffer[:end])
        del self._buffer[: end + 1]
        return line.removesuffix(b"\r")
