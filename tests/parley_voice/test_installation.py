"""What installs what is missing, and what stands in the way of the command."""

import os
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

import parley_voice
from parley_voice import pip_install
from tests.paths import ROOT


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
    monkeypatch.setattr(parley_voice, "_HOME", tmp_path)
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
    monkeypatch.setattr(parley_voice, "find_spec", lambda _: None)
    python = pip.with_name("python")
    assert pip_install("openai") == f"uv pip install --python {python} openai"


def test_windows_quotes_with_two(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(parley_voice, "_HOME", tmp_path)
    monkeypatch.setattr(parley_voice, "_pip", lambda: "pip install")
    monkeypatch.setattr(sys, "platform", "win32")
    assert pip_install("parley-voice[dia2]", "openai") == 'pip install "parley-voice[dia2]" openai'


@pytest.mark.parametrize(
    "file",
    [*(f"{name}/__init__.py" for name in parley_voice.PACKAGES), "configs.py", "agent.py"],
)
def test_a_strangers_package_is_named(tmp_path: Path, file: str) -> None:
    stranger = tmp_path / "strange" / file
    stranger.parent.mkdir(parents=True, exist_ok=True)
    stranger.touch()
    path = os.pathsep.join([str(tmp_path / "strange"), str(ROOT)])
    name, place = Path(file).parts[0], stranger if "/" not in file else stranger.parent
    detail = f"'{Path(name).stem}' is a stranger's ({place}), found before Parley's own "
    fix = f"take {tmp_path / 'strange'} off PYTHONPATH (or start programs elsewhere), or rename it"

    done = parley("doctor", PYTHONPATH=path)
    assert done.returncode == 1
    assert done.stderr == ""
    assert f"missing  parley            {detail}" in done.stdout
    assert f"-> {fix}" in done.stdout

    done = parley("config", "check", "offline", PYTHONPATH=path)
    assert (done.returncode, done.stdout) == (0, "configs/offline.yaml: ok\n")
    assert done.stderr.startswith(f"parley: {detail}")
    assert done.stderr.endswith(f": {fix}\n")
    assert done.stderr.count("\n") == 1


def test_a_package_that_is_lost_is_named(tmp_path: Path) -> None:
    shutil.copytree(ROOT / "parley_voice", tmp_path / "parley_voice")
    # -S: nothing that is installed is found.
    done = run("-S", "-m", "parley_voice", PYTHONPATH=str(tmp_path))
    assert done.returncode == 1
    told = done.stderr.splitlines()
    assert [line.split("'")[1] for line in told] == list(parley_voice.PACKAGES)
    assert told[0].startswith(f"parley: 'agent' is a package of Parley and not in {tmp_path}: ")
    assert told[0].endswith(" parley-voice")


def test_a_folder_that_is_no_package_stands_in_nobodys_way(tmp_path: Path) -> None:
    (tmp_path / "agent").mkdir()
    done = parley("--version", PYTHONPATH=os.pathsep.join([str(tmp_path), str(ROOT)]))
    assert done.stdout.startswith("parley 0."), done.stderr


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


def parley(*arguments: str, **environment: str) -> subprocess.CompletedProcess[str]:
    return run("-m", "parley_voice", *arguments, **environment)


def run(*arguments: str, **environment: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [PYTHON, *arguments],
        cwd="/",
        env={**os.environ, **environment},
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )


PYTHON = sys.executable
