"""Standard input as text, as it arrives: from a terminal, a pipe or a file."""

import codecs
import select
import sys
from collections.abc import AsyncGenerator
from io import FileIO
from queue import Empty, Queue
from threading import Thread

from agent.audio.wakeup import Wakeup
from agent.errors import ParleyError

_SIZE = 1024  # bytes read at once: little, as the text is cleaned on the loop
_AHEAD = 64  # reads that wait to be taken


async def read_text(descriptor: int = 0) -> AsyncGenerator[str, None]:
    """The text that comes in on a file descriptor, until its end; close the generator after use.

    Raises ParleyError when it cannot be read or, at the first byte that is not UTF-8, once all
    that came before it has been given. Bytes are counted from 0.
    """
    reader = _Reader(descriptor)
    decoder = _Decoder()
    try:
        while data := await reader.read():
            if text := decoder.feed(data):
                yield text
            if decoder.error:
                raise decoder.error
    finally:
        reader.close()
    decoder.finish()


class _Reader:
    """Reads on a thread of its own, which is left behind when nobody wants to read on.

    A thread that waits for input cannot be cancelled, so it is neither one of anyio's, which are
    waited for, nor one that Python waits for at exit. It reads the descriptor itself and not
    `sys.stdin`, whose lock it would hold while it waits: Python needs that lock to exit.
    """

    def __init__(self, descriptor: int) -> None:
        self._file = _open(descriptor)
        self._queue: Queue[bytes | OSError] = Queue(_AHEAD)
        self._wakeup = Wakeup()
        self._closed = False
        Thread(target=self._run, name="stdin", daemon=True).start()

    async def read(self) -> bytes:
        """What came next; empty at the end."""
        while True:
            try:
                data = self._queue.get_nowait()
            except Empty:
                await self._wakeup.wait()
                continue
            if isinstance(data, OSError):
                raise _unreadable(data) from data
            return data

    def close(self) -> None:
        """Take no more: the thread ends with the read that it is at."""
        self._closed = True
        while not self._queue.empty():  # lets it put what it has
            self._queue.get_nowait()

    def _run(self) -> None:
        data: bytes | OSError = b"more"
        while data and not isinstance(data, OSError) and not self._closed:
            try:
                data = self._read()
            except OSError as error:
                data = error
            self._queue.put(data)
            self._wakeup.set()

    def _read(self) -> bytes:
        # None is what a descriptor gives that another program has made non-blocking.
        while (data := self._file.read(_SIZE)) is None:
            select.select([self._file], [], [])
        return data


class _Decoder:
    """UTF-8 to text, cut anywhere; what precedes a wrong byte is not lost."""

    def __init__(self) -> None:
        self.error: ParleyError | None = None
        self._rest = b""  # the beginning of a character
        self._decoded = 0  # bytes before it

    def feed(self, data: bytes, *, final: bool = False) -> str:
        """The text that can be told, up to `error` if there is one."""
        data = self._rest + data
        try:
            text, used = codecs.utf_8_decode(data, "strict", final)
        except UnicodeDecodeError as error:
            text, used = data[: error.start].decode(), error.start
            byte = data[used]
            self.error = ParleyError(
                f"stdin is not UTF-8 at byte {self._decoded + used}: 0x{byte:02x} does not belong "
                "there; convert the text to UTF-8"
            )
        self._rest = data[used:]
        self._decoded += used
        return text

    def finish(self) -> None:
        """Raise ParleyError when the text ended within a character."""
        self.feed(b"", final=True)
        if self.error:
            raise self.error


def _open(descriptor: int) -> FileIO:
    if descriptor == 0 and sys.stdin is None:  # by now the number may be something else's
        raise ParleyError("stdin is closed: give the text as an argument or through a pipe")
    try:
        # On Windows this is what makes UTF-8 of a console's input.
        return open(descriptor, "rb", buffering=0, closefd=False)
    except OSError as error:
        raise _unreadable(error) from error


def _unreadable(error: OSError) -> ParleyError:
    return ParleyError(f"stdin cannot be read: {error.strerror or error}")
