"""`parley say`: from text, from stdin while it is written, to a file, to a speaker."""

import argparse
import signal
import subprocess
import sys
from collections.abc import AsyncIterator, Callable
from pathlib import Path

import anyio
import numpy as np
import pytest
from numpy.typing import ArrayLike

from agent.audio.wav import WavWriter, read_audio
from agent.cli import main as cli
from agent.cli.commands import say
from agent.errors import AudioError, ConfigError, ParleyError
from tests.processes import ended
from tts.espeak import Espeak


def parley(*arguments: str | Path) -> int:
    """Run `parley say ARGUMENTS`."""
    parser = argparse.ArgumentParser()
    say.add(parser.add_subparsers())
    args = parser.parse_args(["say", *map(str, arguments)])
    status: int = args.run(args)
    return status


def cause(error: BaseException) -> BaseException:
    while isinstance(error, BaseExceptionGroup):
        (error,) = error.exceptions
    return error


@pytest.fixture(params=["asyncio", "trio"])
def anyio_backend(request: pytest.FixtureRequest) -> str:
    return str(request.param)


def test_text_into_a_file(tmp_path: Path) -> None:
    assert parley("Hello there, my friend.", "-o", tmp_path / "new" / "out.wav") == 0
    pcm, rate = read_audio(tmp_path / "new" / "out.wav")
    assert rate == 22050
    assert 1 < len(pcm) / rate < 3
    assert 0.1 < np.abs(pcm).max() < 1


def test_text_is_cleaned_for_speech(tmp_path: Path) -> None:
    parley("**Hello** [there](https://example.com/a/b/c)! 🎉", "-o", tmp_path / "marked.wav")
    parley("Hello there!", "-o", tmp_path / "plain.wav")
    marked, plain = (read_audio(tmp_path / f"{name}.wav")[0] for name in ("marked", "plain"))
    assert len(marked) == pytest.approx(len(plain), abs=700)


def test_a_file_as_speaker_is_written_in_time(tmp_path: Path) -> None:
    assert parley("Hello.", "--speaker", tmp_path / "played.wav", "-o", tmp_path / "made.wav") == 0
    made, rate = read_audio(tmp_path / "made.wav")
    played, played_rate = read_audio(tmp_path / "played.wav")
    assert len(played) / played_rate >= len(made) / rate
    assert np.abs(played).max() == pytest.approx(np.abs(made).max(), rel=0.1)


def test_the_engine_is_chosen_and_configured(tmp_path: Path) -> None:
    config = tmp_path / "slow.yaml"
    config.write_text("tts: {engine: espeak, speed: 80}", encoding="utf-8")
    parley("one two three", "-o", tmp_path / "usual.wav")
    parley("one two three", "-o", tmp_path / "slow.wav", "--config", config)
    parley("one two three", "-o", tmp_path / "same.wav", "--config", config, "--tts", "espeak")
    usual, slow, same = (
        len(read_audio(tmp_path / f"{name}.wav")[0]) for name in ("usual", "slow", "same")
    )
    assert slow > 1.5 * usual
    assert same == pytest.approx(slow, abs=700)


@pytest.mark.parametrize("text", ["", "  \n", "***", "🎉", "<!-- a -->"])
def test_nothing_to_say_is_an_error_and_no_file(tmp_path: Path, text: str) -> None:
    path = tmp_path / "out.wav"
    with pytest.raises((ParleyError, BaseExceptionGroup)) as raised:
        parley(text, "-o", path)
    assert "nothing to say" in str(cause(raised.value))
    assert not path.exists()


@pytest.mark.parametrize(
    ("engine", "message"),
    [("espaek", "did you mean 'espeak'"), ("command", "--tts command.*tts.command: is required")],
)
def test_an_engine_that_cannot_be_used(tmp_path: Path, engine: str, message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        parley("hi", "-o", tmp_path / "out.wav", "--tts", engine)


def test_a_file_that_cannot_be_written(tmp_path: Path) -> None:
    with pytest.raises(BaseExceptionGroup) as raised:
        parley("hi", "-o", tmp_path)
    assert isinstance(cause(raised.value), AudioError)
    assert "cannot be written" in str(cause(raised.value))


class TestStdin:
    """The command as a process."""

    def start(self, *arguments: str | Path) -> "subprocess.Popen[bytes]":
        program = "import sys; from agent.cli import main as cli; cli.COMMANDS = ('say',); "
        program += "sys.exit(cli.main())"
        return subprocess.Popen(
            [sys.executable, "-c", program, "say", "-", *map(str, arguments)],
            stdin=subprocess.PIPE,
            stderr=subprocess.PIPE,
        )

    def test_text_is_spoken(self, tmp_path: Path) -> None:
        with ended(self.start("-o", tmp_path / "out.wav")) as process:
            _, complaints = process.communicate(b"Hello there. This is it.\n", timeout=30)
        assert (process.returncode, complaints) == (0, b"")
        pcm, rate = read_audio(tmp_path / "out.wav")
        assert 1 < len(pcm) / rate < 4

    def test_what_precedes_a_wrong_byte_is_spoken(self, tmp_path: Path) -> None:
        with ended(self.start("-o", tmp_path / "out.wav")) as process:
            _, complaints = process.communicate(b"Hello there. This \xff", timeout=30)
        assert process.returncode == 1
        assert complaints.startswith(b"parley: stdin is not UTF-8 at byte 18: 0xff")
        assert complaints.count(b"\n") == 1
        pcm, rate = read_audio(tmp_path / "out.wav")
        assert len(pcm) / rate > 1


@pytest.fixture
def written(monkeypatch: pytest.MonkeyPatch) -> list[Callable[[], object]]:
    """What is done when something has been written to a file: fill in."""
    actions: list[Callable[[], object]] = []

    class Told(WavWriter):
        def write(self, pcm: ArrayLike) -> None:
            super().write(pcm)
            for action in actions:
                action()

    monkeypatch.setattr(say, "WavWriter", Told)
    return actions


@pytest.mark.anyio
async def test_text_is_spoken_while_it_is_written(
    tmp_path: Path, written: list[Callable[[], object]]
) -> None:
    heard = anyio.Event()
    written.append(heard.set)

    async def write() -> AsyncIterator[str]:
        yield "Well, let me th"
        await heard.wait()
        yield "ink."

    engine = Espeak()
    await engine.load()
    with anyio.fail_after(10):
        await say.say(write(), engine, None, tmp_path / "out.wav")
    assert len(read_audio(tmp_path / "out.wav")[0]) / 22050 > 1


def test_ctrl_c_ends_it_at_once_and_the_file_is_whole(
    tmp_path: Path,
    written: list[Callable[[], object]],
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.setattr(cli, "COMMANDS", ("say",))
    blocks = 0

    def interrupt() -> None:
        nonlocal blocks
        blocks += 1
        if blocks == 5:
            signal.raise_signal(signal.SIGINT)

    written.append(interrupt)
    assert cli.main(["say", "one two three, " * 500, "-o", str(tmp_path / "out.wav")]) == 0
    assert capsys.readouterr().err == ""
    assert blocks < 50
    pcm, rate = read_audio(tmp_path / "out.wav")
    assert 0.2 < len(pcm) / rate < 3
