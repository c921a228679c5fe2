"""Programs that tests start, and that never hold up the tests after them."""

import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TypeVar

T = TypeVar("T", str, bytes)


@contextmanager
def ended(process: "subprocess.Popen[T]") -> Iterator["subprocess.Popen[T]"]:
    """Wait for a program at the end of a block; it is killed first where the block fails.

    What `Popen` itself does at the end of a block waits forever for one that does not end.
    """
    with process:
        try:
            yield process
        except BaseException:
            process.kill()
            raise
