"""Every bench runs, at its smallest: its command ends well and prints its rows, with numbers."""

import math
import os
import re
import subprocess
import sys

import pytest

from tests.paths import ROOT

pytestmark = pytest.mark.long

GOLDENS = "tests/tts/dia2/goldens"
DIA_GOLDENS = "tests/tts/dia/goldens"

SMALLEST: dict[str, tuple[str, tuple[str, ...]]] = {
    "dac": ("--frames 16 --threads 1", ("decode,  1 frames a push", "encode one second")),
    "dia": (
        "--size tiny --rounds 1 --steps 3",
        ("threads, load", "step: Parley (int8)", "host:", "load: weights"),
    ),
    "dia2": (
        "--model tiny --frames 5 --slow-frames 5 --graphs --int8 --baseline",
        ("graphs float32", "fast float32", "int8", "plain float32", "published float32", "Mimi,"),
    ),
    "dia2_first": (
        "--model tiny --times 2 --voice 1",
        ("third word to first sound", "of voice: in blocks", "step by step", "the published way"),
    ),
    "dia2_gpu": (
        "--rehearse --only soak",
        ("64 slots join and leave", "a step takes"),
    ),
    "dia2_kernels": ("--model 1b", ("a frame:", "floor on an H200")),
    "dia2_load": ("--size tiny", ("loaded in", "first frame after", "peak")),
    "dia2_loop": ("--replies 1", ("loading", "speaking", "interrupted", "listening to turns")),
    "dia2_soak": ("--minutes 0.02 --slots 4", ("steps=", "ended=", "a step takes")),
    "dia2_turns": (
        "--size tiny --turns 2 --times 1",
        ("nothing", "all but the last turn", "all of it", "there was none", "a frame takes"),
    ),
    "dia2_verify": (f"{GOLDENS} --only sampling", ("guidance filter", "0 missed")),
    "dia_verify": (f"{DIA_GOLDENS} --only text", ("texts to bytes", "0 missed")),
    "duplex": ("--sets turn --items 1", ("response p50", "context as played")),
    "echo": ("--minutes 0.2 --rooms -12", ("-12 dB",)),
    "idle": ("--seconds 1 --only asleep", ("asleep",)),
    "llm": (
        "--replies 1 --tokens 20",
        ("sent until read, adapter", "time to read, bare client", "added by the adapter, p50"),
    ),
    "loop": (
        "--turns 5",
        ("token → TTS", "chunk → sink", "interrupt → fade", "loop held, wall"),
    ),
    "mimi": (
        "--tiny --frames 4",
        ("decode, one frame at a time", "decode, plain convolutions", "ratio", "ten seconds"),
    ),
    "server": (
        "--conversations 2 --turns 1 --idle 2 --cycles 3",
        ("added by the server", "loop held, p99", "audio gaps", "memory of an idle session"),
    ),
    "soak": (
        "--turns 40 --conversation 20",
        ("│ 20", "│ 40", "faults:", "flat: memory"),
    ),
    "stt": ("--sizes tiny --seconds 1 --runs 1", ("tiny",)),
    "turn_end": ("--items 1", ("words, flite",)),
    "wake": (
        "--hours 0.01 --calls 4 --engine pocketsphinx",
        ("near words", "false wakes in all"),
    ),
    "voices": ('{"engine":"espeak"} --rounds 1', ("espeak",)),
    "stt_live": ("--sizes tiny --turns 1 --utterances 5", ("tiny", "memory in MB")),
}
"""What makes each bench smallest, and what its rows begin with."""

SPEED = {"llm"}
"""Those whose exit status says whether a bar was reached, which a busy machine may not."""


def benches() -> set[str]:
    """All commands of the folder."""
    folder = ROOT / "bench"
    modules = {path.stem for path in folder.glob("*.py") if "__main__" in path.read_text()}
    return modules | {path.parent.name for path in folder.glob("*/__main__.py")}


def test_none_is_forgotten() -> None:
    """Neither here nor in the page that says what there is."""
    assert set(SMALLEST) == benches()
    page = (ROOT / "bench/README.md").read_text(encoding="utf-8")
    assert {name for name in benches() if f"`python -m bench.{name}" not in page} == set()


@pytest.mark.parametrize("name", sorted(SMALLEST))
def test_a_bench(name: str) -> None:
    options, wanted = SMALLEST[name]
    done = subprocess.run(
        [sys.executable, "-m", f"bench.{name}", *options.split()],
        cwd=ROOT,
        env={**os.environ, "COLUMNS": "160"},
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )
    assert done.returncode in ((0, 1) if name in SPEED else (0,)), done.stderr
    for row in wanted:
        found = [line for line in done.stdout.splitlines() if row in line]
        assert found, f"no row {row!r} in:\n{done.stdout}"
        for line in found:
            numbers = re.findall(r"[-+−]?\b(?:\d+(?:\.\d+)?|nan|inf)\b", line.replace(row, "", 1))
            assert numbers, f"no number in {line!r}"
            assert all(math.isfinite(float(number.replace("−", "-"))) for number in numbers), line
