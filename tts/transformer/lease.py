"""A loaded model is used by one at a time, in the process that loaded it."""

import os
import threading
from collections.abc import Iterator
from contextlib import contextmanager

from tts.protocol import TextToSpeechError


class Lease:
    """Lends a model's slots, all free, to one user at a time."""

    def __init__(self, source: str) -> None:
        """`source` is the folder or repository it was loaded from, for messages."""
        self.source = source
        self._used = threading.Lock()
        self._process = os.getpid()

    @contextmanager
    def __call__(self) -> Iterator[None]:
        """Take them while the context lasts.

        Raises TextToSpeechError if somebody else has them, or in a process forked after loading,
        where neither CUDA nor PyTorch's threads would answer.
        """
        if os.getpid() != self._process:
            raise TextToSpeechError(
                f"{self.source} was loaded before this process was forked: load it in here, "
                "or start processes by spawn"
            )
        if not self._used.acquire(blocking=False):
            raise TextToSpeechError(f"{self.source} is in use: load it a second time, or wait")
        try:
            yield
        finally:
            self._used.release()
