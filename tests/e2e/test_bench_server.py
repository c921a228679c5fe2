"""`parley bench-server` with the real `parley serve` and the engines that come along."""

import os
import re
import signal
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.paths import ROOT
from tests.processes import ended

KEY = "sk-a-key-of-the-tests"
PARLEY = (sys.executable, "-m", "agent.cli")
ENVIRONMENT = {**os.environ, "COLUMNS": "120", "PARLEY_API_KEY": KEY}


@dataclass
class Serve:
    address: str
    process: subprocess.Popen[str]

    def bench(self, *options: str) -> subprocess.Popen[str]:
        return subprocess.Popen(
            [*PARLEY, "bench-server", self.address, *options],
            cwd=ROOT,
            env=ENVIRONMENT,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )


@pytest.fixture
def serve() -> Iterator[Serve]:
    command = [*PARLEY, "serve", "offline", "--port", "0"]
    pipe = subprocess.PIPE
    with (
        subprocess.Popen(
            command, cwd=ROOT, env=ENVIRONMENT, stdout=pipe, stderr=pipe, text=True
        ) as process,
        ended(process),
    ):
        assert process.stdout is not None
        page = next(line for line in process.stdout if line.startswith("page"))
        assert any(line.startswith("ready") for line in process.stdout)
        yield Serve(page.split()[1], process)
        process.terminate()


def test_conversations(serve: Serve, tmp_path: Path) -> None:
    """The figures are those of what was answered: all, where the machine is not too busy."""
    picture = tmp_path / "test.png"
    options = ("--conversations", "2", "--turns", "3", "--picture", str(picture))
    with ended(serve.bench(*options)) as bench:
        out, error = bench.communicate(timeout=120)
    assert error == ""
    rows = {row[1].strip(): [*map(str.strip, row[2:-1])] for row in _rows(out)}
    count, p50, p90, p99, worst = rows["speech end → first audio"]
    assert 1 <= int(count) <= 6
    assert bench.returncode == (0 if count == "6" else 1)
    assert 0 < int(p50) <= int(p90) <= int(p99) <= int(worst)
    assert int(rows["sent late by this computer"][0]) > 500
    assert f"2 of 2 conversations to their end, {count} of 6 turns answered" in out
    told = re.search(r"server +([\d.]+) cores, ([\d.]+) % of one a conversation", out)
    assert told is not None
    assert float(told[2]) > 0
    assert picture.read_bytes().startswith(b"\x89PNG")


def test_cut_off(serve: Serve) -> None:
    """Ctrl-C gives what there is."""
    with ended(serve.bench("--conversations", "1", "--turns", "1000")) as bench:
        assert serve.process.stderr is not None
        assert any("assistant.done" in line for line in serve.process.stderr)
        bench.send_signal(signal.SIGINT)
        out, error = bench.communicate(timeout=60)
    assert (bench.returncode, error) == (130, "")
    assert re.search(r"0 of 1 conversations to their end, [12] of 1000 turns answered", out), out


def _rows(out: str) -> list[list[str]]:
    return [line.split("│") for line in out.splitlines() if line.startswith("│")]
