"""`parley talk` at a real pseudo-terminal: keys steer it, and the terminal is always given back."""

import fcntl
import os
import pty
import select
import signal
import struct
import subprocess
import sys
import termios
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from agent.audio.wav import WavWriter
from tests.paths import ROOT
from tests.processes import ended

LIMIT = 30.0
"""Seconds that anything may take."""


class Talk:
    """`parley talk` in a terminal of its own."""

    def __init__(self, master: int, slave: int, process: "subprocess.Popen[bytes]") -> None:
        self._master = master
        self._slave = slave
        self.process = process
        self.seen = b""

    def press(self, keys: bytes) -> None:
        os.write(self._master, keys)

    def wait_for(self, *texts: str) -> None:
        """Until the texts have been drawn, in this order; what comes before is forgotten."""
        until = time.monotonic() + LIMIT
        for text in texts:
            while (place := self.seen.find(text.encode())) < 0:
                assert time.monotonic() < until, f"no {text!r} in {self.seen!r}"
                if select.select([self._master], [], [], 0.1)[0]:
                    self.seen += os.read(self._master, 65536)
            self.seen = self.seen[place + len(text.encode()) :]

    @property
    def settings(self) -> list[Any]:
        return termios.tcgetattr(self._slave)

    def wait_until_settings(self, wanted: list[Any]) -> None:
        until = time.monotonic() + LIMIT
        while self.settings != wanted:
            assert time.monotonic() < until
            time.sleep(0.02)

    def drawn(self) -> bytes:
        """All that is still to be read."""
        while select.select([self._master], [], [], 0.3)[0]:
            self.seen += os.read(self._master, 65536)
        drawn, self.seen = self.seen, b""
        return drawn


@contextmanager
def talking(folder: Path, *options: str) -> Iterator[Talk]:
    silence = folder / "silence.wav"
    with WavWriter(silence, 16000) as file:
        file.write(np.full(16000 * 40, 1e-4, np.float32))
    master, slave = pty.openpty()
    fcntl.ioctl(slave, termios.TIOCSWINSZ, struct.pack("HHHH", 40, 80, 0, 0))
    command = [sys.executable, "-m", "agent.cli", "talk", "offline", *options]
    command += ["--mic", str(silence), "--speaker", str(folder / "spoken.wav")]
    environment = {**os.environ, "TERM": "xterm-256color", "XDG_RUNTIME_DIR": str(folder)}
    with ended(
        subprocess.Popen(
            ["setsid", "--ctty", "--wait", *command],
            stdin=slave,
            stdout=slave,
            stderr=slave,
            cwd=ROOT,
            env=environment,
        )
    ) as process:
        yield Talk(master, slave, process)
    os.close(master)
    os.close(slave)


def test_keys_steer_it_and_the_terminal_is_given_back(tmp_path: Path) -> None:
    with talking(tmp_path) as talk:
        before = talk.settings
        talk.wait_for("microphone on", "help")
        assert talk.settings != before
        talk.press(b"m")
        talk.wait_for(" muted ")
        talk.press(b"tsay moon\r")
        talk.wait_for("you: ", "say moon")
        talk.press(b"\x1b[200~quit\x1b[201~")
        talk.wait_for("Enter sends")
        talk.press(b"\x1b")
        talk.wait_for("help")
        talk.press(b"\x1a")  # Ctrl-Z
        os.waitid(os.P_PID, talk.process.pid, os.WSTOPPED)
        assert talk.settings == before
        assert talk.drawn().endswith(b"\x1b[?25h")
        talk.process.send_signal(signal.SIGCONT)
        talk.wait_for("help")
        assert talk.settings != before
        talk.press(b"q")
        talk.drawn()
        assert talk.process.wait(LIMIT) == 0
        assert talk.settings == before


def test_a_terminal_that_tells_when_a_key_is_let_go(tmp_path: Path) -> None:
    with talking(tmp_path) as talk:
        before = talk.settings
        talk.wait_for("\x1b[?u", "microphone on", "help")
        talk.press(b"\x1b[?0u\x1b[?62c")
        talk.wait_for("\x1b[>31u")
        talk.press(b"\x1b[32;1:1;32u")
        talk.wait_for(" your turn ")
        time.sleep(0.4)
        talk.press(b"\x1b[32;1:3u")
        talk.wait_for("microphone on")
        talk.press(b"\x1b[99;5u")  # Ctrl-C
        assert b"\x1b[<u" in talk.drawn()
        assert talk.process.wait(LIMIT) == 0
        assert talk.settings == before


@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGTERM])
def test_however_it_ends_the_terminal_is_given_back(tmp_path: Path, number: int) -> None:
    with talking(tmp_path) as talk:
        before = talk.settings
        talk.wait_for("\x1b[?25l", "microphone on", "help")
        assert talk.settings != before
        talk.process.send_signal(number)
        talk.process.wait(LIMIT)
        talk.wait_until_settings(before)
        talk.wait_for("\x1b[?25h")
