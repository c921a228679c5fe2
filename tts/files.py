"""Files of strangers: read up to a limit, and never from outside of their folder.

A downloaded checkpoint may hold a pipe, a device or a link to either, JSON without an end, or names
that point elsewhere.
"""

import json
import os
import stat
from contextlib import suppress
from pathlib import Path
from typing import Any, BinaryIO

from tts.protocol import TextToSpeechError

JSON_LIMIT = 2 << 20  # bytes; parsed, it may be thirty times as much in memory

_LONGEST = 200  # characters of somebody else's message
_FLAGS = os.O_RDONLY | getattr(os, "O_NONBLOCK", 0) | getattr(os, "O_BINARY", 0)


def open_file(path: Path, limit: int | None = None) -> BinaryIO:
    """Open a regular file of at most `limit` bytes, without waiting for a pipe's other end.

    Raises FileNotFoundError, and TextToSpeechError if it is no such file or cannot be read.
    """
    try:
        descriptor = os.open(path, _FLAGS)
    except FileNotFoundError:
        raise
    except (OSError, ValueError) as error:
        raise _cannot_read(path, error) from None
    found = os.fstat(descriptor)
    if not stat.S_ISREG(found.st_mode):
        wrong = "it is no regular file"
    elif limit is not None and found.st_size > limit:
        wrong = f"it is longer than the {limit >> 20} MiB that it may have"
    else:
        return os.fdopen(descriptor, "rb")
    os.close(descriptor)
    raise _cannot_read(path, wrong)


def one_line(why: object) -> str:
    """Say what a parser or the system says in one line, without control characters, and cut."""
    text = " ".join(str(getattr(why, "strerror", None) or why).split())
    text = "".join(each if each.isprintable() else "?" for each in text)
    return text if len(text) <= _LONGEST else text[:_LONGEST] + "…"


def read_json(path: Path) -> Any:
    """Read JSON. Raises FileNotFoundError, and TextToSpeechError naming the file."""
    with open_file(path, JSON_LIMIT) as file:
        try:
            return json.loads(file.read(JSON_LIMIT))
        except RecursionError:
            raise _cannot_read(path, "it is nested too deeply") from None
        except ValueError as error:
            raise _cannot_read(path, f"it is not JSON: {error}") from None
        except OSError as error:
            raise _cannot_read(path, error) from None


def _cannot_read(path: Path, why: object) -> TextToSpeechError:
    return TextToSpeechError(f"cannot read {path}: {one_line(why)}")


def inside(folder: Path, name: str) -> Path:
    """Find what a checkpoint names in its folder, there or not.

    Raises TextToSpeechError if that, or what it links to, is outside. A folder in the cache of the
    Hugging Face hub links to its repository's own `blobs`.
    """
    path = folder / name
    try:
        root, real = folder.resolve(), path.resolve()
        with suppress(FileNotFoundError, NotADirectoryError):
            path.stat()
    except (OSError, RuntimeError, ValueError) as error:
        raise TextToSpeechError(
            f"{one_line(repr(name))} in {folder} is no path: {one_line(error)}"
        ) from None
    blobs = (each.parent / "blobs" for each in root.parents if each.name == "snapshots")
    if not any(real.is_relative_to(each) for each in (root, *blobs)):
        raise TextToSpeechError(
            f"{one_line(repr(name))} points outside of {folder}, which a model's files may not: "
            "copy what it needs into the folder, or name its place in the settings"
        )
    return path
