"""Files that are watched: the system tells of changes, nobody asks for them again and again.

The package `watchdog` listens to inotify on Linux, FSEvents on macOS, and to Windows' own.
"""

import os
from collections.abc import AsyncGenerator, Sequence
from contextlib import asynccontextmanager, suppress
from pathlib import Path
from typing import Self

import anyio
import anyio.from_thread
import anyio.lowlevel
import anyio.to_thread
from watchdog.events import FileSystemEvent, FileSystemEventHandler
from watchdog.observers import Observer

SETTLED = 0.2
"""Seconds without another change: an editor writes a file in several steps."""
CHANGES = ("created", "modified", "moved", "closed")


class WatchedFiles(FileSystemEventHandler):
    """Files, and the folders in which editors put others in their place."""

    def __init__(self) -> None:
        """To be made by `open`."""
        self._observer = Observer()
        self._names: set[str] = set()
        self._folders: set[str] = set()
        self._token = anyio.lowlevel.current_token()
        self._changed = anyio.Event()

    @classmethod
    @asynccontextmanager
    async def open(cls, files: Sequence[Path]) -> AsyncGenerator[Self]:
        """Watch `files` for the length of a block."""
        watched = cls()
        watched.watch(files)
        watched._observer.start()
        try:
            yield watched
        finally:
            watched._observer.stop()
            with anyio.CancelScope(shield=True):  # its thread may be telling us something
                await anyio.to_thread.run_sync(watched._observer.join)

    def watch(self, files: Sequence[Path]) -> None:
        """Watch these from now on."""
        self._names = {os.path.realpath(path) for path in files}
        for folder in {os.path.dirname(name) for name in self._names} - self._folders:
            self._folders.add(folder)
            self._observer.schedule(self, folder)

    async def changed(self) -> None:
        """Wait until one of them has changed, and has not for a moment."""
        await self._changed.wait()
        while self._changed.is_set():
            self._changed = anyio.Event()
            with anyio.move_on_after(SETTLED):
                await self._changed.wait()

    def on_any_event(self, event: FileSystemEvent) -> None:
        """Take what the observer's thread tells of a folder."""
        paths = {os.path.realpath(os.fsdecode(path)) for path in (event.src_path, event.dest_path)}
        if event.event_type in CHANGES and paths & self._names:
            with suppress(RuntimeError):  # the loop has ended meanwhile
                anyio.from_thread.run_sync(self._tell, token=self._token)

    def _tell(self) -> None:
        self._changed.set()
