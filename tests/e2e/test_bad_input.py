"""Bad input by the real commands: one clear line, a status, and no traceback."""

import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import soxr

from agent.audio.wav import WavWriter, read_audio
from tests.paths import AUDIO

pytestmark = pytest.mark.long


def parley(*arguments: str | Path, cwd: Path) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "agent.cli", *map(str, arguments)],
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
        cwd=cwd,
    )


FILES = {
    "empty": (b"", "not an audio file"),
    "text": (b"hello, this is no sound" * 100, "not an audio file"),
    "header-only": (None, "no sound"),
}


@pytest.mark.parametrize("kind", FILES)
def test_a_file_that_is_no_sound(kind: str, tmp_path: Path) -> None:
    path = tmp_path / f"{kind}.wav"
    content, message = FILES[kind]
    if content is None:
        with WavWriter(path, 16000):
            pass
    else:
        path.write_bytes(content)
    done = parley("talk", "offline", "--mic", path, "--speaker", "out.wav", cwd=tmp_path)
    assert done.returncode == 1
    assert done.stderr.startswith("parley: ")
    assert done.stderr.count("\n") == 1
    assert path.name in done.stderr
    assert message in done.stderr


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["talk", "offline", "--mic", "missing.wav"], "missing.wav: no such file"),
        (["talk", "no-such-preset"], "no such file or preset"),
        (["talk", "unknown-key.yaml"], "unknown-key.yaml:2: turn.silense: unknown key, did you"),
        (["talk", "not.yaml"], "not.yaml:2:4: not YAML"),
        (["talk", "variable.yaml"], "NO_SUCH_VARIABLE"),
        (["talk", "type.yaml"], "type.yaml:1: turn.silence"),
        (["talk", "engine.yaml"], "did you mean 'espeak'"),
        (["transcribe", "missing.wav"], "missing.wav: no such file"),
        (["say", "--tts", "espeek", "hello"], "espeak"),
        (["say", ""], "parley: "),
    ],
)
def test_one_clear_line(arguments: list[str], message: str, tmp_path: Path) -> None:
    (tmp_path / "unknown-key.yaml").write_text("turn:\n  silense: 0.5\n")
    (tmp_path / "not.yaml").write_text("turn: [1, 2\nstt: }")
    (tmp_path / "variable.yaml").write_text("tts: {voice: '${NO_SUCH_VARIABLE}'}\n")
    (tmp_path / "type.yaml").write_text("turn: {silence: soon}\n")
    (tmp_path / "engine.yaml").write_text("tts: {engine: espeek}\n")
    done = parley(*arguments, cwd=tmp_path)
    assert done.returncode == 1
    assert message in done.stderr
    assert done.stderr.startswith("parley: ")
    assert "Traceback" not in done.stderr
    assert done.stderr.count("\n") == 1


def test_debug_shows_the_traceback(tmp_path: Path) -> None:
    done = parley("--debug", "talk", "offline", "--mic", "missing.wav", cwd=tmp_path)
    assert done.returncode == 1
    assert "Traceback" in done.stderr


@pytest.mark.parametrize("kind", ["8-bit", "stereo", "96 kHz", "cut short"])
def test_an_odd_file_is_understood_all_the_same(kind: str, tmp_path: Path) -> None:
    path = tmp_path / "odd.wav"
    pcm, rate = read_audio(AUDIO / "command_lights.wav")
    if kind == "8-bit":
        import wave

        with wave.open(str(path), "wb") as file:
            file.setparams((1, 1, rate, 0, "NONE", ""))
            file.writeframes((pcm * 127 + 128).astype(np.uint8).tobytes())
    elif kind == "stereo":
        with WavWriter(path, rate, channels=2) as file:
            file.write(np.column_stack((pcm, pcm)))
    elif kind == "96 kHz":
        with WavWriter(path, 96000) as file:
            file.write(soxr.resample(pcm, rate, 96000))
    else:
        whole = (AUDIO / "command_lights.wav").read_bytes()
        path.write_bytes(whole[: len(whole) - 6000])
    done = parley("transcribe", path, cwd=tmp_path)
    assert done.stderr == ""
    words = done.stdout.split()
    said = "turn on the lights in the kitchen and play some music"
    expected = said.split(" ")
    assert words[: len(expected) - 2] == expected[: len(expected) - 2]
