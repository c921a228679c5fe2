"""Everything about Dia2 that wants a GPU, in one command: the table of bars, and who passes.

    python -m bench.dia2_gpu [--only ROW ...] [--json FILE] [--goldens DIR] [--frames 300]

Each row is a command of its own, in a process of its own, so that one that fails takes no other
with it; `--only` picks some (they take up to two minutes each). Needs torch, numpy and safetensors
alone. `--rehearse` runs all of them on a CPU with a tiny model: only to see that they run.
"""

import argparse
import json
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

Found = Mapping[str, Any]


@dataclass(frozen=True)
class Row:
    """A line of the table, and the command that measures it."""

    name: str
    what: str
    command: tuple[str, ...]
    """The module and its arguments; {device}, {frames} and {goldens} are filled in."""
    value: Callable[[Found], float] = lambda found: float(found["status"])
    """From what the command writes as JSON."""
    bar: float = 0
    moonshot: float | None = None
    most: bool = True
    """The value is to be at most the bar; otherwise at least."""
    json: bool = True
    """Whether the command writes any; otherwise the value is its exit status."""


@dataclass(frozen=True)
class Outcome:
    """What came of a row."""

    name: str
    value: float | None
    verdict: str
    seconds: float
    output: str
    found: Found


def _graphs(what: str) -> Callable[[Found], float]:
    """Of the row of `bench.dia2` that a GPU takes."""

    def value(found: Found) -> float:
        (row,) = (each for each in found["rows"] if each["what"].startswith("graphs"))
        return float(row[what])

    return value


def _dia2(size: str, slots: int, *more: str) -> tuple[str, ...]:
    model = ("bench.dia2", "--model", size, "--device", "{device}", "--slots", str(slots))
    return (*model, "--frames", "{frames}", "--slow-frames", "20", *more)


def _of(name: str) -> Callable[[Found], float]:
    return lambda found: float(found[name])


def _faster(found: Found) -> float:
    return float(found["published"] / found["blocks"])


_FIRST = ("bench.dia2_first", "--model", "2b", "--device", "{device}")
_LOAD = ("bench.dia2_load", "--size", "2b", "--device", "{device}")
_SOAK = ("bench.dia2_soak", "--device", "{device}", "--minutes", "1")
_VERIFY = ("bench.dia2_verify", "{goldens}", "--device", "{device}")

ROWS = (
    Row("2b", "2B, one slot: ms a frame", _dia2("2b", 1, "--baseline"), _graphs("median"), 6, 2.5),
    Row("1b", "1B, one slot: ms a frame", _dia2("1b", 1), _graphs("median"), 4.5, 2),
    Row("first", "2B: third word to first sound, ms", _FIRST, _of("first"), 60, 30),
    Row("16", "2B, 16 slots: ms a frame", _dia2("2b", 16), _graphs("median"), 12, 8),
    Row("64", "2B, 64 slots: ms a frame, p99", _dia2("2b", 64), _graphs("p99"), 80),
    Row("128", "2B, 128 slots (moonshot): ms, p99", _dia2("2b", 128), _graphs("p99"), 80),
    Row("mimi", "Mimi, one slot: ms a frame", _dia2("2b", 1, "--baseline"), _of("mimi"), 1, 0.3),
    Row("voice", "2B, 10 s of voice: published way / blocks", _FIRST, _faster, 20, most=False),
    Row("load", "2B: load to first frame, s", _LOAD, _of("first"), 8, 4),
    Row("float32", "golden checks, float32", _VERIFY, json=False),
    Row("bfloat16", "golden checks, bfloat16", (*_VERIFY, "--dtype", "bfloat16"), json=False),
    Row("soak", "64 slots join and leave for a minute, tiny", _SOAK, json=False),
)


def measure(row: Row, folder: Path, known: dict[tuple[str, ...], Outcome], **given: str) -> Outcome:
    """Run a row's command, unless another row has run it."""
    command = tuple(part.format(**given) for part in row.command)
    if command in known:
        return replace(judged(row, known[command]), name=row.name, seconds=0.0)
    file = folder / f"{row.name}.json"
    wanted = ("--json", str(file)) if row.json else ()
    begun = time.monotonic()
    done = subprocess.run(
        [sys.executable, "-m", *command, *wanted],
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        check=False,
    )
    seconds = time.monotonic() - begun
    found = json.loads(file.read_text()) if file.is_file() else {"status": done.returncode}
    failed = done.returncode != 0
    outcome = Outcome(row.name, None, "FAILED" if failed else "", seconds, done.stdout, found)
    known[command] = judged(row, outcome)
    return known[command]


def judged(row: Row, outcome: Outcome) -> Outcome:
    """With the value against its bars, if the command came to its end."""
    if outcome.verdict == "FAILED":
        return outcome
    value = float(row.value(outcome.found))
    sign = 1 if row.most else -1

    def reaches(bar: float) -> bool:
        return sign * value <= sign * bar

    verdict = "pass" if reaches(row.bar) else "MISS"
    if row.moonshot is not None and reaches(row.moonshot):
        verdict = "moonshot"
    return replace(outcome, value=value, verdict=verdict)


def main() -> int:
    """Run the rows, print each command's own output and then the table; 1 unless all pass."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--only", nargs="+", choices=[row.name for row in ROWS], metavar="ROW")
    parser.add_argument("--frames", type=int, default=300, help="of each row (%(default)s)")
    parser.add_argument("--goldens", default="tests/tts/dia2/goldens")
    parser.add_argument("--device", default="cuda")
    parser.add_argument("--rehearse", action="store_true")
    parser.add_argument("--json", type=Path)
    options = parser.parse_args()
    rows = [row for row in ROWS if not options.only or row.name in options.only]
    if options.rehearse:
        options.device, options.frames = "cpu", 4
        rows = [_rehearsed(row) for row in rows]
    given = {
        "device": options.device,
        "frames": str(options.frames),
        "goldens": options.goldens,
    }
    outcomes: list[Outcome] = []
    known: dict[tuple[str, ...], Outcome] = {}
    with tempfile.TemporaryDirectory() as folder:
        for row in rows:
            outcomes.append(measure(row, Path(folder), known, **given))
            if outcomes[-1].seconds:
                print(f"--- {row.name}\n{outcomes[-1].output.strip()}\n", flush=True)
            if options.json:
                found = [asdict(each) for each in outcomes]
                options.json.write_text(json.dumps(found, indent=2) + "\n")
    print(table(rows, outcomes))
    return int(any(each.verdict not in ("pass", "moonshot") for each in outcomes))


def table(rows: list[Row], outcomes: list[Outcome]) -> str:
    """One line a row."""
    lines = [f"{'':58}{'value':>9}{'bar':>8}{'moonshot':>10}{'took':>7}"]
    for row, outcome in zip(rows, outcomes, strict=True):
        value = "" if outcome.value is None or not row.json else f"{outcome.value:.2f}"
        bar = f"{'≤' if row.most else '≥'} {row.bar:g}" if row.json else ""
        moonshot = "" if row.moonshot is None else f"{row.moonshot:g}"
        took = f"{outcome.seconds:.0f} s"
        lines.append(f"{row.what:58}{value:>9}{bar:>8}{moonshot:>10}{took:>7}  {outcome.verdict}")
    return "\n".join(lines)


def _rehearsed(row: Row) -> Row:
    """The same with what is small and quick, its graphs called."""
    sizes = {"bench.dia2_load": "mid"}
    command = [
        sizes.get(row.command[0], "tiny") if part in ("1b", "2b") else part for part in row.command
    ]
    extra = {
        "bench.dia2": ("--graphs",),
        "bench.dia2_first": ("--times", "2"),
        "bench.dia2_soak": ("--graphs", "--slots", "4"),
        "bench.dia2_verify": ("--network", "quickest", "--graphs", "--only", "network"),
    }
    if "--minutes" in command:
        command[command.index("--minutes") + 1] = "0.05"
    if "--slots" in command:
        command[command.index("--slots") + 1] = "2"
    return replace(row, command=(*command, *extra.get(command[0], ())))


if __name__ == "__main__":
    sys.exit(main())
