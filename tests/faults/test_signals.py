"""The program ends when it is told to, whatever hangs, and leaves whole files."""

import json
import os
import pty
import select
import signal
import subprocess
import sys
import threading
import time
import wave
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

import pytest

from tests.paths import AUDIO, ROOT
from tests.soundcards import SoundCards

COMMAND = """
import ctypes, sys, threading, time
from types import SimpleNamespace
import anyio
from anyio.to_thread import run_sync
from agent.cli import ending, main as cli
ending.LIMIT, ending.EXIT_LIMIT = {limit}, {exit_limit}

async def hangs_in_a_thread():  # as an engine's load
    await run_sync(lambda: (print("ready", flush=True), time.sleep(60)))

async def hangs_on_the_loop():
    print("ready", flush=True)
    time.sleep(60)

async def hangs_in_native_code():
    print("ready", flush=True)
    ctypes.CDLL(None).sleep(60)  # the main thread runs no handler

async def hangs_in_closing():
    try:
        print("ready", flush=True)
        await anyio.sleep_forever()
    finally:
        with anyio.CancelScope(shield=True):
            await run_sync(time.sleep, 60)

async def leaves_a_thread():  # for which Python waits
    threading.Thread(target=time.sleep, args=(60,)).start()

async def leaves_a_library():
    import atexit
    atexit.register(ctypes.CDLL(None).sleep, 60)

def add(subparsers):
    subparsers.add_parser("talk").set_defaults(run=lambda _: ending.run(globals()[sys.argv[1]]))

cli.COMMANDS = ("talk",)
sys.modules["agent.cli.commands.talk"] = SimpleNamespace(add=add)
status = ending.leave(cli.main(["talk"]) or 0)
print("leaving", flush=True)
sys.exit(status)
"""

REPLY = "session: {{save: {folder}/kept}}\necho: off\n"


@pytest.fixture(autouse=True)
def terminal_that_can_close() -> Iterator[None]:
    """The tests may run under `nohup`, whose programs ignore a closed terminal."""
    before = signal.signal(signal.SIGHUP, signal.SIG_DFL)
    yield
    signal.signal(signal.SIGHUP, before)


@contextmanager
def command(
    name: str, limit: float = 60, exit_limit: float = 60
) -> "Iterator[subprocess.Popen[str]]":
    process = subprocess.Popen(
        [sys.executable, "-c", COMMAND.format(limit=limit, exit_limit=exit_limit), name],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        cwd=ROOT,
    )
    with process:
        assert process.stdout is not None
        assert process.stdout.readline() in ("ready\n", "leaving\n")
        try:
            yield process
        finally:
            process.kill()


HANGING = ("hangs_in_a_thread", "hangs_on_the_loop", "hangs_in_native_code", "hangs_in_closing")


@pytest.mark.realtime
@pytest.mark.parametrize("name", HANGING)
def test_the_second_ctrl_c_ends_it_whatever_hangs(name: str) -> None:
    with command(name) as process:
        process.send_signal(signal.SIGINT)
        with suppress(subprocess.TimeoutExpired):
            process.wait(0.3)
        begun = time.monotonic()
        process.send_signal(signal.SIGINT)
        process.wait(10)
        assert time.monotonic() - begun < 1
    assert process.returncode in (-signal.SIGINT, 0, 130)


@pytest.mark.realtime
@pytest.mark.parametrize("name", ["leaves_a_thread", "leaves_a_library"])
def test_a_ctrl_c_ends_an_exit_that_hangs(name: str) -> None:
    with command(name) as process:
        begun = time.monotonic()
        process.send_signal(signal.SIGINT)
        process.wait(10)
        assert time.monotonic() - begun < 1


@pytest.mark.parametrize("name", ["hangs_in_a_thread", "hangs_in_closing"])
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
def test_a_clean_end_that_hangs_has_a_limit(name: str, number: signal.Signals) -> None:
    with command(name, limit=0.5) as process:
        process.send_signal(number)
        _, told = process.communicate(timeout=10)
    assert process.returncode == 1
    assert told == "parley: it did not end within 0.5 s: ended as it was\n"


@pytest.mark.parametrize("name", ["leaves_a_thread", "leaves_a_library"])
def test_an_exit_that_hangs_has_a_limit(name: str) -> None:
    with command(name, exit_limit=0.5) as process:
        _, told = process.communicate(timeout=10)
    assert (process.returncode, told) == (0, "")


def test_signals_that_come_in_pairs_ask_once() -> None:
    """As from a terminal that is closed, or systemd: the end stays a clean one."""
    with command("hangs_in_closing", limit=1.0) as process:
        for number in (signal.SIGTERM, signal.SIGHUP, signal.SIGHUP, signal.SIGTERM):
            process.send_signal(number)
            time.sleep(0.05)
        assert process.poll() is None
        process.wait(10)
    assert process.returncode == 1


def test_a_ctrl_c_that_is_sent_twice_at_once_is_one() -> None:
    """As by `timeout`, or a runner that forwards what the terminal has sent already."""
    with command("hangs_in_closing", limit=1.0) as process:
        process.send_signal(signal.SIGINT)
        process.send_signal(signal.SIGINT)
        process.wait(10)
    assert process.returncode == 1  # by the limit of the clean end


class Talk:
    """`parley talk` with an event log, a recording, and the conversation kept, in a folder."""

    def __init__(self, folder: Path, *options: str, **popen: Any) -> None:
        self.folder = folder
        config = folder / "talk.yaml"
        config.write_text(REPLY.format(folder=folder))
        files = ["--events", str(folder / "events"), "--record", str(folder / "record")]
        self.process = subprocess.Popen(
            [sys.executable, "-m", "agent.cli", "talk", str(config), *files, *options],
            cwd=ROOT,
            stdin=subprocess.DEVNULL,
            **popen,
        )

    @property
    def events(self) -> list[dict[str, Any]]:
        log = self.folder / "events"
        lines = log.read_text().split("\n")[:-1] if log.exists() else []
        return [json.loads(line) for line in lines]

    def until(self, wanted: Callable[[dict[str, Any]], bool]) -> None:
        """Return once such an event was written: a file cannot be waited for but by looking."""
        deadline = time.monotonic() + 40
        while not any(wanted(event) for event in self.events):
            assert self.process.poll() is None, "it has ended"
            assert time.monotonic() < deadline, self.events
            time.sleep(0.05)

    def until_it_hears(self, cards: SoundCards) -> None:
        """Return once both devices are open, and what was heard is recorded.

        A device is used from the middle of its opening on.
        """
        for card in (cards.speaker, cards.microphone):
            self._wait_for(card.used)
        recording = self.folder / "record/conversation.wav"
        self._wait_for(lambda: recording.exists() and recording.stat().st_size > 1 << 14)

    def _wait_for(self, condition: Callable[[], bool]) -> None:
        """It shows itself by nothing that could be waited for but by looking."""
        while not condition():
            assert self.process.poll() is None, "it has ended"
            time.sleep(0.05)

    def check_files(self) -> None:
        ended = self.events[-1]
        assert (ended["type"], ended["reason"]) == ("session.ended", "cancelled")
        recording = self.folder / "record/conversation.wav"
        with wave.open(str(recording)) as file:
            frames, width = file.getnframes(), file.getsampwidth() * file.getnchannels()
            assert frames > 0
            assert recording.stat().st_size == 44 + frames * width

    def kept(self) -> list[dict[str, Any]]:
        (file,) = (self.folder / "kept").iterdir()
        return [json.loads(line) for line in file.read_text().splitlines()]


@contextmanager
def talking(folder: Path, *options: str, **popen: Any) -> Iterator[Talk]:
    talk = Talk(folder, *options, **popen)
    try:
        yield talk
    finally:
        talk.process.kill()
        talk.process.wait()


def lost(stage: str) -> Callable[[dict[str, Any]], bool]:
    return lambda event: event.get("code") == f"{stage}.lost" and "not answer" in event["message"]


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
def test_a_frozen_sound_server_is_told_of_and_left(
    soundcards: SoundCards, tmp_path: Path, number: signal.Signals
) -> None:
    with talking(tmp_path, env={**os.environ, **soundcards.environment}) as talk:
        talk.until_it_hears(soundcards)
        with soundcards.microphone.frozen(), soundcards.speaker.frozen():
            talk.until(lost("microphone"))
            talk.until(lost("speaker"))
            talk.process.send_signal(number)
            assert talk.process.wait(10) == 0
            talk.check_files()


def test_a_frozen_sound_server_that_thaws_is_used_again(
    soundcards: SoundCards, tmp_path: Path
) -> None:
    with talking(tmp_path, env={**os.environ, **soundcards.environment}) as talk:
        talk.until_it_hears(soundcards)
        with soundcards.microphone.frozen():
            talk.until(lost("microphone"))
        talk.until(lambda event: event.get("code") == "microphone.back")
        talk.process.send_signal(signal.SIGINT)
        assert talk.process.wait(10) == 0
        talk.check_files()


@pytest.mark.parametrize("arguments", [["devices"], ["talk"]])
def test_a_sound_server_that_is_frozen_from_the_start_is_told(
    soundcards: SoundCards, arguments: list[str]
) -> None:
    with soundcards.microphone.frozen(), soundcards.speaker.frozen():
        done = subprocess.run(
            [sys.executable, "-m", "agent.cli", *arguments],
            env={**os.environ, **soundcards.environment},
            cwd=ROOT,
            capture_output=True,
            text=True,
            check=False,
            timeout=40,
        )
    assert done.returncode == 1
    assert "the sound system does not answer" in done.stderr
    assert "Traceback" not in done.stderr


@contextmanager
def in_terminal(
    folder: Path, *, ignored: bool = False
) -> Iterator[tuple[Talk, Callable[[], None]]]:
    """A talk in a terminal of its own, and how to close that; or one that `nohup` begins there."""
    master, slave = pty.openpty()
    closed = False

    def take() -> None:
        """A terminal takes what it is to show, or the program would wait for it."""
        while not closed:
            if select.select([master], [], [], 0.05)[0]:
                with suppress(OSError):
                    os.read(master, 1 << 16)

    taking = threading.Thread(target=take, daemon=True)

    def close() -> None:
        nonlocal closed
        if not closed:
            closed = True
            taking.join()
            os.close(master)

    def lead() -> None:
        os.setsid()
        import fcntl
        import termios

        fcntl.ioctl(slave, termios.TIOCSCTTY, 0)
        if ignored:
            signal.signal(signal.SIGHUP, signal.SIG_IGN)

    question = "question_capital" if ignored else "question_weather"  # a long story is the answer
    files = ["--mic", str(AUDIO / f"{question}.wav"), "--speaker", str(folder / "said.wav")]
    with (
        (folder / "nohup.out").open("w") as out,
        talking(folder, *files, stdout=out if ignored else slave, preexec_fn=lead) as talk,
    ):
        os.close(slave)
        taking.start()
        try:
            yield talk, close
        finally:
            close()


@pytest.mark.realtime
def test_a_closed_terminal_ends_it_cleanly(tmp_path: Path) -> None:
    with in_terminal(tmp_path) as (talk, close):
        talk.until(lambda event: event["type"] == "assistant.speech_started")
        time.sleep(0.8)  # some of the reply is heard
        close()
        assert talk.process.wait(10) == 0
        talk.check_files()
        assert [entry["type"] for entry in talk.kept()[:2]] == ["begun", "user"]
        heard = talk.kept()[-1]
        assert (heard["type"], heard["interrupted"]) == ("assistant", True)
        assert heard["text"]


@pytest.mark.realtime
def test_nohup_outlives_its_terminal(tmp_path: Path) -> None:
    with in_terminal(tmp_path, ignored=True) as (talk, close):
        talk.until(lambda event: event["type"] == "assistant.speech_started")
        close()
        assert talk.process.wait(30) == 0  # at the end of the file that is its microphone
    assert talk.events[-1]["reason"] == "finished"
