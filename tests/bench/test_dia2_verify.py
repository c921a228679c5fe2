"""Tests of the verifier: it passes on what was recorded, and on nothing else."""

import json
import shutil
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import load_file, save_file
from torch import Tensor

from bench.dia2_verify.__main__ import main, verify
from bench.dia2_verify.table import Row
from tests.paths import GOLDENS

Rows = list[Row]


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """The shortest recordings only."""
    a32 = tmp_path / "a32"
    a32.mkdir()
    names = ["config.json", "info.json", "model.safetensors", "net.safetensors"]
    names += ["trace_empty.json", "trace_empty.safetensors", "stream_parse.json"]
    for name in names:
        shutil.copy(GOLDENS / "a32" / name, a32)
    shutil.copytree(GOLDENS / "a32/tokenizer", a32 / "tokenizer")
    for name in ("cfg_sampler.json", "cfg_sampler.safetensors"):
        shutil.copy(GOLDENS / name, tmp_path)
    return tmp_path


def change(path: Path, name: str, edit: Callable[[Tensor], object]) -> None:
    tensors = load_file(path)
    edit(tensors[name])
    save_file(tensors, path)


def missed(rows: Rows) -> set[tuple[str, str]]:
    return {(row.case, row.what) for row in rows if row.verdict == "MISS"}


@pytest.mark.long
def test_every_golden_here() -> None:
    rows = list(verify(GOLDENS, parts=("text", "network", "runs", "mimi")))
    assert missed(rows) == set()
    run = {row.case for row in rows if row.what.endswith("in fragments: grid")}
    assert run == {f"a32/{n}" for n in ("breaks", "empty", "maxctx", "nocfg", "prefix1_include")}


@pytest.mark.long
def test_bfloat16_is_near_and_streams_exactly(folder: Path) -> None:
    rows = list(verify(folder, dtype=torch.bfloat16, parts=("network", "runs")))
    assert missed(rows) == set()
    assert "hidden states" in {row.what for row in rows if row.verdict == "reported"}
    assert "tokens drawn otherwise" in {row.what for row in rows if row.verdict == "ok"}
    assert ("a32/empty", "in fragments: own draws") in {(row.case, row.what) for row in rows}


@pytest.mark.parametrize(
    ("name", "where", "part", "what"),
    [
        ("cb0_logits", (11, 0, 5), "network", ("a32/net", "codebook 0 logits")),
        ("hidden", (40, 1, 3), "network", ("a32/net", "hidden states")),
        ("dep_logits", (3, 30, 1, 2), "network", ("a32/net", "depth transformer: dep_logits")),
        ("layer_out", (47, 2, 0, 9), "network", ("a32/net", "layers, step by step")),
    ],
)
def test_one_number_of_the_network(
    folder: Path, name: str, where: tuple[int, ...], part: str, what: tuple[str, str]
) -> None:
    def nudge(tensor: Tensor) -> None:
        tensor[where] += 0.001

    change(folder / "a32/net.safetensors", name, nudge)
    assert what in missed(list(verify(folder, parts=(part,))))


@pytest.mark.parametrize(
    ("name", "where", "what"),
    [
        ("drawn", (7, 4), "tokens drawn"),
        ("grid", (4, 20), "offline: grid"),
        ("audio_tokens", (31, 2), "offline: frames as they came"),
        ("aligned", (31, 2), "grid without its delays"),
        ("tokens_in", (9, 0, 0), "offline: tokens fed"),
        ("machine_second", (2,), "offline: text shown"),
    ],
)
@pytest.mark.long
def test_one_token_of_a_generation(
    folder: Path, name: str, where: tuple[int, ...], what: str
) -> None:
    def other(tensor: Tensor) -> None:
        tensor[where] = (tensor[where] + 1) % 64

    change(folder / "a32/trace_empty.safetensors", name, other)
    assert ("a32/empty", what) in missed(list(verify(folder, parts=("runs",))))


@pytest.mark.long
def test_a_probability_of_a_generation(tmp_path: Path) -> None:
    (tmp_path / "a32").mkdir()
    for name in ("config.json", "info.json", "model.safetensors"):
        shutil.copy(GOLDENS / "a32" / name, tmp_path / "a32")
    for name in ("trace_nocfg.json", "trace_nocfg.safetensors"):
        shutil.copy(GOLDENS / "a32" / name, tmp_path / "a32")

    def nudge(tensor: Tensor) -> None:
        tensor[20, 9] += 0.001

    change(tmp_path / "a32/trace_nocfg.safetensors", "p_drawn", nudge)
    rows = list(verify(tmp_path, parts=("runs",)))
    assert missed(rows) == {("a32/nocfg", "probability of each token")}
    assert {"entry by entry: grid"} <= {row.what for row in rows}  # no tokenizer there


@pytest.mark.parametrize(
    ("name", "where", "by", "what"),
    [
        ("dec_c_raw", (700,), 0.001, "waveform: samples"),
        ("enc_b_codes", (2, 3), 1, "codes"),
    ],
)
def test_one_sample_or_code_of_the_codec(
    tmp_path: Path, name: str, where: tuple[int, ...], by: float, what: str
) -> None:
    shutil.copytree(GOLDENS / "c6", tmp_path / "c6")

    def nudge(tensor: Tensor) -> None:
        assert tensor[where].abs() < 1 or by == 1
        tensor[where] += by

    change(tmp_path / "c6/mimi_codec.safetensors", name, nudge)
    wrong = missed(list(verify(tmp_path, parts=("mimi",))))
    assert what in {found for _, found in wrong}


def test_one_logit_of_the_sampler(folder: Path) -> None:
    change(folder / "cfg_sampler.safetensors", "smp60_probs", lambda p: p.add_(1e-5))
    rows = list(verify(folder, parts=("sampling",)))
    assert missed(rows) == {("cfg_sampler", "distributions (total variation)")}


@pytest.mark.parametrize(
    ("edit", "what"),
    [
        (lambda j: j["machine"][9].update(budget=5), "state machine: calls, end, words"),
        (lambda j: j.update(end_step=3), "state machine: calls, end, words"),
        (lambda j: j["transcript"].append(["word", 3]), "state machine: calls, end, words"),
    ],
)
def test_the_state_machine_s_record(
    folder: Path, edit: Callable[[dict[str, Any]], object], what: str
) -> None:
    path = folder / "a32/trace_empty.json"
    record = json.loads(path.read_text())
    edit(record)
    path.write_text(json.dumps(record))
    assert ("a32/empty", what) in missed(list(verify(folder, parts=("text",))))


def test_a_broken_file_is_a_miss(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = folder / "a32/net.safetensors"
    path.write_bytes(path.read_bytes()[:1000])
    assert main([str(folder), "--only", "network", "sampling"]) == 1
    out = capsys.readouterr().out
    assert "network                    stopped by SafetensorError" in out
    assert "9 comparisons: 8 ok, 1 missed" not in out
    assert "1 missed" in out


def test_the_table(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main([str(folder), "--only", "sampling"]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert lines[0].split("  ")[0] == "case"
    assert lines[1].split() == [
        "cfg_sampler",
        "guidance",
        "filter",
        *["0", "of", "32"],
        "exact",
        "ok",
    ]
    assert lines[-1] == "5 comparisons: 5 ok, 0 missed"


def test_an_empty_folder_is_no_success(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main([str(tmp_path)]) == 1
    assert f"no golden data in {tmp_path}" in capsys.readouterr().out
    with pytest.raises(SystemExit, match="2"):
        main([str(tmp_path / "nowhere")])
    assert f"there is no folder {tmp_path / 'nowhere'}" in capsys.readouterr().err


def test_without_tokenizers_it_says_what_was_not_run(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "tokenizers", None)
    rows = list(verify(folder, parts=("text", "runs")))
    assert missed(rows) == set()
    assert [row.case for row in rows if row.verdict == "not run"] == ["a32/stream_parse.json"]
    assert "entry by entry: grid" in {row.what for row in rows}
