"""The real commands with engines that nobody answers, and others that stand in for them."""

import json
import subprocess
import sys
import urllib.request
from pathlib import Path

import pytest

from agent.audio.wav import read_audio
from tests.paths import ROOT
from tests.processes import ended

pytestmark = pytest.mark.realtime

NOBODY = 'engine: openai, api_key: none, base_url: "http://127.0.0.1:9/v1"'
CONFIG = f"""
tts: {{{NOBODY}, fallback: {{engine: espeak}}}}
stt: {{{NOBODY}, fallback: [{{engine: pocketsphinx}}]}}
llm: {{adapter: eliza}}
"""


@pytest.fixture
def config(tmp_path: Path) -> Path:
    path = tmp_path / "fallback.yaml"
    path.write_text(CONFIG)
    return path


def test_say(config: Path, tmp_path: Path) -> None:
    output = tmp_path / "said.wav"
    command = [sys.executable, "-m", "agent.cli", "say", "--config", str(config)]
    done = subprocess.run(
        [*command, "-o", str(output), "It is late. Good night."],
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert "openai gpt-4o-mini-tts fails (http://127.0.0.1:9/v1 cannot be reached" in done.stderr
    assert done.stderr.strip().endswith("): espeak speaks")
    pcm, rate = read_audio(str(output), longest=60)
    assert 1 < len(pcm) / rate < 4


def test_serve(config: Path) -> None:
    command = [sys.executable, "-m", "agent.cli", "serve", str(config), "--port", "0"]
    serve = subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, text=True)
    with ended(serve) as process:
        assert process.stdout is not None
        lines = []
        for line in process.stdout:
            lines.append(line)
            if line == "ready\n":
                break
        address = lines[0].split()[1].rstrip("/")
        spoken = {"input": "Hello there.", "voice": "alloy", "response_format": "wav"}
        wav = post(f"{address}/v1/audio/speech", json.dumps(spoken).encode(), "application/json")
        assert wav[:4] == b"RIFF"
        assert len(wav) > 20_000
        head = b'--x\r\nContent-Disposition: form-data; name="file"; filename="a.wav"\r\n\r\n'
        heard = post(
            f"{address}/v1/audio/transcriptions",
            head + wav + b"\r\n--x--\r\n",
            "multipart/form-data; boundary=x",
        )
        assert json.loads(heard)["text"]
        process.terminate()
        assert process.wait(20) == 0


def post(address: str, body: bytes, kind: str) -> bytes:
    request = urllib.request.Request(address, body, {"content-type": kind})
    with urllib.request.urlopen(request, timeout=30) as answer:
        answered: bytes = answer.read()
    return answered
