"""What stands in the way of the command."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from agent.launcher import PACKAGES
from tests.paths import ROOT


@pytest.mark.parametrize(
    "file",
    [*(f"{name}/__init__.py" for name in PACKAGES), "configs.py", "agent.py"],
)
def test_a_strangers_package_is_named(tmp_path: Path, file: str) -> None:
    stranger = tmp_path / "strange" / file
    stranger.parent.mkdir(parents=True, exist_ok=True)
    stranger.touch()
    path = os.pathsep.join([str(tmp_path / "strange"), str(ROOT)])
    name, place = Path(file).parts[0], stranger if "/" not in file else stranger.parent
    detail = f"'{Path(name).stem}' is a stranger's ({place}), found before Parley's own "
    fix = f"take {tmp_path / 'strange'} off PYTHONPATH (or start programs elsewhere), or rename it"

    done = parley("config", "check", "offline", PYTHONPATH=path)
    assert (done.returncode, done.stdout) == (0, "configs/offline.yaml: ok\n")
    assert done.stderr.startswith(f"parley: {detail}")
    assert done.stderr.endswith(f": {fix}\n")
    assert done.stderr.count("\n") == 1


@pytest.mark.parametrize("file", ["agent/__init__.py", "configs.py", "stt/__init__.py"])
def test_the_doctor_tells_what_to_do_about_it(tmp_path: Path, file: str) -> None:
    stranger = tmp_path / "strange" / file
    stranger.parent.mkdir(parents=True, exist_ok=True)
    stranger.touch()
    done = parley("doctor", PYTHONPATH=os.pathsep.join([str(tmp_path / "strange"), str(ROOT)]))
    assert done.returncode == 1
    assert done.stderr == ""
    place = stranger.parent if "/" in file else stranger
    assert f"missing  parley            '{place.stem}' is a stranger's ({place})" in done.stdout
    assert f"-> take {tmp_path / 'strange'} off PYTHONPATH" in done.stdout


def test_a_package_that_is_lost_is_named(tmp_path: Path) -> None:
    (tmp_path / "agent").mkdir()
    shutil.copy(ROOT / "agent/launcher.py", tmp_path / "agent")
    # -S: nothing that is installed is found.
    done = run("-P", "-S", str(tmp_path / "agent/launcher.py"))
    assert done.returncode == 1
    told = done.stderr.splitlines()
    assert [line.split("'")[1] for line in told] == list(PACKAGES)
    assert told[0] == (
        f"parley: 'agent' is a package of Parley and not in {tmp_path}: install parley-voice again"
    )


def test_a_folder_that_is_no_package_stands_in_nobodys_way(tmp_path: Path) -> None:
    (tmp_path / "agent").mkdir()
    done = parley("--version", PYTHONPATH=os.pathsep.join([str(tmp_path), str(ROOT)]))
    assert done.stdout.startswith("parley 0."), done.stderr


def parley(*arguments: str, **environment: str) -> subprocess.CompletedProcess[str]:
    return run("-P", str(ROOT / "agent/launcher.py"), *arguments, **environment)


def run(*arguments: str, **environment: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, *arguments],
        cwd="/",
        env={**os.environ, **environment},
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )
