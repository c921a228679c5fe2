"""The event log: one JSON object per line, as it happens (`--events FILE`)."""

import errno
import os
from pathlib import Path
from typing import Self

import anyio

from agent.events import Event, Report, file_warnings, nobody
from agent.guards.background import BackgroundFile
from agent.guards.control_characters import json_line
from agent.guards.files import (
    Tell,
    create_all,
    explained,
    mend,
    open_stream,
    tell_who_may_change,
)
from agent.guards.secrets import redacted

_BEGINNING = b'{"t": '


class EventLog:
    """A file of events, each with `t`, the seconds since the log was opened.

    Every line is handed to the system at once, so that what happened before a crash is there
    after it. A log that is there already stays as it is: the new one has a number in its name.
    """

    def __init__(self, path: str | Path, report: Report = nobody) -> None:
        """Open a log; `report` is told what happens to its file.

        Raises ParleyError if it cannot be written.
        """
        tell = file_warnings(report)
        with explained(path):
            self._file = BackgroundFile(*_open(Path(path), tell), tell)
        self._start = anyio.current_time()

    def __call__(self, event: Event) -> None:
        """Append one event."""
        self._file.write_line(as_line(event, self._start))

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._file.close()


def as_line(event: Event, start: float) -> str:
    """Return an event as a line of a log that was opened at `start` (`anyio.current_time()`)."""
    line = {"t": round(anyio.current_time() - start, 4), **event.record()}
    return json_line(redacted(line))


def _open(path: Path, tell: Tell) -> tuple[Path, int]:
    """The log's real name, and its descriptor. Raises OSError."""
    if path.is_dir():
        raise IsADirectoryError(errno.EISDIR, os.strerror(errno.EISDIR))
    if (stream := open_stream(path)) is not None:
        return path, stream
    (new,), (descriptor,) = create_all(path)
    tell_who_may_change(path.parent, tell)
    if new != path:
        tell("file.numbered", f"{path} is there already and stays: this log is {new}", True)
        if _is_log(path) and mend([path]):
            tell("file.mended", f"{path} could be read by others: yours alone now", True)
    return new, descriptor


def _is_log(path: Path) -> bool:
    if not path.is_file():  # another thing of that name
        return False
    with path.open("rb") as file:
        return file.read(len(_BEGINNING)) == _BEGINNING
