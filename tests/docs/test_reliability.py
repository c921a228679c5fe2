"""Every promise of docs/reliability.md is held by tests that are there."""

import re

import pytest

from tests.paths import ROOT

PAGE = (ROOT / "docs/reliability.md").read_text("utf-8")
ROWS = re.findall(r"^\| (?!promise|---)(.*?) \| (.*?) \|$", PAGE, re.MULTILINE)


@pytest.mark.parametrize(("promise", "held"), ROWS, ids=[promise[:40] for promise, _ in ROWS])
def test_the_tests_of_a_promise_are_there(promise: str, held: str) -> None:
    """They are written as `tests/faults/test_kind.py`, with `::test_name` where one is meant."""
    places = re.findall(r"`(tests/[\w/]+\.py)(?:::(\w+))?`", held)
    assert places, f"what holds {promise!r}?"
    for path, name in places:
        text = (ROOT / path).read_text("utf-8")
        assert re.search(rf"def {name or 'test_'}", text), f"{path} has no {name}"


def test_every_kind_of_fault_is_in_the_page() -> None:
    kinds = sorted(path.name for path in (ROOT / "tests/faults").glob("test_*.py"))
    assert [kind for kind in kinds if f"tests/faults/{kind}" not in PAGE] == []
