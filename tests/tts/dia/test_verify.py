"""The check of the recordings: it finds nothing wrong, and one wrong number anywhere."""

import json
import shutil
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from safetensors.numpy import load_file, save_file

from bench.dia2_verify.table import Row
from bench.dia_verify.__main__ import CHECKS, main, verify
from tests.tts.dia.models import GOLDENS

SMALL = GOLDENS / "small5"
PART = {"net": "network", "train": "training", "dac": "codec", "voice": "voice", "cut": "runs"}
"""What checks the tensors of each kind; of the takes one will do."""

TENSORS = [name for name in load_file(SMALL / "goldens.safetensors") if name.split(".")[0] in PART]
WAVES = ("dac.3", "dac.4")  # long
CASES = [name for name in TENSORS if not name.startswith(WAVES)]


@pytest.fixture(scope="module")
def rows() -> list[Row]:
    return list(verify(GOLDENS, parts=list(CHECKS), graphs=True))


def test_nothing_is_wrong(rows: list[Row]) -> None:
    assert [str(row) for row in rows if row.verdict != "ok"] == []
    assert len(rows) > 100


@pytest.fixture
def copy(tmp_path: Path) -> Iterator[Path]:
    """Of the recordings, with one take and short waves: to be damaged."""
    folder = tmp_path / "small5"
    shutil.copytree(SMALL, folder, ignore=shutil.ignore_patterns("nari", "codec.*"))
    said = json.loads((folder / "goldens.json").read_text())
    said["runs"] = {"cut": said["runs"]["cut"]}
    said["dac"] = said["dac"][:3]
    (folder / "goldens.json").write_text(json.dumps(said))
    yield folder
    shutil.rmtree(tmp_path)


@pytest.mark.parametrize("name", CASES)
def test_one_wrong_number_is_a_miss(copy: Path, name: str) -> None:
    path = copy / "goldens.safetensors"
    tensors = load_file(path)
    flat = tensors[name].reshape(-1)
    middle = flat.size // 2
    flat[middle] += 0.01 if np.issubdtype(flat.dtype, np.floating) else 1
    save_file(tensors, path)
    part = PART[name.split(".", maxsplit=1)[0]]
    if name == "voice.codes":
        part = "voice"
    assert main([str(copy.parent), "--only", part]) == 1


@pytest.mark.parametrize(
    ("key", "part"),
    [
        ("delay", "text"),
        ("eos", "text"),
        ("bos", "text"),
        ("ids", "text"),
        ("prompt_ids", "text"),
        ("texts", "text"),
        ("delay_cases", "text"),
        ("hop", "codec"),
        ("lookahead", "codec"),
        ("dac", "codec"),
        ("prompt_len", "voice"),
        ("train", "training"),
        ("runs", "runs"),
    ],
)
def test_one_wrong_figure_is_a_miss(copy: Path, key: str, part: str) -> None:
    path = copy / "goldens.json"
    said = json.loads(path.read_text())
    wrong = {
        "texts": lambda: said["texts"][0]["ids"].append(1),
        "delay_cases": said["delay_cases"][1]["back"][1].reverse,
        "dac": said["dac"][2]["ready"].reverse,
        "train": lambda: said["train"].update(loss=said["train"]["loss"] + 0.001),
        "runs": lambda: said["runs"]["cut"].update(frames=9),
        "delay": said["delay"].reverse,
        "ids": said["ids"].reverse,
        "prompt_ids": said["prompt_ids"].reverse,
    }
    wrong.get(key, lambda: said.update({key: said[key] + 1}))()
    path.write_text(json.dumps(said))
    assert main([str(copy.parent), "--only", part]) == 1


def test_a_file_that_was_changed(copy: Path) -> None:
    path = copy.parent / "MANIFEST.json"
    entries = [
        {"path": str(each.relative_to(copy.parent)), "bytes": 0, "sha256": ""}
        for each in sorted(copy.rglob("*.json"))
    ]
    path.write_text(json.dumps({"files": entries}))
    assert main([str(copy.parent), "--only", "files"]) == 1


def test_no_recordings(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main([str(tmp_path)]) == 1
    assert "no golden data" in capsys.readouterr().out
