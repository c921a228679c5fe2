"""A program that stays loaded (`stream: lines`): what it reads, and where each clause ends."""

import logging
import os
import signal
import sys
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from pathlib import Path

import anyio
import numpy as np
import pytest

from tts.command import Command
from tts.protocol import Speech, TextToSpeechError

pytestmark = pytest.mark.anyio

SPEAKER = """
import array, io, os, sys, time, wave
log = open(sys.argv[1], "a")
print("start", os.getpid(), file=log, flush=True)
def tone(words):  # 0.1 s for every word
    return array.array("h", [8000] * (800 * words)).tobytes()
def wav(words):
    file = io.BytesIO()
    with wave.open(file, "wb") as writer:
        writer.setparams((1, 2, 8000, 0, "NONE", ""))
        writer.writeframes(tone(words))
    return file.getvalue()
def write(data):
    sys.stdout.buffer.write(data)
    sys.stdout.buffer.flush()
for line in sys.stdin:
    print(line.strip(), file=log, flush=True)
    words = len(line.split())
"""
RAW = "    write(tone(words))\n"
WAV = "    data = wav(words); write(data[:50]); time.sleep(0.4); write(data[50:])\n"
UNKNOWN = "    data = wav(words); write(data[:4] + b'\\xff' * 4 + data[8:])\n"


class Speaker:
    """A program, and what it has read."""

    def __init__(self, folder: Path, body: str) -> None:
        self._log, path = folder / "log.txt", folder / "speaker.py"
        path.write_text(SPEAKER + body)
        self.command = [sys.executable, str(path), str(self._log)]

    @property
    def read(self) -> list[str]:
        return [line for line in self._lines() if not line.startswith("start")]

    @property
    def started(self) -> list[int]:
        return [int(line.split()[1]) for line in self._lines() if line.startswith("start")]

    def _lines(self) -> list[str]:
        return self._log.read_text().splitlines() if self._log.exists() else []

    @asynccontextmanager
    async def engine(self, timeout: float = 20) -> AsyncGenerator[Command]:
        engine = Command(command=self.command, stream="lines", sample_rate=8000, timeout=timeout)
        try:
            with anyio.fail_after(30):
                await engine.load()
                yield engine
        finally:
            with anyio.CancelScope(shield=True):
                await engine.aclose()


def gone(process: int) -> bool:
    """Whether it has ended, and no zombie is left of it."""
    try:
        os.kill(process, 0)
    except ProcessLookupError:
        return True
    return False


async def speak(engine: Command, text: str) -> list[Speech]:
    async with engine.open() as utterance:
        await utterance.feed(text)
        await utterance.finish()
        return [piece async for piece in utterance]


def seconds(pieces: list[Speech]) -> float:
    return sum(len(piece.pcm) for piece in pieces) / 8000


@pytest.mark.parametrize("body", [RAW, WAV, UNKNOWN], ids=["raw", "wav", "unknown length"])
async def test_one_program_reads_a_clause_a_line(tmp_path: Path, body: str) -> None:
    speaker = Speaker(tmp_path, body)
    async with speaker.engine() as engine:
        pieces = await speak(engine, "One two, three\nfour. Five. ... !\n")
        assert speaker.read == ["One two,", "three", "four.", "Five."]
        assert seconds(pieces) == pytest.approx(0.5)
        words = {w.text: w.start / 8000 for piece in pieces for w in piece.words}
        assert words["three"] == pytest.approx(0.2, abs=0.001)
        assert words["four."] == pytest.approx(0.3, abs=0.001)
        assert words["Five."] == pytest.approx(0.4, abs=0.001)
        pcm = np.concatenate([piece.pcm for piece in pieces])
        np.testing.assert_allclose(pcm, 8000 / 32768, atol=1e-4)
        assert seconds(await speak(engine, "Again.")) == pytest.approx(0.1)
        assert len(speaker.started) == 1
    assert all(map(gone, speaker.started))


async def test_raw_samples_are_heard_as_they_come(tmp_path: Path) -> None:
    """In whatever pieces: an odd byte waits for its other half."""
    body = "    data = tone(words); write(data[:801]); time.sleep(0.05); write(data[801:])\n"
    async with Speaker(tmp_path, body).engine() as engine:
        pieces = await speak(engine, "One two three.")
        assert len(pieces) > 2
        assert seconds(pieces) == pytest.approx(0.3)


@pytest.mark.skipif(not Path("/proc/self/task").exists(), reason="only Linux says so")
async def test_a_program_that_computes_is_waited_for(tmp_path: Path) -> None:
    """Between two sentences of a clause it writes nothing, and the clause goes on."""
    work = "until = time.monotonic() + 0.4\n    while time.monotonic() < until: pass\n"
    body = f"    write(tone(1)); {work}    write(tone(1))\n"
    async with Speaker(tmp_path, body).engine() as engine:
        pieces = await speak(engine, "One; two!")
        assert seconds(pieces) == pytest.approx(0.4)
        (two,) = [w.start for piece in pieces for w in piece.words if w.text == "two!"]
        assert two == pytest.approx(1600, abs=1)


async def test_what_comes_too_late_is_not_said_in_the_next_reply(tmp_path: Path) -> None:
    body = RAW + "    time.sleep(0.4); write(tone(9))\n"
    async with Speaker(tmp_path, body).engine() as engine:
        assert seconds(await speak(engine, "One.")) == pytest.approx(0.1)
        await anyio.sleep(0.6)
        assert seconds(await speak(engine, "Two.")) == pytest.approx(0.1)


async def test_leaving_in_a_clause_ends_it_and_another_is_ready(tmp_path: Path) -> None:
    speaker = Speaker(tmp_path, "    write(tone(1)); time.sleep(9 * words)\n")
    async with speaker.engine() as engine:
        async with engine.open() as utterance:
            await utterance.feed("One two three, four.")
            await utterance.finish()
            async for _ in utterance:
                break
        await anyio.sleep(0.5)  # without anybody asking for it
        assert gone(speaker.started[0])
        assert not gone(speaker.started[1])
    assert gone(speaker.started[1])


async def test_two_at_once_have_a_program_each(tmp_path: Path) -> None:
    speaker = Speaker(tmp_path, RAW)
    async with speaker.engine() as engine:
        async with anyio.create_task_group() as tasks:
            for _ in range(2):
                tasks.start_soon(speak, engine, "One two three.")
        assert len(speaker.started) == 2
        assert seconds(await speak(engine, "One.")) == pytest.approx(0.1)
        assert len(speaker.started) == 2
        assert sorted(map(gone, speaker.started)) == [False, True]
    assert all(map(gone, speaker.started))


async def test_one_that_dies_is_started_again_once(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    body = "    if 'die' in line: sys.exit('no voice')\n" + RAW
    speaker = Speaker(tmp_path, body)
    async with speaker.engine() as engine:
        await speak(engine, "One.")
        os.kill(speaker.started[0], signal.SIGKILL)
        with caplog.at_level(logging.WARNING):
            assert seconds(await speak(engine, "Two.")) == pytest.approx(0.1)
        assert caplog.messages[0].endswith("was ended by SIGKILL; it is started again")
        with pytest.raises(TextToSpeechError, match=r"exit status 1: no voice$"):
            await speak(engine, "Now die. And what. Follows it. Is not said.")
        assert len(speaker.started) == 3
        assert seconds(await speak(engine, "Three.")) == pytest.approx(0.1)
    assert all(map(gone, speaker.started))


@pytest.mark.parametrize(
    ("body", "told"),
    [
        ("    time.sleep(99)\n", r"took longer than 0\.5 s for one clause$"),
        ("    while True: write(tone(999))\n", "writes without end"),
        ("    write(b'RIFF' + b'x' * 99)\n", "check `command`$"),
    ],
)
async def test_limits(tmp_path: Path, body: str, told: str) -> None:
    speaker = Speaker(tmp_path, body)
    async with speaker.engine(timeout=0.5) as engine:
        await anyio.sleep(0.2)  # it has started
        with pytest.raises(TextToSpeechError, match=told):
            await speak(engine, "One.")
    assert all(map(gone, speaker.started))


async def test_one_that_says_much_on_stderr_is_not_held_up(tmp_path: Path) -> None:
    body = "    sys.stderr.write('x' * 300_000); sys.stderr.flush()\n" + RAW
    async with Speaker(tmp_path, body).engine() as engine:
        assert seconds(await speak(engine, "One. Two. Three.")) == pytest.approx(0.3)


async def test_what_is_configured_wrongly_is_told() -> None:
    with pytest.raises(TextToSpeechError, match="not found"):
        await Command(command=["no-such-program"], stream="lines").load()
    with pytest.raises(TextToSpeechError, match="are for a program that runs once"):
        await Command(command=[sys.executable, "{text}"], stream="lines").load()
