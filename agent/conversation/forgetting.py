"""Forgetting: kept conversations are deleted, when somebody says so or when they are old."""

import os
import time
from collections.abc import Iterable
from contextlib import suppress
from datetime import datetime, timedelta
from itertools import pairwise
from pathlib import Path

from agent.conversation.kept import SUFFIX, files
from agent.errors import ParleyError
from agent.events import NoticeEvent, Report, WarningEvent
from agent.guards.files import lock, reopen

LEAP = 30 * 86400.0
"""Seconds without a conversation that make one doubt the clock: it may be ahead, or have been
behind."""
SURE = 86400.0
"""Seconds after such a leap for which conversations must have been held until it is believed."""


def delete(folder: Path, name: str) -> None:
    """Delete the conversation of that id. Raises ParleyError if it goes on, or cannot be deleted.

    That is one step of the file system's: a crash leaves all of it or nothing.
    """
    path = folder / f"{name}{SUFFIX}"
    if path not in files(folder):
        raise ParleyError(f"{path} is no conversation of Parley's: it is not deleted")
    try:
        descriptor = reopen(path)
        try:
            if not lock(descriptor):
                raise ParleyError(f"the conversation {name} goes on: it is not deleted")
            path.unlink()
        finally:
            os.close(descriptor)
    except OSError as error:
        raise ParleyError(f"{path} cannot be deleted: {error.strerror or error}") from error


def forget(folder: Path, age: timedelta, report: Report, *, but: str | None = None) -> None:
    """Delete the conversations in `folder` in which nothing has been said for `age`.

    `but` is the id of one that is gone on with. What is deleted, or cannot be, is told, and what
    is kept since the clock is in doubt.
    """
    now, seconds = time.time(), age.total_seconds()
    said = {path: _said_last(path, now) for path in files(folder) if path.stem != but}
    believed = _believed(said.values(), now, max(seconds, LEAP))
    old = [path for path, when in said.items() if when < now - seconds]
    forgotten = 0
    for path in old:
        if said[path] >= believed - seconds:
            continue
        try:
            delete(folder, path.stem)
            forgotten += 1
        except ParleyError as error:
            report(WarningEvent("files", "file.kept", str(error)))
    if forgotten:
        which = "a conversation" if forgotten == 1 else f"{forgotten} conversations"
        message = f"{which} of {folder} older than session.forget: deleted"
        report(NoticeEvent("files", "conversations.forgotten", message))
    if doubted := sum(said[path] >= believed - seconds for path in old):
        which = "a conversation" if doubted == 1 else f"{doubted} conversations"
        days = round((now - believed) / 86400)
        message = (
            f"by this clock nobody has talked for {days} days: {which} older than session.forget "
            "will be deleted once it has gone on for a day"
        )
        report(WarningEvent("files", "clock.doubted", message))


def _believed(said: Iterable[float], now: float, leap: float) -> float:
    """The latest moment that the clock is believed: now, or the one before it leapt."""
    for before, after in reversed([*pairwise([*sorted(said), now])]):
        if now - after >= SURE:
            break
        if after - before > leap:
            return before
    return now


def _said_last(path: Path, now: float) -> float:
    """When a conversation was written last, not before the time in its name.

    A clock that is behind takes back times that have not come yet, and not names.
    """
    with suppress(OSError):
        written = min(now, path.lstat().st_mtime)
        with suppress(ValueError, OverflowError):
            begun = datetime.strptime(path.name[:17], "%Y-%m-%d-%H%M%S").timestamp()
            return max(written, begun) if begun <= now else written
        return written
    return now
