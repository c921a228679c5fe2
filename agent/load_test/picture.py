"""A load test as a picture: how long users waited, and when."""

from pathlib import Path
from typing import Any

import numpy as np

from agent.errors import ParleyError
from agent.load_test.figures import Figures
from agent.load_test.run import LoadTest
from tts.extras import NAME, pip_install

_ANSWERED, _SILENCED, _FAILED = "#2563eb", "#d97706", "#dc2626"


def can_draw() -> None:
    """Raise ParleyError when matplotlib is missing: before the test, not after it."""
    try:
        import matplotlib  # noqa: F401  (only to tell whether it is there)
    except ImportError:
        install = pip_install(f"{NAME}[bench]")
        raise ParleyError(f"a picture needs matplotlib: {install}") from None


def draw(test: LoadTest, path: Path) -> None:
    """Write it as a PNG. Raises OSError, which names the file."""
    # Not pyplot, which keeps every figure and looks for a screen.
    from matplotlib.figure import Figure

    figures = Figures(test)
    figure: Any = Figure(figsize=(11, 4.5), layout="constrained")
    when, share = figure.subplots(1, 2, width_ratios=(3, 2))
    for name, color, times, points in (
        ("speech end → first audio", _ANSWERED, figures.answered, "answered"),
        ("barge-in → silence", _SILENCED, figures.silenced, "silenced"),
    ):
        turns = [turn for turn in figures.turns if getattr(turn, points) is not None]
        when.plot(
            [turn.ended - test.began for turn in turns],
            [1000 * getattr(turn, points) for turn in turns],
            ".",
            color=color,
            label=name,
        )
        milliseconds = 1000 * np.sort(times)
        ranks = 100 * np.arange(1, len(times) + 1) / max(1, len(times))
        share.step(milliseconds, ranks, where="post", color=color, label=name)
    for turn in figures.turns:
        if turn.problem:
            when.axvline(turn.ended - test.began, color=_FAILED, linewidth=0.8)
    when.set(xlabel="seconds since the test began (red: no answer)", ylabel="milliseconds", ylim=0)
    share.set(xlabel="milliseconds", ylabel="% of turns are no slower", xlim=0, ylim=(0, 100))
    when.legend()
    count = len(figures.gaps)
    figure.suptitle(
        f"{test.conversations} conversations at once: {len(figures.answered)} turns answered, "
        f"{count} gap{'' if count == 1 else 's'}, {sum(figures.failures().values())} failures"
    )
    figure.savefig(path, format="png", dpi=100)
