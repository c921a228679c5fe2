"""Files that a stranger may put where another is expected."""

import os
import shutil
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from bench.dia2_load import memory

GIB = 1 << 30

Write = Callable[[Path], object]


def sparse(size: int, start: bytes = b"") -> Write:
    """A file of `size` bytes that takes none on the disk."""

    def write(path: Path) -> None:
        with path.open("wb") as file:
            file.write(start)
            file.truncate(size)

    return write


def link(target: str | Path) -> Write:
    return lambda path: path.symlink_to(target)


def header(size: int, content: bytes = b"{", whole: int | None = None) -> Write:
    """A safetensors file with a header of that size, and `whole` bytes."""
    return sparse(whole or size + 8, size.to_bytes(8, "little") + content)


WRONG: dict[str, Write] = {
    "a pipe": os.mkfifo,
    "a device": link("/dev/zero"),
    "a folder": Path.mkdir,
    "10 GB": sparse(10 * GIB),
}
"""What no file may be."""


def replace(path: Path, write: Write) -> None:
    if path.is_dir():
        shutil.rmtree(path)
    path.unlink(missing_ok=True)
    write(path)


@contextmanager
def bounded(megabytes: float = 64) -> Iterator[None]:
    """Fail if this process needs more memory in here, by the kernel's own count."""
    Path("/proc/self/clear_refs").write_text("5")
    before = memory("VmRSS")
    yield
    grown = (memory("VmHWM") - before) / (1 << 20)
    assert grown < megabytes, f"{grown:.0f} MB more"
