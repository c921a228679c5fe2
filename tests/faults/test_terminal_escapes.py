"""What comes from outside is shown on a terminal and never obeyed by it."""

import asyncio
import json
import logging
import os
import pty
import re
import sys
import traceback
from collections.abc import Callable
from pathlib import Path
from typing import Self

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agent.cli import main as cli
from agent.cli.console import SafeConsole
from agent.cli.event_log import EventLog
from agent.cli.explain import Explain
from agent.cli.output import warn
from agent.cli.streams import guarded
from agent.cli.view import LiveView, open_view
from agent.events import (
    AssistantDone,
    AssistantInterrupted,
    AssistantText,
    Decision,
    ErrorEvent,
    Event,
    TurnCommitted,
    UserBackchannel,
    UserTranscript,
    WarningEvent,
)
from agent.guards.control_characters import json_line, on_one_line, visible
from tests.faults.commands import leaf_commands

ESCAPES = {
    "title": "\x1b]0;PWNED\x07",
    "clipboard": "\x1b]52;c;UFdORUQ=\x1b\\",
    "link": "\x1b]8;;http://evil.example\x1b\\here\x1b]8;;\x1b\\",
    "clear": "\x1b[2J\x1b[H",
    "reset": "\x1bc",
    "colour": "\x1b[31mred\x1b[0m",
    "device control": "\x1bP$q m\x1b\\",
    "answer back": "\x05",
    "other characters": "\x0e\x0f",
    "backspaces": "safe\x08\x08\x08\x08evil",
    "over the line": "error\rfine",
    "delete": "a\x7fb",
    "c1 csi": "\x9b2J",
    "c1 osc": "\x9d0;PWNED\x9c",
    "next line": "a\x85b",
    "right to left": "\u202eexe.txt\u202c",
    "isolate": "\u2066abc\u2069",
    "line separator": "a\u2028b\u2029c",
    "half an emoji": "\ud83d",
    "vertical tab": "a\x0bb\x0cc",
}
OBEYED = re.compile(r"[\0-\x08\x0b-\x1f\x7f-\x9f\u2028-\u202e\u2066-\u2069]")
DRAWING = re.compile(r"\x1b\[[\d;]*m|\x1b\[\d*[AG]|\x1b\[2K|\x1b\[\?25[lh]|\r")
"""What rich sends for styles and for its live view."""

each_escape = pytest.mark.parametrize("escape", ESCAPES.values(), ids=ESCAPES.keys())


class Terminal:
    """A pseudo-terminal that is stdout and stderr for the length of a block."""

    def __enter__(self) -> Self:
        self._master, slave = pty.openpty()
        self._before = sys.stdout, sys.stderr
        sys.stdout = sys.stderr = os.fdopen(slave, "w", encoding="utf-8", errors="replace")
        return self

    def __exit__(self, *_: object) -> None:
        sys.stdout.close()
        sys.stdout, sys.stderr = self._before
        os.close(self._master)

    def received(self) -> str:
        """All that it was sent since it was asked last."""
        sys.stdout.flush()
        os.set_blocking(self._master, False)
        data = b""
        while True:
            try:
                data += os.read(self._master, 65536)
            except OSError:
                return data.decode()


def events(text: str) -> list[Event]:
    """Text from outside wherever an event holds some."""
    return [
        UserTranscript(1, f"part {text} end", final=False),
        UserTranscript(1, f"all {text} end", final=True),
        TurnCommitted(1, f"all {text} end"),
        AssistantText(1, f"reply {text} end"),
        UserBackchannel(2, f"mm {text} hm"),
        AssistantInterrupted(1, f"heard {text} end", f"unheard {text} end"),
        AssistantDone(1, f"reply {text} end"),
        WarningEvent("llm", "x", f"warning {text} end"),
        ErrorEvent("llm", "x", f"error {text} end", recovered=True),
        Decision(1, "wait", f"because {text} end"),
    ]


@each_escape
def test_the_live_view_shows_it(monkeypatch: pytest.MonkeyPatch, escape: str) -> None:
    monkeypatch.setenv("TERM", "xterm-256color")

    async def converse() -> None:
        with guarded():
            console = SafeConsole()
            with open_view(f"agent {escape}", console) as view:
                explain = Explain(console)
                for event in events(escape):
                    view(event)
                    explain(event)
                    warn(f"in passing {escape}")
                    assert isinstance(view, LiveView)
                    view.refresh()

    with Terminal() as terminal:
        asyncio.run(converse())
        received = terminal.received()
    assert "\x1b[?25l" in received, "it is a live view"
    assert OBEYED.search(DRAWING.sub("", received)) is None
    assert re.search(r"all .*[␀-␡�].* end", received)
    assert "PWNED\x07" not in received
    assert "evil.example\x1b" not in received


@each_escape
def test_plain_lines_show_it(
    capsys: pytest.CaptureFixture[str], escape: str, tmp_path: Path
) -> None:
    async def converse() -> None:
        with guarded(), open_view("agent") as view, EventLog(tmp_path / "log") as log:
            for event in events(escape):
                view(event)
                log(event)

    asyncio.run(converse())
    told = capsys.readouterr().out
    assert OBEYED.search(told) is None
    assert told.count("\n") == 6
    log = (tmp_path / "log").read_text("utf-8")
    assert OBEYED.search(log) is None
    assert json.loads(log.splitlines()[0])["text"] == f"part {escape} end", "it is kept as it was"


@each_escape
def test_history_shows_it(tmp_path: Path, escape: str) -> None:
    time = "2026-01-01T00:00:00+00:00"
    entries = [
        {"time": time, "type": "user", "text": f"say {escape} end"},
        {"time": time, "type": "assistant", "text": f"reply {escape} end"},
        {"time": time, "type": "tool", "name": escape, "arguments": escape, "text": escape},
        {"time": time, "type": f"odd {escape}", "text": escape},
    ]
    lines = "".join(json.dumps(entry) + "\n" for entry in entries)
    (tmp_path / "2026-01-01-000000.jsonl").write_text(lines)
    with Terminal() as terminal:
        for arguments in ([], ["last"], [f"no{escape}"]):
            cli.main(["history", "--dir", str(tmp_path), *arguments])
            told = terminal.received().replace("\r\n", "\n")
            assert OBEYED.search(told) is None
            assert re.search("[␀-␡�]", told)


def arguments(command: str, text: str) -> list[str]:
    """Arguments for each command that hold `text`, and end it soon."""
    return {
        "talk": [text],
        "chat": [text],
        "run": [text],
        "test": [text, text],
        "install-service": [text],
        "ctl": [text],
        "say": ["--config", text, text],
        "transcribe": [f"no {text}.wav"],
        "history": ["--dir", ".", text],
        "voice new": [text, "--keep", "1"],
        "voice add": [text, f"no {text}.wav", "--consent"],
        "voice list": [text],
        "voice play": [text],
        "voice remove": [text, "--yes"],
        "demo": [text],
        "devices": [text],
        "doctor": [text],
        "serve": [text],
        "bench-server": [text],
        "satellite": [text],
        "setup": ["--yes", "--language", text],
        "config show": [text],
        "config check": [text],
        "config schema": [text],
    }[command]


@each_escape
@pytest.mark.parametrize("command", leaf_commands())
def test_every_command_shows_it(
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
    tmp_path: Path,
    command: str,
    escape: str,
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("XDG_DATA_HOME", str(tmp_path))
    if command == "doctor":  # which looks at the machine and takes long
        monkeypatch.setattr("agent.doctor.checks.OF_MACHINE", ())
    escape = escape.replace("\ud83d", "\udc9f")  # what Python makes of a byte that is no UTF-8
    try:
        status = cli.main([*command.split(), *arguments(command, escape)])
    except SystemExit as ended:
        status = int(str(ended.code))
    told = capsys.readouterr()
    assert status != 0
    assert OBEYED.search(told.out + told.err) is None
    assert "unexpected" not in told.err


WRITERS: dict[str, Callable[[str], object]] = {
    "print": print,
    "error": lambda text: print(text, file=sys.stderr),
    "many": lambda text: sys.stdout.writelines([text, text]),
    "traceback": lambda text: traceback.print_exception(ValueError(text)),
    "logging": lambda text: logging.StreamHandler(sys.stderr).handle(
        logging.makeLogRecord({"msg": text})
    ),
}


@each_escape
@pytest.mark.parametrize("write", WRITERS.values(), ids=WRITERS.keys())
def test_whoever_writes_it_it_is_shown(
    capsys: pytest.CaptureFixture[str], escape: str, write: Callable[[str], object]
) -> None:
    with guarded():
        write(f"see {escape}")
    told = capsys.readouterr()
    assert OBEYED.search(told.out + told.err) is None
    assert "see " in told.out + told.err


def test_a_progress_bar_of_a_library_still_moves(capsys: pytest.CaptureFixture[str]) -> None:
    with guarded():
        for part in ("\r 50% a\x1b]0;b", "\n\x1b[A", "\r100%"):
            sys.stderr.write(part)
        print("\r no \x1b[A")
    told = capsys.readouterr()
    assert told.err == "\r 50% a␛]0;b\n\x1b[A\r100%"
    assert told.out == "␍ no ␛[A\n"


def test_rich_markup_is_text(capsys: pytest.CaptureFixture[str]) -> None:
    SafeConsole().print("[bold]not[/bold] [link=http://evil.example]a link[/link]")
    assert capsys.readouterr().out.startswith("[bold]not[/bold] [link=")


@given(st.text())
def test_what_is_visible_is_as_long_and_stays(text: str) -> None:
    shown = visible(text)
    assert len(shown) == len(text)
    assert visible(shown) == shown
    assert OBEYED.search(shown) is None
    assert "\n" not in on_one_line(text)
    shown.encode()


@given(st.text(st.characters()))
def test_json_reads_the_same(text: str) -> None:
    line = json_line({"text": text})
    assert OBEYED.search(line) is None
    assert json.loads(line) == {"text": text}


def test_words_of_every_language_are_left_alone() -> None:
    for text in ("naïve café", "日本語\tと\nemoji 👩‍👩‍👧 🇩🇪", "שלום \u200fעולם", "नमस्ते", "\ufeff"):
        assert visible(text) == text
