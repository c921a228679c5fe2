"""The reader of keys: a thread of its own, so that Ctrl-C works however busy the loop is."""

import os
import select
import signal
import sys
from collections.abc import AsyncGenerator, Iterator
from contextlib import contextmanager
from threading import Thread

from agent.cli.keys.decoder import Key, KeyDecoder
from agent.cli.keys.queue import KeyQueue
from agent.cli.keys.terminal import Terminal

ESCAPE = 0.05
"""Seconds after which the Escape key is no beginning of a sequence."""

BACKGROUND = 0.5
"""Seconds after which it is looked whether the program is in the foreground again."""

_SIZE = 4096

# With the Kitty protocol these are keys like others, and no signals any more.
_SIGNALS = {"c": "SIGINT", "z": "SIGTSTP", "\\": "SIGQUIT"}


class KeyReader:
    """The keys of a terminal, as they come."""

    def __init__(self, terminal: Terminal) -> None:
        self._terminal = terminal
        self._queue = KeyQueue()

    @classmethod
    @contextmanager
    def of(cls, terminal: Terminal) -> Iterator["KeyReader"]:
        """Read `terminal` for the length of a block."""
        reader = cls(terminal)
        terminal.begin()
        mine, its = os.pipe()
        thread = Thread(target=reader._run, args=(mine,), name="keys", daemon=True)
        thread.start()
        try:
            yield reader
        finally:
            os.close(its)
            thread.join()
            os.close(mine)

    def keys(self) -> AsyncGenerator[Key]:
        """Each key as it comes."""
        return self._queue.keys()

    def _run(self, over: int) -> None:
        decoder = KeyDecoder()
        descriptor = self._terminal.descriptor
        while True:
            # In the background it is another's, and reading it would stop the program (SIGTTIN).
            ours = self._terminal.ours
            if ours:
                self._terminal.begin()
            wait = (ESCAPE if decoder.waits else None) if ours else BACKGROUND
            ready, _, _ = select.select([over, descriptor] if ours else [over], [], [], wait)
            if over in ready:
                return
            if not ready:
                self._tell(decoder.flush())
            elif self._terminal.ours:
                try:
                    data = os.read(descriptor, _SIZE)
                except OSError:
                    data = b""
                if not data:  # the terminal is gone
                    return
                self._tell(decoder.feed(data))

    def _tell(self, keys: list[Key]) -> None:
        for key in keys:
            if key.name == "kitty":
                self._terminal.use_kitty()
            elif key.ctrl and key.name in _SIGNALS:
                if key.event == "press" and sys.platform != "win32":
                    # To all that the terminal would send it to.
                    os.killpg(os.getpgrp(), getattr(signal, _SIGNALS[key.name]))
            else:
                self._queue.put([key])
