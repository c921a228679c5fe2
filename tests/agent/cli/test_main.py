import os
import signal
import subprocess
import sys
import textwrap
from collections.abc import Callable
from types import SimpleNamespace
from typing import Any

import pytest

from agent.cli import main as cli
from agent.errors import AudioError, ConfigError, StageError
from llm_adapters import LanguageModelError
from stt import SpeechToTextError
from tests.processes import ended
from tts import TextToSpeechError

Run = Callable[[Callable[[], object]], int]


def _command(work: Callable[[], object]) -> Any:
    """A command module that does `work`."""

    def run(_: object) -> int:
        work()
        return 0

    def add(subparsers: Any) -> None:
        subparsers.add_parser("work").set_defaults(run=run)

    return SimpleNamespace(add=add)


@pytest.fixture
def run(monkeypatch: pytest.MonkeyPatch) -> Run:
    """Runs `parley work`, a command that does what it is given."""

    def run(work: Callable[[], object], *options: str) -> int:
        monkeypatch.setattr(cli, "COMMANDS", ("work",))
        monkeypatch.setitem(sys.modules, "agent.cli.commands.work", _command(work))
        return cli.main(["work", *options])

    return run


def fail(error: BaseException) -> Callable[[], object]:
    def work() -> None:
        raise error

    return work


def stage_error(cause: Exception) -> StageError:
    error = StageError("ears", cause)
    error.__cause__ = cause
    return error


class TestErrors:
    @pytest.mark.parametrize(
        ("error", "told"),
        [
            (ConfigError("my.yaml:1: a: b\nmy.yaml:2: c: d"), "my.yaml:1: a: b\nmy.yaml:2: c: d"),
            (AudioError("no microphone"), "no microphone"),
            (SpeechToTextError("no model"), "no model"),
            (LanguageModelError("no answer"), "no answer"),
            (TextToSpeechError("no voice"), "no voice"),
            (ExceptionGroup("", [ExceptionGroup("", [AudioError("gone")])]), "gone"),
            (ExceptionGroup("", [AudioError("gone"), AudioError("gone")]), "gone"),
            (ExceptionGroup("", [AudioError("gone"), ConfigError("bad")]), "gone\nbad"),
            (stage_error(AudioError("gone")), "ears: gone"),
            (BaseExceptionGroup("", [KeyboardInterrupt(), AudioError("gone")]), "gone"),
            (OSError(36, "File name too long", "xxx"), "xxx: File name too long"),
            (stage_error(OSError(5, "Input/output error", "disk")), "disk: Input/output error"),
        ],
    )
    def test_an_error_for_people_is_its_lines(
        self, run: Run, capsys: pytest.CaptureFixture[str], error: BaseException, told: str
    ) -> None:
        assert run(fail(error)) == 1
        assert capsys.readouterr().err == textwrap.indent(told, "parley: ") + "\n"

    @pytest.mark.parametrize(
        ("error", "told"),
        [
            (ValueError("odd\nthing"), "ValueError: odd thing"),
            (AssertionError(), "AssertionError"),
            (stage_error(KeyError("x")), "StageError: ears: 'x'"),
        ],
    )
    def test_any_other_one_is_a_line_that_names_debug(
        self, run: Run, capsys: pytest.CaptureFixture[str], error: Exception, told: str
    ) -> None:
        assert run(fail(error)) == 1
        expected = f"parley: unexpected {told} (run again with --debug for the traceback)\n"
        assert capsys.readouterr().err == expected

    def test_debug_shows_the_traceback(self, capsys: pytest.CaptureFixture[str]) -> None:
        for arguments in (["--debug", "config", "check"], ["config", "check", "--debug"]):
            assert cli.main([*arguments, "no-such-file"]) == 1
            told = capsys.readouterr().err
            assert told.startswith("Traceback (most recent call last):\n")
            assert "ConfigError: no-such-file: no such file or preset" in told

    def test_without_debug_there_is_none(self, capsys: pytest.CaptureFixture[str]) -> None:
        assert cli.main(["config", "check", "no-such-file"]) == 1
        assert capsys.readouterr().err.count("\n") == 1

    def test_an_exit_is_an_exit(self, run: Run) -> None:
        with pytest.raises(SystemExit) as caught:
            run(fail(SystemExit(3)))
        assert caught.value.code == 3


class TestUsage:
    def test_alone_it_helps(self, capsys: pytest.CaptureFixture[str]) -> None:
        assert cli.main([]) == 0
        out = capsys.readouterr().out
        assert all(f"\n    {name} " in out for name in cli.COMMANDS)

    def test_version(self, capsys: pytest.CaptureFixture[str]) -> None:
        assert cli.main(["--version"]) == 0
        assert capsys.readouterr().out.startswith("parley 0.")

    def test_an_unknown_command_suggests_the_nearest(
        self, capsys: pytest.CaptureFixture[str]
    ) -> None:
        with pytest.raises(SystemExit) as caught:
            cli.main(["--debug", "cofnig", "show"])
        assert caught.value.code == 2
        told = capsys.readouterr().err
        assert told.endswith("unknown command 'cofnig', did you mean 'config'?\n")

    @pytest.mark.parametrize("name", cli.COMMANDS)
    def test_every_command_explains_itself(
        self, name: str, capsys: pytest.CaptureFixture[str]
    ) -> None:
        with pytest.raises(SystemExit) as caught:
            cli.main([name, "--help"])
        assert caught.value.code == 0
        assert f"parley {name}" in capsys.readouterr().out


CONVERSATION = """
import sys
from types import SimpleNamespace

import anyio

from agent.cli import main as cli

async def talk():
    try:
        print("ready", flush=True)
        await anyio.sleep_forever()
    finally:
        with anyio.CancelScope(shield=True):
            await anyio.lowlevel.checkpoint()
            print("closed", flush=True)

def add(subparsers):
    subparsers.add_parser(NAME).set_defaults(run=lambda _: anyio.run(talk, backend=BACKEND))

NAME, BACKEND = sys.argv[1:]
cli.COMMANDS = (NAME,)
sys.modules[f"agent.cli.commands.{NAME}"] = SimpleNamespace(add=add)
sys.exit(cli.main([NAME]))
"""


@pytest.mark.parametrize("backend", ["asyncio", "trio"])
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
@pytest.mark.parametrize(("command", "status"), [("talk", 0), ("work", 130)])
def test_a_signal_ends_it_cleanly(
    backend: str, number: signal.Signals, command: str, status: int
) -> None:
    # As a shell does for a command in the background of a script.
    previous = signal.signal(signal.SIGINT, signal.SIG_IGN)
    try:
        process = subprocess.Popen(
            [sys.executable, "-c", CONVERSATION, command, backend],
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
    finally:
        signal.signal(signal.SIGINT, previous)
    with ended(process):
        assert process.stdout is not None
        assert process.stdout.readline() == "ready\n"
        process.send_signal(number)
        out, err = process.communicate(timeout=30)
    assert (process.returncode, out, err) == (status, "closed\n", "")


def test_signals_are_given_back(run: Run) -> None:
    before = [signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)]
    run(lambda: None)
    assert [signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)] == before


@pytest.mark.parametrize("unbuffered", ["", "1"])
def test_it_is_quiet_when_nobody_reads(unbuffered: str) -> None:
    reader, writer = os.pipe()
    os.close(reader)
    try:
        done = subprocess.run(
            [sys.executable, "-m", "agent.cli", "config", "schema"],
            stdout=writer,
            stderr=subprocess.PIPE,
            env={**os.environ, "PYTHONUNBUFFERED": unbuffered},
            check=False,
        )
    finally:
        os.close(writer)
    assert (done.returncode, done.stderr) == (1, b"")


def test_a_terminal_without_the_character_shows_another() -> None:
    done = subprocess.run(
        [sys.executable, "-m", "agent.cli", "config", "show", "/dev/stdin"],
        input="agent: {name: Zoë 🙂}".encode(),
        env={**os.environ, "PYTHONIOENCODING": "ascii"},
        capture_output=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert b"name: Zo? ?\n" in done.stdout
