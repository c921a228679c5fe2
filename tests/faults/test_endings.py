"""Whatever stdout and stderr are, and however a command ends: a clear line, no traceback."""

import subprocess
import sys
import textwrap
import wave
from pathlib import Path

import pytest

from tests.paths import ROOT

PARLEY = f"{sys.executable} -m agent.cli"
FULL = "parley: the output cannot be written: No space left on device\n"


def shell(script: str, folder: Path = ROOT) -> tuple[int, str, str]:
    """Status, stdout and stderr of a line of shell, in which `parley` is ours."""
    run = subprocess.run(
        ["bash", "-c", f'set -o pipefail; parley() {{ {PARLEY} "$@"; }}; {script}'],
        capture_output=True,
        text=True,
        cwd=folder,
        env={"PYTHONPATH": str(ROOT), "PATH": "/usr/bin:/bin", "HOME": str(folder)},
        timeout=60,
        check=False,
    )
    return run.returncode, run.stdout, run.stderr


@pytest.mark.parametrize(
    ("script", "status", "told"),
    [
        ("parley config show > /dev/full", 1, FULL),
        ("parley config schema > /dev/full", 1, FULL),
        ("parley --help > /dev/full", 1, FULL),
        ("parley --version > /dev/full", 1, FULL),
        ("parley config show >&-", 0, ""),
        ("parley config show >&- 2>&-", 0, ""),
        ("parley config check none 2>&-", 1, ""),
        ("parley config check none 2> /dev/full", 1, ""),
        ("parley config check none > /dev/full 2> /dev/full", 1, ""),
        ("parley config check none >&- 2>&- <&-", 1, ""),
        ("parley nonsense 2>&-", 2, ""),
        ("parley nonsense 2> /dev/full", 2, ""),
        ("parley config show | true", 1, ""),
        ("parley --help | true", 1, ""),
        (
            "parley say - -o out.wav <&-",
            1,
            "parley: stdin is closed: give the text as an argument or ",
        ),
        ("parley voice remove x <&-", 1, "parley: there is no voice 'x'"),
    ],
)
def test_closed_and_full_streams(tmp_path: Path, script: str, status: int, told: str) -> None:
    # A pipe that nobody reads takes what fits in it before anybody notices.
    accepted = (status, 0) if "| true" in script else (status,)
    result, out, err = shell(script, tmp_path)
    assert result in accepted
    assert err == told if told.endswith("\n") or not told else err.startswith(told)
    assert "Traceback" not in err + out
    assert "Exception ignored" not in err + out


def test_a_file_is_no_standard_stream(tmp_path: Path) -> None:
    """What is opened while stdout and stderr are closed does not get what is written to them."""
    assert shell("parley say 'Hello there.' -o out.wav >&- 2>&- <&-", tmp_path)[0] == 0
    with wave.open(str(tmp_path / "out.wav")) as file:
        assert file.getnframes() > 0.3 * file.getframerate()


@pytest.mark.realtime
def test_a_conversation_goes_on_while_stdout_is_full(tmp_path: Path) -> None:
    question = ROOT / "tests/audio/greeting.wav"
    script = f"parley talk offline --mic {question} --speaker out.wav --events events > /dev/full"
    status, _, err = shell(script, tmp_path)
    told = "parley: what happens cannot be shown here: No space left on device\n"
    assert (status, err) in ((0, told), (1, told + FULL))
    assert "assistant.done" in (tmp_path / "events").read_text()


@pytest.mark.realtime
def test_an_error_is_its_line_and_no_library_says_more(tmp_path: Path) -> None:
    """soxr's binding tells what is still there when Python has ended ("nanobind: leaked")."""
    program = """
        import sys
        from agent.cli.main import main
        from agent.cli.view import PlainView
        from agent.events import AssistantSpeechStarted, Event

        show = PlainView.__call__

        def fail(view: PlainView, event: Event) -> None:
            if isinstance(event, AssistantSpeechStarted):
                raise ValueError("in the middle")
            show(view, event)

        PlainView.__call__ = fail
        sys.exit(main(["demo", "-o", "reply.wav"]))
    """
    (tmp_path / "program.py").write_text(textwrap.dedent(program))
    status, _, err = shell(f"{sys.executable} program.py", tmp_path)
    assert status == 1
    assert "in the middle" in err
    assert err.count("\n") == 1
