"""A program that speaks (`tts: {engine: command}`): it may flood, hang, and start others."""

import os
import sys
import time
from pathlib import Path

import anyio
import anyio.to_thread
import pytest

from tests.faults.hostile import bounded_memory
from tts.command import Command
from tts.protocol import TextToSpeechError, Utterance

LINUX = Path("/proc/self/stat").exists()

pytestmark = pytest.mark.anyio

STARTS_ANOTHER = """
import subprocess, sys
child = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(600)"])
open(sys.argv[1], "w").write(str(child.pid))
"""
"""Starts a program that runs on, and says its process id."""


async def speak(command: list[str], timeout: float = 20) -> None:
    async with Command(command=command, timeout=timeout).open() as utterance:
        await say(utterance)


async def say(utterance: Utterance) -> None:
    await utterance.feed("Hello there.")
    await utterance.finish()
    async for _ in utterance:
        pass


FLOOD = "import sys; piece = b'x' * 65536\nwhile True: {}.buffer.write(piece)"
FLOODS = {
    "stdout": ([FLOOD.format("sys.stdout")], "writes without end"),
    "both": (
        ["import sys\nwhile True: print('x' * 9999); print('x' * 9999, file=sys.stderr)"],
        "writes without end",
    ),
    "the file": (
        ["import sys; f = open(sys.argv[1], 'wb'); f.truncate(1 << 30); f.close()", "{output}"],
        "writes without end",
    ),
    "stderr": (
        ["import sys; sys.stderr.writelines(['y' * 9999 + chr(10)] * 9999); sys.exit('no voice')"],
        "exit status 1: no voice$",
    ),
    "stderr, one line": (
        ["import sys; [sys.stderr.write('y' * 65536) for _ in range(2000)]; sys.exit(3)"],
        "exit status 3: y{100,300}$",
    ),
}


@pytest.mark.parametrize("where", FLOODS)
async def test_a_flood_is_cut_off(where: str) -> None:
    (program, *arguments), message = FLOODS[where]
    with bounded_memory(), pytest.raises(TextToSpeechError, match=message):
        await speak([sys.executable, "-c", program, *arguments])


async def test_a_flood_of_messages_that_has_no_end_ends_with_the_time() -> None:
    program = FLOOD.format("sys.stderr")
    with bounded_memory(), pytest.raises(TextToSpeechError, match=r"longer than 1 s"):
        await speak([sys.executable, "-c", program], timeout=1)


async def test_sound_without_end_is_cut_off() -> None:
    """Two minutes and more for one clause, of 3 MB."""
    program = (
        "import sys, wave; w = wave.open(sys.stdout.buffer, 'wb'); w.setparams((1, 1, 8000, 0, "
        "'NONE', '')); w.writeframes(bytes(3_000_000))"
    )
    with bounded_memory(), pytest.raises(TextToSpeechError, match=r"more than 120 s in one clause"):
        await speak([sys.executable, "-c", program])


@pytest.fixture
def pid(tmp_path: Path) -> Path:
    path = tmp_path / "pid"
    os.mkfifo(path)
    return path


async def test_what_it_started_ends_with_a_cut(pid: Path) -> None:
    program = STARTS_ANOTHER + "child.wait()"
    with anyio.fail_after(20):
        async with Command(command=[sys.executable, "-c", program, str(pid)]).open() as utterance:
            await utterance.feed("Hello there. ")
            child = int(await anyio.Path(pid).read_text())
            assert alive(child)
        gone(child)


async def test_what_it_started_ends_with_its_time(pid: Path) -> None:
    program = STARTS_ANOTHER + "child.wait()"
    with anyio.fail_after(20):
        async with Command(
            command=[sys.executable, "-c", program, str(pid)], timeout=1
        ).open() as utterance:
            await utterance.feed("Hello there. ")
            child = int(await anyio.Path(pid).read_text())
            with pytest.raises(TextToSpeechError, match="longer than 1 s"):
                await anext(aiter(utterance))
        gone(child)


async def test_what_it_left_running_holds_nobody_up(pid: Path) -> None:
    """It has the pipes of the program, and would hold them for ten minutes."""
    program = STARTS_ANOTHER + "sys.exit(3)"
    with anyio.fail_after(20):
        async with Command(command=[sys.executable, "-c", program, str(pid)]).open() as utterance:
            await utterance.feed("Hello there. ")
            child = int(await anyio.Path(pid).read_text())
            with pytest.raises(TextToSpeechError, match="exit status 3"):
                await anext(aiter(utterance))
        gone(child)


async def test_a_pipeline_of_a_shell_ends_whole(pid: Path) -> None:
    """As people wrap piper and sox."""
    script = f"sleep 600 | cat & echo $! > {pid}; wait"
    with anyio.fail_after(20):
        async with Command(command=["sh", "-c", script, "{text}"]).open() as utterance:
            await utterance.feed("Hello there. ")
            last = int(await anyio.Path(pid).read_text())
            assert alive(last)
        gone(last)


def gone(process: int) -> None:
    """Wait until it is: nobody's child of ours, so that there is nothing but to look again."""
    deadline = time.monotonic() + 20
    while alive(process):
        assert time.monotonic() < deadline, f"process {process} lives on"
        time.sleep(0.01)


def alive(process: int) -> bool:
    """Whether a process runs: one that has ended, and was not asked for, is a zombie."""
    status = Path(f"/proc/{process}/stat")
    try:
        os.kill(process, 0)
        return status.read_text().rpartition(")")[2].split()[0] != "Z" if LINUX else True
    except (ProcessLookupError, FileNotFoundError):
        return False
