"""PortAudio and ALSA write what they think straight to file descriptor 2, over the live view."""

import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager

from agent.cli.streams import guarded


@contextmanager
def silenced() -> Iterator[None]:
    """Libraries' own words go nowhere for the length of a block; Python's still reach people.

    What they have to say is reported as events, in words for people.
    """
    sys.stderr.flush()
    kept = os.dup(2)
    python_stderr = sys.stderr
    nowhere = os.open(os.devnull, os.O_WRONLY)
    with os.fdopen(os.dup(kept), "w", encoding="utf-8", errors="replace", buffering=1) as stderr:
        sys.stderr = stderr
        os.dup2(nowhere, 2)
        try:
            with guarded():
                yield
        finally:
            sys.stderr = python_stderr
            os.dup2(kept, 2)
            os.close(kept)
            os.close(nowhere)
