"""CUDA libraries in pip's folders are loaded before anybody asks for them by name."""

import shutil
import subprocess
import sys
from pathlib import Path

import ctranslate2
import pytest

from stt.whisper.cuda_libraries import preload
from tests.paths import ROOT


@pytest.fixture
def wheels(tmp_path: Path) -> Path:
    """A site-packages folder with libraries and a broken one, as NVIDIA's wheels lie there."""
    library = next(Path(ctranslate2.__file__).parents[1].glob("ctranslate2.libs/libgomp*"))
    for package, name in [("cublas", "libcublas.so.12"), ("cudnn", "libcudnn.so.9")]:
        folder = tmp_path / "nvidia" / package / "lib"
        folder.mkdir(parents=True)
        shutil.copy(library, folder / name)
        (folder / "notes.txt").write_text("no library")
    shutil.copy(library, tmp_path / "nvidia" / "cublas" / "lib" / "libnvblas.so.12")
    (tmp_path / "nvidia" / "cudnn" / "lib" / "libcudnn_broken.so.9").write_text("nonsense")
    return tmp_path


def test_those_that_are_needed_are_loaded_and_a_broken_one_is_left(wheels: Path) -> None:
    found = subprocess.run(
        [
            sys.executable,
            "-c",
            f"import sys; sys.path.append({str(wheels)!r})\n"
            "from stt.whisper.cuda_libraries import preload\n"
            "print(preload(), open('/proc/self/maps').read())",
        ],
        capture_output=True,
        text=True,
        check=True,
        cwd=ROOT,
    ).stdout
    assert found.startswith("['libcublas.so.12', 'libcudnn.so.9']")
    assert str(wheels / "nvidia/cublas/lib/libcublas.so.12") in found


def test_without_them_nothing_happens(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(sys, "path", [str(tmp_path)])
    assert preload() == []
