"""Forgetting: kept conversations are deleted, when somebody says so or when they are old."""

import os
import time
from contextlib import suppress
from datetime import timedelta
from pathlib import Path

from agent.conversation.kept import SUFFIX, files
from agent.errors import ParleyError
from agent.events import NoticeEvent, Report, WarningEvent
from agent.guards.files import lock, reopen


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

    `but` is the id of one that is gone on with. What is deleted, or cannot be, is told.
    """
    before = time.time() - age.total_seconds()
    old = [path for path in files(folder) if path.stem != but and _older(path, before)]
    forgotten = 0
    for path in old:
        try:
            delete(folder, path.stem)
            forgotten += 1
        except ParleyError as error:
            report(WarningEvent("files", "file.kept", str(error)))
    if forgotten:
        which = "a conversation" if forgotten == 1 else f"{forgotten} conversations"
        message = f"{which} of {folder} older than session.forget: deleted"
        report(NoticeEvent("files", "conversations.forgotten", message))


def _older(path: Path, moment: float) -> bool:
    with suppress(OSError):
        return path.lstat().st_mtime < moment
    return False
