"""Files that are written in the background: neither a slow disk nor a full one holds anybody up."""

import os
import stat
import threading
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

from agent.guards.files import Tell, create

LIMIT = 24 << 20
"""Bytes that are kept in memory while they cannot be written: four minutes of a recording."""

RETRY = 1.0
"""Seconds after which a disk that was full is tried again."""

HANDOVER = 0.005
"""Seconds for which `write` waits for the disk: what it was given is usually written by then.

Each time in vain it waits half as long, so that a disk that hangs costs twice that altogether.
"""

PATIENCE = 2.0
"""Seconds that `close` gives a disk that does not answer."""


class BackgroundFile:
    """A file that grows; a thread of its own writes it. No method raises, none waits for long.

    What cannot be written is kept, tried again every second, and told once; beyond LIMIT bytes
    the oldest of it is lost, which is told when the disk is well again. In a file with a header
    (sound) silence stands in for it; in others whole lines are missing.
    """

    def __init__(
        self,
        path: Path,
        descriptor: int,
        tell: Tell,
        *,
        header: Callable[[int], bytes] | None = None,
        frame: int = 1,
    ) -> None:
        """`descriptor` is open for `path`, and is closed at the end.

        `header` makes the beginning of a file with so many bytes after it, and is kept up to date;
        what is written and what may be lost is whole `frame`s of that many bytes.
        """
        self.path = path
        self.descriptor = descriptor
        self._tell = tell
        self._header = header
        self._frame = frame
        self._state = threading.Condition()
        self._pending = bytearray()  # not yet taken by the thread
        self._gap = 0  # bytes of sound that were lost before `pending`
        self._lost = 0  # bytes lost since the trouble began
        self._busy = False  # the thread has something that it has not written yet
        self._handover = HANDOVER
        self._closing = False
        self._trouble = ""
        self._news: list[tuple[str, str, bool]] = []
        self._size = 0  # bytes after the header; the thread's
        self._thread = threading.Thread(target=self._run, name=f"writes {path.name}", daemon=True)
        self._thread.start()

    def write(self, data: bytes) -> None:
        """Append `data`: whole lines, or frames of sound. Does nothing once it is closed."""
        with self._state:
            if not self._closing:
                if not self._busy:
                    self._handover = HANDOVER
                self._pending += data
                self._busy = True
                self._shorten()
                self._state.notify_all()
                if not self._state.wait_for(lambda: not self._busy, self._handover):
                    self._handover /= 2
        self.tell_news()

    def write_line(self, line: str) -> None:
        """Append a line of text. Does nothing once it is closed."""
        self.write(line.encode("utf-8", "replace") + b"\n")

    def tell_news(self) -> None:
        """Tell what has happened to the file since it was told last."""
        with self._state:
            news, self._news = self._news, []
        for each in news:
            self._tell(*each)

    def close(self) -> None:
        """Write what is left, if that can be done, and say what could not."""
        with self._state:
            if self._closing:
                return
            self._closing = True
            self._state.notify_all()
        self._thread.join(PATIENCE)
        with self._state:
            if self._busy:
                message = f"{self.path} lacks its end, which could not be written"
                self._news.append(("file.incomplete", message, False))
        self.tell_news()
        self._tell = lambda *_: None  # who was told may hold this file in turn

    def _shorten(self) -> None:
        """Lose the oldest of what is kept, if that is too much."""
        excess = len(self._pending) - LIMIT
        if excess <= 0:
            return
        if self._header is not None:
            cut = -(-excess // self._frame) * self._frame
            self._gap += cut
        else:
            cut = self._pending.find(b"\n", excess) + 1 or len(self._pending)
        del self._pending[:cut]
        self._lost += cut
        if not self._trouble:
            self._failed("the disk does not answer")

    def _failed(self, reason: str) -> None:
        if not self._trouble:
            message = f"{self.path} cannot be written: {reason}; what belongs there is kept"
            self._news.append(("file.unwritable", f"{message} until it can be", False))
        self._trouble = reason

    def _recovered(self) -> None:
        missing = f"{self._lost / 1e6:.1f} MB are lost" if self._lost else "nothing is lost"
        message = f"{self.path} is written again: {missing}"
        self._news.append(("file.written", message, True))
        self._trouble, self._lost = "", 0

    def _run(self) -> None:
        rest, _ = self._append(memoryview(b""))  # a recording of nothing is one, too
        while True:
            with self._state:
                if not rest and not self._pending:
                    self._busy = False
                    self._state.notify_all()
                    self._state.wait_for(lambda: self._pending or self._closing)
                if not rest and self._pending:
                    self._size += self._gap
                    rest = memoryview(bytes(self._pending))
                    self._pending.clear()
                    self._gap = 0
                last_try = self._closing
            if not rest:
                break
            rest, problem = self._append(rest)
            with self._state:
                if problem is None:
                    if self._trouble:
                        self._recovered()
                    continue
                self._failed(problem.strerror or str(problem))
                if last_try:
                    break
                self._state.wait_for(lambda: self._closing, RETRY)
        with suppress(OSError):
            os.close(self.descriptor)

    def _append(self, data: memoryview) -> tuple[memoryview, OSError | None]:
        """Write as much of `data` as can be, and the header; what is left, and why."""
        problem = None
        try:
            self._make_anew_if_deleted()
            while data:
                self._seek()
                written = os.write(self.descriptor, data)
                data = data[written:]
                self._size += written
        except OSError as error:
            problem = error
        with suppress(OSError):  # it overwrites what has its place already
            self._write_header()
        return data, problem

    def _seek(self) -> None:
        """Go to where the next bytes belong: sound after the sound before it, lines to the end."""
        if self._header is not None:
            os.lseek(self.descriptor, len(self._header(0)) + self._size, os.SEEK_SET)
        else:
            with suppress(OSError):  # a pipe has no other place
                os.lseek(self.descriptor, 0, os.SEEK_END)

    def _write_header(self) -> None:
        if self._header is not None:
            os.lseek(self.descriptor, 0, os.SEEK_SET)
            os.write(self.descriptor, self._header(self._size // self._frame * self._frame))

    def _make_anew_if_deleted(self) -> None:
        status = os.fstat(self.descriptor)
        if status.st_nlink or not stat.S_ISREG(status.st_mode):
            return
        descriptor = create(self.path)
        os.close(self.descriptor)
        self.descriptor, self._size = descriptor, 0
        message = f"{self.path} was deleted while it was in use: what follows is in a new one"
        with self._state:
            self._news.append(("file.deleted", message, True))
