"""What `parley bench-server` refuses before it talks with anybody."""

import sys
import wave
from pathlib import Path

import pytest

from agent.cli.main import main


@pytest.fixture
def silence(tmp_path: Path) -> str:
    path = tmp_path / "silence.wav"
    with wave.open(str(path), "wb") as file:
        file.setnchannels(1)
        file.setsampwidth(2)
        file.setframerate(16000)
        file.writeframes(bytes(32000))
    return str(path)


def refused(capsys: pytest.CaptureFixture[str], *arguments: str) -> str:
    assert main(["bench-server", *arguments]) == 1
    said = capsys.readouterr()
    assert said.out == ""
    (line,) = said.err.splitlines()
    return line


@pytest.mark.parametrize("url", ["http://192.0.2.1:8765", "parley.example", "0.0.0.0:8765"])
def test_another_computer(url: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert "keeps it busy so that others wait: add --remote if it is yours" in refused(capsys, url)


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (("http://127.0.0.1:1",), "http://127.0.0.1:1 cannot be reached"),
        (("nonsense://x",), "is no address of a server: give one like http://127.0.0.1:8765"),
        (("127.0.0.1:1", "--speech", "none.wav"), "none.wav"),
        (("127.0.0.1:1", "--picture", "/none/x.png"), "/none is no folder"),
        (("127.0.0.1:1", "--picture", "/tmp"), "/tmp is a folder: name a file"),
        (("https://127.0.0.1:1", "--tls-cert", "none.pem"), "none.pem is no certificate"),
    ],
)
def test_one_line(
    arguments: tuple[str, ...], told: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert told in refused(capsys, *arguments)


def test_silence_is_nothing_to_say(silence: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert "is silent" in refused(capsys, "127.0.0.1:1", "--speech", silence)


@pytest.mark.parametrize("count", ["0", "1001", "many"])
def test_how_many(count: str, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as ended:
        main(["bench-server", "127.0.0.1:1", "--conversations", count])
    assert ended.value.code == 2
    assert "a whole number from 1 to 1000 is needed" in capsys.readouterr().err


def test_a_picture_without_matplotlib(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setitem(sys.modules, "matplotlib", None)
    told = refused(capsys, "127.0.0.1:1", "--picture", "x.png")
    assert "a picture needs matplotlib: " in told
    assert "[bench]" in told
