"""A file that is read whole, or all of standard input."""

import sys
from pathlib import Path

from agent.errors import ParleyError

MAX_BYTES = 16 << 20


def read_whole(name: str | Path) -> bytes:
    """Read it, from stdin if the name is `-`.

    Raises ParleyError, which names the file: it cannot be read, or has no end.
    """
    try:
        if str(name) == "-":
            if sys.stdin is None:
                raise ParleyError("stdin is closed: name a file")
            data = sys.stdin.buffer.read(MAX_BYTES + 1)
        else:
            with Path(name).open("rb") as file:
                data = file.read(MAX_BYTES + 1)
    except OSError as error:
        raise ParleyError(f"{name} cannot be read: {error.strerror or error}") from None
    if len(data) > MAX_BYTES:
        raise ParleyError(f"{name} is larger than {MAX_BYTES >> 20} MiB: split it")
    return data
