"""The terminal while it gives single keys, and how it is given back, whatever happens."""

import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from typing import Any

_BEGIN = "\x1b[?2004h\x1b[?u"
"""What is pasted comes marked; does the terminal know the Kitty protocol? If so it answers."""

KITTY = "\x1b[>31u"
"""Tell of all keys, in all the protocol has: presses, repeats and releases, and what they type."""

_END = "\x1b[<u\x1b[?2004l\x1b[?25h"
_NO_KITTY = ("", "dumb", "linux")

# Restores the terminal if its pipe ends without a word, that is, if Parley was killed or crashed.
_WATCH = 'trap "" HUP INT TERM; read word || { stty "$1" <&1; printf "$2"; } 2>/dev/null'


class Terminal:
    """A terminal gives its keys one by one, without echo, between `begin` and `end`.

    While the program is in the background, or stopped (Ctrl-Z), it is the shell's. Signals come
    from the keys as ever.
    """

    def __init__(self, descriptor: int = 0, output: int = 1) -> None:
        """A terminal, by the descriptors that keys come from and drawing goes to."""
        self.descriptor = descriptor
        self._output = output
        self._before: Any = None  # its attributes, while they are ours
        self._stopping = False
        self.kitty = False
        """Whether it tells when a key is let go."""

    @property
    def ours(self) -> bool:
        """Whether this program is in the foreground of it."""
        with suppress(OSError):
            return os.tcgetpgrp(self.descriptor) == os.getpgrp()
        return False

    @contextmanager
    def watched(self) -> Iterator[None]:
        """Have it given back at the end of a block, and by another process if there is none."""
        with self._watch():
            try:
                yield
            finally:
                self.end()

    def begin(self) -> None:
        """Have it give keys, if it does not yet and is ours."""
        import termios

        if self._before is not None or self._stopping or not self.ours:
            return
        before = termios.tcgetattr(self.descriptor)
        raw = termios.tcgetattr(self.descriptor)
        raw[0] &= ~termios.IXON  # Ctrl-S would hold up all that is drawn
        raw[3] &= ~(termios.ECHO | termios.ICANON | termios.IEXTEN)
        raw[6][termios.VMIN], raw[6][termios.VTIME] = 1, 0
        termios.tcsetattr(self.descriptor, termios.TCSADRAIN, raw)
        self._before = before
        if os.environ.get("TERM", "") not in _NO_KITTY:
            self._write(_BEGIN)

    def use_kitty(self) -> None:
        """It has answered: from now on it tells more of its keys."""
        if not self.kitty and self._before is not None:
            self.kitty = True
            self._write(KITTY)

    def end(self) -> None:
        """Give it back."""
        import termios

        before, self._before = self._before, None
        if before is None:
            return
        self._write(_END if self.kitty else _END.removeprefix("\x1b[<u"))
        self.kitty = False
        with suppress(termios.error):  # it is gone
            termios.tcsetattr(self.descriptor, termios.TCSADRAIN, before)

    def stop(self) -> None:
        """Give it back, and stop the program as Ctrl-Z does; returns when it goes on."""
        self._stopping = True
        self.end()
        os.kill(os.getpid(), signal.SIGSTOP)
        self._stopping = False
        self.begin()

    @contextmanager
    def _watch(self) -> Iterator[None]:
        settings = subprocess.run(
            ["stty", "-g"], stdin=self.descriptor, capture_output=True, text=True, check=False
        ).stdout.strip()
        # In a session of its own: no signal of the terminal's reaches it.
        with subprocess.Popen(
            ["/bin/sh", "-c", _WATCH, "sh", settings, _END.replace("\x1b", "\\033")],
            stdin=subprocess.PIPE,
            stdout=self._output,
            start_new_session=True,
        ) as watch:
            assert watch.stdin is not None
            try:
                yield
            finally:
                with suppress(OSError):
                    watch.stdin.write(b"over\n")
                    watch.stdin.close()

    def _write(self, text: str) -> None:
        with suppress(OSError):  # it is gone
            sys.stdout.flush()
            os.write(self._output, text.encode())
