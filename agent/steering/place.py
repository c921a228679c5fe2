"""Where a running conversation is reached: a folder of the user's alone, and a name in it.

Each has a file NAME.lock, locked as long as it runs, which says who it is, and beside it the socket
NAME.sock. The lock ends with the process, however it ends: what a crash leaves is taken over.
"""

import json
import os
import re
import stat
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from itertools import count
from pathlib import Path
from typing import Any

from agent.errors import ParleyError
from agent.guards.files import FILE, FOLDER, lock

LONGEST_NAME = 32
_INFORMATION = 4096  # bytes of a lock file that are read


@dataclass(frozen=True, slots=True)
class Instance:
    """A conversation, and who it says that it is: it may be over."""

    name: str
    pid: int
    microphone: str
    address: str
    """A socket's path, or a pipe's name."""


def folder() -> Path:
    """Return the runtime folder, made if need be. Raises ParleyError if it is not ours alone."""
    path = _folder()
    try:
        path.parent.mkdir(parents=True, exist_ok=True, mode=FOLDER)
        with suppress(FileExistsError):
            path.mkdir(FOLDER)
        status = path.lstat()
        if sys.platform != "win32":
            if not stat.S_ISDIR(status.st_mode) or status.st_uid != os.geteuid():
                raise ParleyError(
                    f"{path} belongs to somebody else: remove it, or set XDG_RUNTIME_DIR to a "
                    "folder of yours"
                )
            if status.st_mode & (stat.S_IRWXG | stat.S_IRWXO):
                path.chmod(FOLDER)
    except OSError as error:
        raise ParleyError(f"{path} cannot be used: {error.strerror or error}") from error
    return path


@contextmanager
def claimed(name: str, microphone: str) -> Iterator[tuple[Instance, list[Instance]]]:
    """Hold a name for a block: `name`, or with a number, where another one runs under it.

    Gives who this is, and the others that have the name. Raises ParleyError.
    """
    place = folder()
    path, descriptor, others = _take_name(place, name)
    mine = Instance(path.stem, os.getpid(), microphone, _address(place, path.stem))
    try:
        data = {"pid": mine.pid, "microphone": microphone}
        os.ftruncate(descriptor, 0)
        os.lseek(descriptor, 0, os.SEEK_SET)
        os.write(descriptor, json.dumps(data).encode())
        path.with_suffix(".sock").unlink(missing_ok=True)  # a crash has left it
        yield mine, others
    finally:
        for each in (path.with_suffix(".sock"), path):
            with suppress(OSError):  # Windows lets nobody remove what is open
                each.unlink()
        os.close(descriptor)


def instances() -> list[Instance]:
    """Those that were running when last seen, by their names. Raises ParleyError."""
    found = (_read(path) for path in sorted(folder().glob("*.lock")))
    return [instance for instance in found if instance is not None]


def _folder() -> Path:
    if sys.platform == "win32":
        return Path(os.environ.get("LOCALAPPDATA") or tempfile.gettempdir(), "parley", "run")
    runtime = os.environ.get("XDG_RUNTIME_DIR")
    if runtime and Path(runtime).is_dir():
        return Path(runtime, "parley")
    return Path(tempfile.gettempdir(), f"parley-{os.geteuid()}")


def _address(place: Path, name: str) -> str:
    if sys.platform == "win32":
        # Of this user's session: pipes have one name space for all users.
        return rf"\\.\pipe\parley-{os.environ.get('USERNAME', '')}-{name}"
    return str(place / f"{name}.sock")


def _take_name(place: Path, name: str) -> tuple[Path, int, list[Instance]]:
    """The lock file of a name that nobody has, its descriptor, and who has those before it."""
    plain = re.sub(r"[^a-z0-9]+", "-", name.lower()).strip("-")[:LONGEST_NAME] or "agent"
    others: list[Instance] = []
    for number in count(1):
        path = place / (f"{plain}.lock" if number == 1 else f"{plain}-{number}.lock")
        if (descriptor := _take(path)) is not None:
            return path, descriptor, others
        if (other := _read(path)) is not None:
            others.append(other)
    raise AssertionError


def _take(path: Path) -> int | None:
    """The descriptor of the lock file, locked; None where another process has it."""
    while True:
        flags = os.O_RDWR | os.O_CREAT | getattr(os, "O_NOFOLLOW", 0)
        try:
            descriptor = os.open(path, flags, FILE)
        except OSError as error:
            raise ParleyError(f"{path} cannot be used: {error.strerror or error}") from error
        if not lock(descriptor):
            os.close(descriptor)
            return None
        with suppress(OSError):  # it may have been removed by the one that had it
            if os.path.samestat(os.fstat(descriptor), path.stat()):
                return descriptor
        os.close(descriptor)


def _read(path: Path) -> Instance | None:
    try:
        with path.open("rb") as file:
            data: dict[str, Any] = json.loads(file.read(_INFORMATION))
        name = path.name.removesuffix(".lock")
        address = _address(path.parent, name)
        return Instance(name, int(data["pid"]), str(data["microphone"]), address)
    except (OSError, ValueError, KeyError, TypeError):
        return None
