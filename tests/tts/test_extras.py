"""The command that installs what is missing."""

import os
import re
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.paths import ROOT
from tts import extras
from tts.extras import pip_install


@pytest.fixture(autouse=True)
def pip(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Path:
    """A Python with pip in the same folder, which is searched first."""
    for name in ("python", "pip"):
        (tmp_path / name).touch(0o755)
    monkeypatch.setattr(sys, "executable", str(tmp_path / "python"))
    monkeypatch.setenv("PATH", str(tmp_path), prepend=os.pathsep)
    return tmp_path / "pip"


def test_a_checkout_installs_itself() -> None:
    assert pip_install("parley-voice[echo]") == f"pip install --editable '{ROOT}[echo]'"
    assert pip_install("parley-voice") == f"pip install --editable {ROOT}"


def test_a_wheel_is_known_by_its_name(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(extras, "_HOME", tmp_path)
    assert pip_install("parley-voice[dia2]") == "pip install 'parley-voice[dia2]'"
    (tmp_path / "pyproject.toml").write_text('[project]\nname = "somebody-else"\n')
    assert pip_install("parley-voice[dia2]") == "pip install 'parley-voice[dia2]'"


def test_another_package() -> None:
    assert pip_install("openai") == "pip install openai"
    assert pip_install("--upgrade", "a>=1", "b") == "pip install --upgrade 'a>=1' b"


def test_the_pip_of_another_python_is_not_named(pip: Path) -> None:
    pip.unlink()
    assert pip_install("openai") == f"{pip.with_name('python')} -m pip install openai"


def test_an_environment_without_pip(pip: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(extras, "find_spec", lambda _: None)
    python = pip.with_name("python")
    assert pip_install("openai") == f"uv pip install --python {python} openai"


def test_windows_quotes_with_two(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(extras, "_HOME", tmp_path)
    monkeypatch.setattr(extras, "_pip", lambda: "pip install")
    monkeypatch.setattr(sys, "platform", "win32")
    assert pip_install("parley-voice[dia2]", "openai") == 'pip install "parley-voice[dia2]" openai'


def test_nothing_names_the_stranger_on_pypi() -> None:
    """PyPI's `parley` is not ours: neither an extra of it nor itself is ever to be installed."""
    old = re.compile(r"(?<![\w./-])parley\[|install\b[^\n#]*(?<![\w./-])parley(?=['\"`\s.,;)]|$)")
    assert old.search("pip install 'par" + "ley[echo]'")
    assert old.search("pip install par" + "ley")
    found = [
        f"{path.relative_to(ROOT)}:{number}: {line}"
        for path in texts(ROOT)
        for number, line in enumerate(path.read_text("utf-8", "ignore").splitlines(), 1)
        if old.search(line)
    ]
    assert found == []


def texts(root: Path) -> Iterator[Path]:
    """What people read of the repository: text files that are not made by a tool."""
    for path in sorted(root.iterdir()):
        if path.is_dir() and (path.name[0] != "." or path.name == ".ci"):
            yield from texts(path)
        elif path.suffix in {".py", ".md", ".toml", ".yaml", ".txt", ""} and path.is_file():
            yield path
