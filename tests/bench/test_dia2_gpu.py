"""Tests of the command that measures everything on a GPU, on a machine without one."""

import subprocess
import sys
from pathlib import Path

import pytest

from bench.dia2_gpu import ROWS, Outcome, Row, judged, measure, table
from tests import tiny_dia2
from tests.paths import GOLDENS

ABSENT = ("pydantic", "anyio", "huggingface_hub", "tokenizers", "rich", "onnxruntime", "numba")
MODULES = (
    "bench.dia2",
    "bench.dia2_first",
    "bench.dia2_load",
    "bench.dia2_soak",
    "bench.dia2_gpu",
    "bench.dia2_verify.__main__",
    "tts.dia2.generate",
    "tts.dia2.serving.prepare",
    "tests.tiny_dia2",
)


BARE = f"""
import sys
for name in {ABSENT}:
    sys.modules[name] = None
"""


@pytest.mark.long
def test_torch_numpy_and_safetensors_are_enough() -> None:
    """To import all of it, and to speak."""
    code = f"""{BARE}
from importlib import import_module
for name in {MODULES}:
    import_module(name)
import torch
from bench.dia2_bundle import make_bundle, voice
from bench.dia2_first import first_audio
from tts.dia2.network.sampling import Sampling
from tts.dia2.serving.scheduler import Scheduler
from tts.dia2.serving.utterance import VoiceSettings
torch.set_num_threads(1)
bundle = make_bundle("tiny", torch.device("cpu"), torch.float32)
scheduler, voice_settings = Scheduler(bundle), VoiceSettings(Sampling(), seed=1)
prefilled = scheduler.prefill(voice(bundle, 3), voice_settings)
assert first_audio(bundle, scheduler, voice_settings, prefilled) > 0
"""
    run(code)


@pytest.mark.long
def test_they_are_enough_to_load_and_verify(tmp_path: Path) -> None:
    model = tiny_dia2.make(tmp_path, codebooks=32)
    run(f"""{BARE}
from bench import dia2_load
from bench.dia2_verify.__main__ import main
assert dia2_load.load({str(model)!r}, "cpu")["first"] > 0
assert main([{str(GOLDENS)!r}, "--only", "network", "mimi"]) == 0
""")


def run(code: str) -> None:
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr


def outcome(**found: object) -> Outcome:
    return Outcome("x", None, "", 1.0, "", found)


def test_bars() -> None:
    most = Row("x", "x", (), lambda found: found["ms"], 6, 2.5)
    assert [judged(most, outcome(ms=ms)).verdict for ms in (6.1, 6, 2.5)] == [
        "MISS",
        "pass",
        "moonshot",
    ]
    least = Row("x", "x", (), lambda found: found["ms"], 20, most=False)
    assert [judged(least, outcome(ms=ms)).verdict for ms in (19, 20)] == ["MISS", "pass"]


def test_what_the_rows_read() -> None:
    rows = [
        {"what": "graphs bfloat16", "median": 5.0, "p99": 7.0},
        {"what": "fast bfloat16", "median": 50.0, "p99": 70.0},
    ]
    found = {"rows": rows, "mimi": 0.5, "first": 3.0, "published": 4.0, "blocks": 0.1}
    values = {row.name: judged(row, outcome(**found, status=0)).value for row in ROWS}
    assert values == {
        **{"2b": 5.0, "1b": 5.0, "16": 5.0, "64": 7.0, "128": 7.0},
        **{"mimi": 0.5, "first": 3.0, "voice": 40.0, "load": 3.0},
        **{"float32": 0.0, "bfloat16": 0.0, "soak": 0.0},
    }


def test_a_command_that_fails_takes_no_other_with_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    ran: list[list[str]] = []

    def run(command: list[str], **_: object) -> subprocess.CompletedProcess[str]:
        ran.append(command)
        fails = "1b" in command
        if not fails:
            Path(command[-1]).write_text('{"first": 50, "published": 3, "blocks": 0.1}')
        return subprocess.CompletedProcess(command, int(fails), stdout="told")

    monkeypatch.setattr("subprocess.run", run)
    rows = [row for row in ROWS if row.name in ("1b", "first", "voice")]
    known: dict[tuple[str, ...], Outcome] = {}
    given = {"device": "cuda", "frames": "300", "goldens": "g"}
    outcomes = [measure(row, tmp_path, known, **given) for row in rows]
    assert [each.verdict for each in outcomes] == ["FAILED", "pass", "pass"]
    assert len(ran) == 2  # two rows of one command
    lines = table(rows, outcomes).splitlines()
    assert lines[1].endswith("FAILED")
    assert lines[2].split() == [*rows[1].what.split(), "50.00", "≤", "60", "30", "0", "s", "pass"]
