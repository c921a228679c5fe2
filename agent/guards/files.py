"""Files that are kept of a conversation: their owner's alone, and never somebody else's by a trick.

What was said is private: a file is made for its owner alone (0600, in folders of 0700), it is
never written through a symbolic link, and what is there already is never replaced.
"""

import errno
import os
import stat
import sys
from collections.abc import Callable, Collection, Iterator
from contextlib import contextmanager, suppress
from itertools import count
from pathlib import Path

from agent.errors import ParleyError

Tell = Callable[[str, str, bool], None]
"""Told what is done with a file: a stable code, a message for people, whether all is well."""

FILE, FOLDER = 0o600, 0o700
_OTHERS = stat.S_IRWXG | stat.S_IRWXO
_STREAMS = (Path("/dev"), Path("/dev/fd"), Path("/proc/self/fd"))
"""Where the names of open files are links by their nature: `/dev/stdout`, `/dev/fd/63`."""

# Windows lacks these flags, and needs another.
_FLAGS = os.O_RDWR | getattr(os, "O_NOFOLLOW", 0) | getattr(os, "O_BINARY", 0)
_AT_ONCE = getattr(os, "O_NONBLOCK", 0)  # a FIFO is opened without waiting for its other end


def make_folder(path: Path, mode: int = FOLDER) -> None:
    """Make a folder and those above it, as far as they are missing. Raises OSError."""
    if path.is_dir():
        return
    make_folder(path.parent, mode)
    try:
        path.mkdir(mode, exist_ok=True)
    except FileExistsError as error:
        raise NotADirectoryError(errno.ENOTDIR, os.strerror(errno.ENOTDIR)) from error


def create(path: Path) -> int:
    """Make a file that is not there yet, locked; return its descriptor, for reading and writing.

    One that is there but empty (of `mktemp`) and in nobody's use counts as new. Raises OSError,
    FileExistsError where there is anything else of that name, be it a link to nowhere.
    """
    make_folder(path.parent)
    try:
        descriptor = os.open(path, _FLAGS | os.O_CREAT | os.O_EXCL, FILE)
    except FileExistsError as error:
        if path.is_symlink() or not path.is_file() or path.stat().st_size:
            raise
        with suppress(OSError):
            descriptor = reopen(path)
            if not os.fstat(descriptor).st_size and lock(descriptor):
                mend([path])
                return descriptor
            os.close(descriptor)
        raise FileExistsError from error
    if not lock(descriptor):  # whoever was quicker has it
        os.close(descriptor)
        raise FileExistsError
    return descriptor


def create_all(*paths: Path) -> tuple[list[Path], list[int]]:
    """Make files beside each other, with one number in their names where one of them is there.

    `a.wav` becomes `a-2.wav`. Return how they are called, and their descriptors. Raises OSError.
    """
    for path in paths:
        make_folder(path.parent)
    for number in count(1):
        named = [p if number == 1 else p.with_stem(f"{p.stem}-{number}") for p in paths]
        made: list[int] = []
        try:
            for path in named:
                descriptor = create(path)
                made.append(descriptor)
        except OSError as error:
            for path, descriptor in zip(named, made, strict=False):
                os.close(descriptor)
                path.unlink(missing_ok=True)
            if not isinstance(error, FileExistsError):
                raise
        else:
            return named, made
    raise AssertionError


def overwrite(path: Path, *, private: bool = True) -> int:
    """Open a file to write it from its beginning, as `--output` says; return its descriptor.

    A new one, and its folder, are the user's alone, or, if not `private`, as the system has it.
    Raises OSError.
    """
    make_folder(path.parent, FOLDER if private else 0o777)
    descriptor = os.open(path, _FLAGS | os.O_CREAT | _AT_ONCE, FILE if private else 0o666)
    if stat.S_ISREG(os.fstat(descriptor).st_mode):
        os.ftruncate(descriptor, 0)
    return descriptor


def reopen(path: Path) -> int:
    """Open a kept file to add to it. Raises OSError, also if it is a link or no file of ours."""
    descriptor = os.open(path, _FLAGS | _AT_ONCE)
    status = os.fstat(descriptor)
    if not stat.S_ISREG(status.st_mode) or not _trusted(status.st_uid):
        os.close(descriptor)
        raise PermissionError(0, "it is no plain file of yours")
    return descriptor


def open_stream(path: Path) -> int | None:
    """Open what is no file but a way to somebody: a FIFO, a terminal, `/dev/stdout`; else None.

    Raises OSError.
    """
    follow = path.parent in _STREAMS
    try:
        mode = (path.stat() if follow else path.lstat()).st_mode
    except OSError:
        return None
    if stat.S_ISFIFO(mode) and not follow:
        # For reading, too: then it waits for no reader, and none that leaves breaks the pipe.
        return os.open(path, _FLAGS)
    if stat.S_ISCHR(mode) or follow:
        return os.open(path, os.O_WRONLY | os.O_APPEND)
    return None


def lock(descriptor: int) -> bool:
    """Take a file for this process, until it is closed or the process ends; False if it is taken.

    A lock of a process that has died is none.
    """
    try:
        if sys.platform == "win32":
            import msvcrt

            os.lseek(descriptor, 1 << 40, os.SEEK_SET)  # beyond the end: all others may still read
            msvcrt.locking(descriptor, msvcrt.LK_NBLCK, 1)
        else:
            import fcntl

            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError as error:
        return not isinstance(error, BlockingIOError | PermissionError)  # else: no locks are here
    return True


def keep_private(folder: Path, files: Collection[Path], tell: Tell) -> None:
    """Take what is kept in `folder` from all others, and tell if they could reach it so far.

    The folder itself, too, if there is nothing else in it.
    """
    if mended := mend(files):
        which = "a file" if mended == 1 else f"{mended} files"
        tell("file.mended", f"{which} in {folder} could be read by others: yours alone now", True)
    if set(folder.iterdir()) <= set(files) and mend([folder]):
        tell("file.mended", f"{folder} was open to others: yours alone now", True)
    tell_who_may_change(folder, tell)


def tell_who_may_change(folder: Path, tell: Tell) -> None:
    """Tell if other users may replace what is kept in `folder`, though they cannot read it."""
    if (theirs := writable_by_others(folder)) is not None:
        message = f"{theirs} may be changed by other users, and with it what is kept there"
        tell("file.exposed", f"{message}: take that from them, or choose another folder", False)


def mend(paths: Collection[Path]) -> int:
    """Take files and folders of ours from all others; how many of them could be reached so far."""
    return sum(map(_mend, paths)) if sys.platform != "win32" else 0


def _mend(path: Path) -> bool:
    with suppress(OSError):
        if stat.S_IFMT(path.lstat().st_mode) not in (stat.S_IFREG, stat.S_IFDIR):
            return False
        descriptor = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK)
        try:
            status = os.fstat(descriptor)
            if status.st_mode & _OTHERS and status.st_uid == _user():
                os.fchmod(descriptor, stat.S_IMODE(status.st_mode) & ~_OTHERS)
                return not os.fstat(descriptor).st_mode & _OTHERS  # some file systems cannot
        finally:
            os.close(descriptor)
    return False


def writable_by_others(folder: Path) -> Path | None:
    """Find a folder, this one or one above it, that any user of the machine may change."""
    folder = folder.resolve()
    for each in (folder, *folder.parents):
        with suppress(OSError):
            status = each.stat()
            anybody = status.st_mode & stat.S_IWOTH and not status.st_mode & stat.S_ISVTX
            if anybody or not _trusted(status.st_uid):
                return each
    return None


@contextmanager
def explained(path: str | Path, error: type[ParleyError] = ParleyError) -> Iterator[None]:
    """Turn an OSError of a block into an `error` that tells people what is wrong with `path`."""
    try:
        yield
    except OSError as problem:
        link = Path(path).is_symlink()
        reason = "it is a symbolic link" if link else problem.strerror or problem
        raise error(f"{path} cannot be written: {reason}; choose another") from problem


def _user() -> int:
    return os.geteuid() if hasattr(os, "geteuid") else 0


def _trusted(owner: int) -> bool:
    """Whether a file's owner is the user or the system; root may touch everything anyway."""
    return owner in (0, _user()) or _user() == 0
