"""Which of two packages of one name a program finds. The command's own: see test_launcher."""

import tomllib
from collections.abc import Callable
from pathlib import Path

import pytest

from agent.launcher import PACKAGES as LAUNCHED
from agent.shadowing import HOME, PACKAGES, Stranger, strangers
from tests.paths import ROOT


@pytest.fixture
def stranger(tmp_path: Path) -> Callable[[str, str], Path]:
    """Makes an empty package in a folder."""

    def make(folder: str, name: str) -> Path:
        package = tmp_path / folder / name
        package.mkdir(parents=True)
        (package / "__init__.py").touch()
        return package

    return make


def test_who_shadows_whom(stranger: Callable[[str, str], Path]) -> None:
    before, after = stranger("before", "agent"), stranger("after", "stt")
    path = [str(folder) for folder in (before.parent, HOME, after.parent, before.parent)]
    assert strangers(path) == [
        Stranger("agent", before, first=True),
        Stranger("stt", after, first=False),
    ]
    assert "which Parley's own shadows" in strangers(path)[1].detail


def test_there_is_none_in_our_own_folder() -> None:
    assert strangers([str(HOME)]) == []


def test_the_current_folder_counts(
    stranger: Callable[[str, str], Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    package = stranger("here", "tts")
    monkeypatch.chdir(package.parent)
    assert strangers(["", str(HOME)]) == [Stranger("tts", package, first=True)]


def test_a_folder_that_is_no_package_gives_way(tmp_path: Path) -> None:
    (tmp_path / "configs").mkdir()
    (tmp_path / "configs" / "training.yaml").touch()
    assert strangers([str(tmp_path), str(HOME)]) == []


def test_all_lists_of_our_packages_agree() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))
    wheel = project["tool"]["hatch"]["build"]["targets"]["wheel"]
    assert set(PACKAGES) == set(LAUNCHED) == set(wheel["packages"])
