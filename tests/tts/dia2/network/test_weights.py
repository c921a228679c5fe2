"""Tests of loading weights: every tensor checked, nothing else ever read."""

import shutil
from collections.abc import Callable
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file, save_file
from torch import Tensor

from tests.tiny_dia2 import make
from tests.tts.dia2.networks import load_model
from tts import TextToSpeechError


@pytest.fixture(scope="module")
def checkpoint(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make(tmp_path_factory.mktemp("dia2"), codebooks=4)


@pytest.fixture
def folder(checkpoint: Path, tmp_path: Path) -> Path:
    """A copy to break."""
    for name in ("config.json", "model.safetensors"):
        shutil.copy(checkpoint / name, tmp_path)
    return tmp_path


def change(folder: Path, edit: Callable[[dict[str, Tensor]], object]) -> None:
    tensors = load_file(folder / "model.safetensors")
    edit(tensors)
    save_file(tensors, folder / "model.safetensors")


def test_parameters_are_the_file_s(folder: Path) -> None:
    model = load_model(folder)
    wanted = load_file(folder / "model.safetensors")
    parts = (("transformer", model.backbone), ("depformer", model.depformer))
    found = {f"{part}.{name}": p for part, net in parts for name, p in net.named_parameters()}
    assert found.keys() == wanted.keys()
    assert all(torch.equal(found[name], tensor) for name, tensor in wanted.items())


def test_weights_take_the_compute_type_and_norms_and_heads_stay_exact(folder: Path) -> None:
    model = load_model(folder, dtype=torch.bfloat16)
    kept = {
        name.split(".")[-2]
        for net in (model.backbone, model.depformer)
        for name, p in net.named_parameters()
        if p.dtype == torch.float32
    }
    norms = {"pre_norm", "post_norm", "q_norm", "k_norm", "norm"}
    assert kept == norms | {"action_head", "cb0_head", "0", "1", "2"}
    types = {p.dtype for p in model.backbone.parameters()}
    assert types == {torch.float32, torch.bfloat16}


def test_a_file_in_bfloat16(folder: Path) -> None:
    def halve(tensors: dict[str, Tensor]) -> None:
        tensors.update({name: tensor.bfloat16() for name, tensor in tensors.items()})

    change(folder, halve)
    model = load_model(folder)
    wanted = load_file(folder / "model.safetensors")["transformer.norm.weight"]
    assert torch.equal(model.backbone.norm.weight, wanted.float())


@pytest.mark.parametrize(
    ("edit", "message"),
    [
        (lambda t: t.pop("depformer.norm.weight"), "1 missing: depformer.norm.weight"),
        (lambda t: t.update({"odd.weight": torch.ones(2)}), "1 unknown: odd.weight"),
        (
            lambda t: t.update({"transformer.norm.weight": torch.ones(31)}),
            "1 of another shape: transformer.norm.weight is 31, not 64",
        ),
        (
            lambda t: [t.pop(name) for name in list(t) if ".mlp." in name],
            "6 missing: transformer.layers.0.mlp.wi.weight, .* …$",
        ),
    ],
)
def test_other_tensors_are_named(
    folder: Path, edit: Callable[[dict[str, Tensor]], object], message: str
) -> None:
    change(folder, edit)
    with pytest.raises(TextToSpeechError, match=message):
        load_model(folder)


@pytest.mark.parametrize("size", [0, 5, 100, -1])
def test_a_file_cut_off(folder: Path, size: int) -> None:
    path = folder / "model.safetensors"
    path.write_bytes(path.read_bytes()[:size])
    with pytest.raises(TextToSpeechError, match="is cut off or not a safetensors file"):
        load_model(folder)


def test_a_pickle_is_refused(folder: Path) -> None:
    torch.save({"a": torch.ones(2)}, folder / "model.safetensors")
    with pytest.raises(TextToSpeechError, match="looks like a pickle file, which is never loaded"):
        load_model(folder)


def test_no_file(folder: Path) -> None:
    (folder / "model.safetensors").unlink()
    with pytest.raises(TextToSpeechError, match=r"no weights at .*model\.safetensors"):
        load_model(folder)
