"""What was measured, as a table at the end of the run."""

from collections.abc import Callable
from typing import Any

import pytest

Measured = Callable[[str, str, str], None]


@pytest.fixture
def measured(record_property: Callable[[str, object], None]) -> Measured:
    """Give the table a row: what it is, what was measured, and the bar."""

    def note(what: str, value: str, bar: str) -> None:
        record_property("measured", (what, value, bar))

    return note


def pytest_terminal_summary(terminalreporter: Any) -> None:
    """Print the rows of all tests, whichever process ran them."""
    reports = [each for some in terminalreporter.stats.values() for each in some]
    rows = sorted(
        tuple(value)
        for report in reports
        if getattr(report, "when", None) == "call"
        for name, value in report.user_properties
        if name == "measured"
    )
    if not rows:
        return
    terminalreporter.section("measured")
    for row in (("", "measured", "bar"), ("---", "---", "---"), *rows):
        terminalreporter.write_line(f"| {' | '.join(row)} |")
