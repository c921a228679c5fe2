"""The programs of docs/examples that need nothing but what is here."""

import json
import os
import subprocess
import sys
import wave
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
import soxr
from websockets.sync.client import connect

from agent.audio.wav import read_audio
from configs import QUESTION
from tests.paths import ROOT
from tests.processes import ended

EXAMPLES = ROOT / "docs" / "examples"
ENVIRONMENT = {**os.environ, "PYTHONPATH": str(ROOT)}
ASKED = "what is the capital of france"
ANSWER = "The capital of France is Paris."


@contextmanager
def program(*command: str) -> Iterator[subprocess.Popen[str]]:
    run = [sys.executable, "-m", *command]
    pipe = subprocess.PIPE
    with (
        subprocess.Popen(
            run, cwd=EXAMPLES, env=ENVIRONMENT, stdout=pipe, stderr=subprocess.STDOUT, text=True
        ) as process,
        ended(process),
    ):
        yield process
        process.terminate()


def said(process: subprocess.Popen[str], words: str) -> str:
    """The line of a program's in which they are."""
    assert process.stdout is not None
    return next(line for line in process.stdout if words in line)


@pytest.mark.parametrize("path", sorted(EXAMPLES.glob("*.py")), ids=lambda path: path.stem)
def test_it_is_short(path: Path) -> None:
    assert len([line for line in path.read_text("utf-8").splitlines() if line]) <= 40


def test_a_websocket_client(tmp_path: Path) -> None:
    pcm, rate = read_audio(QUESTION)
    with wave.open(str(tmp_path / "ask.wav"), "wb") as file:
        file.setparams((1, 2, 24000, 0, "NONE", ""))
        file.writeframes((soxr.resample(pcm, rate, 24000) * 32767).astype("<i2").tobytes())
    with program("agent.cli", "serve", "offline", "--port", "0") as server:
        address = said(server, "protocol").split()[1]
        said(server, "ready")
        done = subprocess.run(
            [sys.executable, EXAMPLES / "websocket_client.py", "ask.wav", "answer.wav"],
            cwd=tmp_path,
            env={**os.environ, "PARLEY_URL": address},
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
        )
    assert (done.stdout, done.stderr) == (f"{ANSWER}\n", "")
    answer, rate = read_audio(tmp_path / "answer.wav")
    assert len(answer) / rate > 1


def test_a_fastapi_route() -> None:
    pcm, _ = read_audio(QUESTION)
    samples = (pcm * 32767).astype("<i2").tobytes() + bytes(32000)
    with program("uvicorn", "fastapi_route:app", "--port", "0") as server:
        address = said(server, "running on").partition("http://")[2].split()[0]
        sound = b""
        events: list[dict[str, Any]] = []
        with connect(f"ws://{address}/talk") as socket:
            for start in range(0, len(samples), 640):
                socket.send(samples[start : start + 640])
            while "assistant.done" not in [event["type"] for event in events]:
                message = socket.recv(timeout=30)
                if isinstance(message, bytes):
                    sound += message
                else:
                    events.append(json.loads(message))
    texts = {event["type"]: event.get("text") for event in events}
    assert texts["user.transcript"] == ASKED
    assert texts["assistant.done"] == ANSWER
    assert any(sound)
