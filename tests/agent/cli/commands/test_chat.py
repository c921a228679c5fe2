"""`parley chat`, by its command: through pipes, and at a terminal."""

import json
import os
import pty
import select
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from tests.llm_adapters.chat_server import serving
from tests.processes import ended

pytestmark = pytest.mark.realtime

CHAT = [sys.executable, "-m", "agent.cli", "chat"]


def piped(text: str | bytes, *arguments: str) -> subprocess.CompletedProcess[str]:
    data = text.encode() if isinstance(text, str) else text
    environment = {**os.environ, "PYTHONUTF8": "1"}
    command = [*CHAT, *arguments]
    run = subprocess.run(
        command, input=data, capture_output=True, timeout=60, env=environment, check=False
    )
    return subprocess.CompletedProcess(
        command, run.returncode, run.stdout.decode(), run.stderr.decode()
    )


def test_lines_are_turns() -> None:
    run = piped(f"my name is Anna\n\n{'x' * 30_000}\nwhat is my name", "offline")
    assert run.stdout.splitlines() == ["Nice to meet you, Anna.", "Your name is Anna."]
    assert run.stderr == "parley: line 3 is longer than 20000 characters: it was not asked\n"
    assert run.returncode == 1


def test_events_as_json(tmp_path: Path) -> None:
    """They are those of the log, and a conversation that was kept goes on."""
    config = tmp_path / "agent.yaml"
    config.write_text(f"session: {{save: {tmp_path / 'kept'}}}\nagent: {{greeting: Good day.}}")
    assert piped("my name is Anna", str(config)).stdout.splitlines()[0] == "Good day."
    options = ("--resume", "last", "--events", str(tmp_path / "log"))
    run = piped("what is my name", str(config), "--json", *options)
    events = [json.loads(line) for line in run.stdout.splitlines()]
    assert [e["text"] for e in events if e["type"] == "assistant.done"][1] == "Your name is Anna."
    logged = [json.loads(line) for line in (tmp_path / "log").read_text().splitlines()]
    assert [e["type"] for e in logged] == [e["type"] for e in events]
    assert run.returncode == 0
    assert not run.stderr


def test_who_takes_over_goes_on_before_the_next_line() -> None:
    run = piped("a question about my bill\ninvoice forty two\n", "examples/reception")
    assert run.stdout.splitlines() == [
        "Good morning, what can I do for you?",
        "Accounts, good morning. Which invoice is it?",
        "I see that invoice 42 was paid on the first of May.",
    ]


def test_what_is_wrong_is_one_line() -> None:
    run = piped(b"my name is Anna\ncaf\xe9\n", "offline")
    assert run.stdout == "Nice to meet you, Anna.\n"
    assert run.stderr.count("\n") == 1
    assert "stdin is not UTF-8 at byte 19" in run.stderr
    assert run.returncode == 1


def test_a_model_that_fails(tmp_path: Path) -> None:
    with serving() as server:
        config = tmp_path / "agent.yaml"
        config.write_text(_openai(server.url, "broken"))
        run = piped("hello", str(config))
    assert run.stdout == "Sorry, something went wrong. Please try again.\n"
    assert "llm: " in run.stderr
    assert run.returncode == 1


def _openai(url: str, model: str) -> str:
    return (
        f"llm: {{adapter: openai, base_url: '{url}', model: {model}, api_key: none}}\n"
        "agent: {name: Ada}"
    )


class Terminal:
    """A terminal with `parley chat` on it."""

    def __init__(self, descriptor: int) -> None:
        self._descriptor = descriptor
        self.shown = ""

    def type(self, keys: str) -> None:
        os.write(self._descriptor, keys.encode())

    def until(self, text: str, seconds: float = 30) -> None:
        """Wait until `text` is shown, after what was waited for before."""
        end = time.monotonic() + seconds
        while text not in self.shown:
            left = end - time.monotonic()
            assert left > 0, self.shown
            if select.select([self._descriptor], [], [], left)[0]:
                self.shown += os.read(self._descriptor, 4096).decode()
        self.shown = self.shown.partition(text)[2]


@contextmanager
def terminal(*arguments: str) -> Iterator[tuple[Terminal, "subprocess.Popen[bytes]"]]:
    ours, theirs = pty.openpty()
    environment = {**os.environ, "TERM": "xterm", "COLUMNS": "80"}
    streams: Any = {"stdin": theirs, "stdout": theirs, "stderr": theirs}
    with ended(subprocess.Popen([*CHAT, *arguments], env=environment, **streams)) as process:
        os.close(theirs)
        try:
            yield Terminal(ours), process
        finally:
            process.kill()
            os.close(ours)


def test_at_a_terminal(tmp_path: Path) -> None:
    """Lines are edited, Ctrl-C stops the answer or drops the line, Ctrl-D ends."""
    with serving() as server:
        config = tmp_path / "agent.yaml"
        config.write_text(_openai(server.url, "endless"))
        with terminal(str(config)) as (screen, process):
            screen.until("> ")
            screen.type("a strory\x1b[D\x1b[D\x1b[D\b\n")
            screen.until("Once")
            process.send_signal(signal.SIGINT)
            screen.until("(stopped)")
            screen.until("> ")
            asked = [x.body["messages"][-1]["content"] for x in server.exchanges]
            assert "a story" in asked  # beside the warm-up, which may come later
            screen.type("no, wait")
            screen.until("wait")
            process.send_signal(signal.SIGINT)
            screen.until("> ")
            screen.type("\x1b[A")  # the line before
            screen.until("a story")
            screen.type("\x15\x04")
            assert process.wait(20) == 0
    assert len([x for x in server.exchanges if x.body.get("max_tokens") != 1]) == 1


def test_what_comes_while_one_types_stands_above_the_line(tmp_path: Path) -> None:
    config = tmp_path / "agent.yaml"
    config.write_text(
        "tools: [timer]\nagent: {name: Ada}\nllm:\n  adapter: eliza\n  rules:\n"
        "    - {hears: timer, calls: timer, says: It runs.,\n"
        "       arguments: {seconds: 1, announcement: Tea is ready.}}\n"
    )
    with terminal(str(config)) as (screen, process):
        screen.until("> ")
        screen.type("timer\n")
        screen.until("It runs.")
        screen.until("> ")
        screen.type("my name is Ana\x1b[D")
        screen.until("Tea is ready.")
        screen.until("> my name is Ana")  # the line again, below
        screen.type("n\n")
        screen.until("Nice to meet you, Anna.")
        screen.until("> ")
        screen.type("\x04")
        assert process.wait(20) == 0
