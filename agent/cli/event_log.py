"""The event log: one JSON object per line, as it happens (`--events FILE`)."""

from pathlib import Path
from typing import IO, Self

import anyio

from agent.errors import ParleyError
from agent.events import Event
from agent.guards.control_characters import json_line
from agent.guards.secrets import redacted


def create_text(path: str | Path) -> IO[str]:
    """A new text file, and the folders above it. Raises ParleyError if it cannot be made."""
    try:
        Path(path).parent.mkdir(parents=True, exist_ok=True)
        return Path(path).open("w", encoding="utf-8")
    except OSError as error:
        reason = error.strerror or error
        raise ParleyError(f"{path} cannot be written: {reason}; choose another") from error


class EventLog:
    """A file of events, each with `t`, the seconds since the log was opened.

    Every line is flushed, so that what happened before a crash is there after it.
    """

    def __init__(self, path: str | Path) -> None:
        """Open (and empty) `path`. Raises ParleyError if it cannot be written."""
        self._file = create_text(path)
        self._start = anyio.current_time()

    def __call__(self, event: Event) -> None:
        """Append one event."""
        line = {"t": round(anyio.current_time() - self._start, 4), **event.record()}
        self._file.write(json_line(redacted(line)) + "\n")
        self._file.flush()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._file.close()
