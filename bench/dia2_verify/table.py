"""The table `bench.dia2_verify` prints: one row for every comparison."""

import traceback
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Literal, get_args

import numpy as np
from numpy.typing import ArrayLike

Verdict = Literal["ok", "MISS", "reported", "not run"]


@dataclass(frozen=True, slots=True)
class Row:
    case: str
    what: str
    difference: str
    tolerance: str
    verdict: Verdict

    def __str__(self) -> str:
        return (
            f"{self.case:<26} {self.what:<52} {self.difference:>22} {self.tolerance:>9}  "
            f"{self.verdict}"
        )


HEADING = Row("case", "what", "largest difference", "tolerance", "ok")


def within(case: str, what: str, difference: float, tolerance: float | None) -> Row:
    """A largest difference against its tolerance; without one it is only reported."""
    shown = f"{difference:.1e}"
    if tolerance is None:
        return Row(case, what, shown, "-", "reported")
    return Row(case, what, shown, f"{tolerance:.0e}", "ok" if difference <= tolerance else "MISS")


def at_least(case: str, what: str, value: float, least: float) -> Row:
    """A ratio in dB against the least it must be."""
    verdict: Verdict = "ok" if value >= least else "MISS"
    return Row(case, what, f"{value:.1f} dB", f"{least:.0f} dB", verdict)


def at_most(case: str, what: str, wrong: int, total: int, share: float) -> Row:
    """How many of `total` items are not as recorded, against the share that may be so."""
    verdict: Verdict = "ok" if wrong <= share * total else "MISS"
    return Row(case, what, f"{wrong} of {total}", f"{share:.0%}", verdict)


def exact(case: str, what: str, wrong: int, total: int, note: str = "") -> Row:
    """How many of `total` items are not as recorded."""
    shown = f"{wrong} of {total}{note}"
    return Row(case, what, shown, "exact", "ok" if wrong == 0 else "MISS")


def same(case: str, what: str, got: ArrayLike, wanted: ArrayLike) -> Row:
    """Two arrays of whole numbers, cell by cell."""
    a, b = np.asarray(got), np.asarray(wanted)
    if a.shape != b.shape:
        return Row(case, what, f"{list(a.shape)} not {list(b.shape)}", "exact", "MISS")
    return exact(case, what, int((a != b).sum()), b.size)


def difference(got: ArrayLike, wanted: ArrayLike) -> float:
    """The largest absolute difference; infinite if shapes differ or anything is not a number."""
    a, b = np.asarray(got, np.float64), np.asarray(wanted, np.float64)
    if a.shape != b.shape:
        return float("inf")
    largest = float(np.abs(a - b).max(initial=0.0))
    return largest if np.isfinite(largest) else float("inf")


def not_run(case: str, what: str, why: str) -> Row:
    return Row(case, f"{what}: {why}", "", "", "not run")


def missed(case: str, what: str) -> Row:
    return Row(case, what, "", "", "MISS")


def summary(rows: Iterable[Row]) -> str:
    rows = list(rows)
    count = {verdict: sum(row.verdict == verdict for row in rows) for verdict in get_args(Verdict)}
    parts = [f"{count['ok']} ok", f"{count['MISS']} missed"]
    parts += [f"{count[name]} {name}" for name in ("reported", "not run") if count[name]]
    return f"{len(rows)} comparisons: {', '.join(parts)}"


def guarded(name: str, check: Callable[[], Iterator[Row]]) -> Iterator[Row]:
    """The rows of a check; what stops it is a miss."""
    try:
        yield from check()
    except Exception as error:  # noqa: BLE001 - whatever a broken recording leads to
        traceback.print_exc()
        yield missed(name, f"stopped by {type(error).__name__}: {error}")


def show(rows: Iterable[Row], folder: Path) -> int:
    """Print the table of golden data in `folder`, row by row, and give the exit status."""
    shown: list[Row] = []
    print(HEADING)
    for row in rows:
        shown.append(row)
        print(row, flush=True)
    print(summary(shown) if shown else f"no golden data in {folder}")
    return int(not shown or any(row.verdict == "MISS" for row in shown))
