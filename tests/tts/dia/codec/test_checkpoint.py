"""Tests of reading the codec's folder: both layouts, and what cannot be loaded."""

import json
import re
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import load_file, save_file
from torch import Tensor

from tests.paths import DIA_GOLDENS
from tts.dia.codec import config_json
from tts.dia.codec.codec import Dac
from tts.dia.codec.config import DacConfig
from tts.protocol import TextToSpeechError

GOLDEN = DIA_GOLDENS / "small5/dac"
UNITS = {"snake1": "0", "conv1": "1", "snake2": "2", "conv2": "3"}
DECODER = {"snake1": "0", "conv_t1": "1", "res_unit1": "2", "res_unit2": "3", "res_unit3": "4"}
ENCODER = {"res_unit1": "0", "res_unit2": "1", "res_unit3": "2", "snake1": "3", "conv1": "4"}


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return Path(shutil.copytree(GOLDEN, tmp_path / "dac"))


def say(folder: Path, **values: Any) -> None:
    path = folder / "config.json"
    path.write_text(json.dumps({**json.loads(path.read_text()), **values}))


def edit(folder: Path, change: Callable[[dict[str, Tensor]], object]) -> None:
    tensors = load_file(folder / "model.safetensors")
    change(tensors)
    save_file(tensors, folder / "model.safetensors")


def descripts(tensors: dict[str, Tensor]) -> None:
    """Rename as Descript's own module names them (four ratios)."""
    for name in list(tensors):
        half, *parts = name.split(".")
        if half == "quantizer":
            continue
        room, places = ("model", DECODER) if half == "decoder" else ("block", ENCODER)
        if parts[0] == "block":
            where = [str(int(parts[1]) + 1), "block", places[parts[2]]]
            rest = parts[3:]
            if parts[2].startswith("res"):
                where += ["block", UNITS[rest[0]]]
                rest = rest[1:]
        else:
            where, rest = [{"conv1": "0", "snake1": "5", "conv2": "6"}[parts[0]]], parts[1:]
        tensors[".".join([half, room, *where, *rest])] = tensors.pop(name)


def norm(tensors: dict[str, Tensor], scale: str, direction: str) -> None:
    """Split every convolution's weights into a length and a direction of any length."""
    for name in [each for each in tensors if re.search(r"(conv\w*|proj|\.\d+)\.weight", each)]:
        weight = tensors.pop(name)
        stem = name.removesuffix(".weight")
        tensors[f"{stem}.{scale}"] = weight.flatten(1).norm(dim=1)[:, None, None]
        tensors[f"{stem}.{direction}"] = weight * 3


def same_as_published(folder: Path) -> bool:
    codes = torch.arange(5 * 20).view(5, 20) % 64
    difference = Dac.load(folder).decode(codes) - Dac.load(GOLDEN).decode(codes)
    return bool(difference.abs().max() <= 5e-4)


@pytest.mark.parametrize(
    ("scale", "direction"),
    [
        ("weight_g", "weight_v"),
        ("parametrizations.weight.original0", "parametrizations.weight.original1"),
    ],
)
def test_descripts_own_layout(folder: Path, scale: str, direction: str) -> None:
    def change(tensors: dict[str, Tensor]) -> None:
        descripts(tensors)
        norm(tensors, scale, direction)

    edit(folder, change)
    assert len(load_file(folder / "model.safetensors")) > len(
        load_file(GOLDEN / "model.safetensors")
    )
    assert same_as_published(folder)


def test_names_of_one_and_norms_of_the_other(folder: Path) -> None:
    edit(folder, lambda tensors: norm(tensors, "weight_g", "weight_v"))
    assert same_as_published(folder)


def test_without_a_configuration_it_is_the_published_codec(folder: Path) -> None:
    (folder / "config.json").unlink()
    with pytest.raises(TextToSpeechError, match=r"is \[64, 4\], not \[1024, 8\]"):
        Dac.load(folder)


def test_what_is_not_said_is_as_published(tmp_path: Path) -> None:
    (tmp_path / "config.json").write_text('{"model_type": "dac", "n_codebooks": null}')
    config = config_json.read(tmp_path)
    assert config == DacConfig()
    assert (config.hop, config.hidden_size, config.look_ahead) == (512, 1024, 4757)


@pytest.mark.parametrize(
    ("said", "problem"),
    [
        ({"model_type": "mimi"}, "does not describe a DAC codec"),
        ({"upsampling_ratios": [8, 4, 2, 1]}, "even ratios"),
        ({"upsampling_ratios": [8, 8, 2, 2]}, "as many samples a frame both ways"),
        ({"hop_length": 512}, "hop_length as the ratios"),
        ({"hidden_size": 1024}, "hidden_size as the ratios"),
        ({"decoder_hidden_size": 24}, "decoder_hidden_size that can be halved"),
        ({"n_codebooks": 0}, "its n_codebooks is 0"),
        ({"codebook_size": "many"}, "its codebook_size is 'many'"),
    ],
)
def test_other_codecs(folder: Path, said: dict[str, Any], problem: str) -> None:
    say(folder, **said)
    with pytest.raises(TextToSpeechError, match=problem):
        Dac.load(folder)


def test_tensors_that_do_not_fit(folder: Path) -> None:
    edit(folder, lambda tensors: tensors.update({"another": torch.zeros(1)}))
    with pytest.raises(TextToSpeechError, match="1 unknown tensors: another"):
        Dac.load(folder)
    edit(folder, lambda tensors: (tensors.pop("another"), tensors.pop("decoder.conv1.bias")))
    with pytest.raises(TextToSpeechError, match=r"lacks the tensor decoder\.conv1\.bias"):
        Dac.load(folder)


def test_a_file_that_is_cut_off(folder: Path) -> None:
    path = folder / "model.safetensors"
    path.write_bytes(path.read_bytes()[:-1000])
    with pytest.raises(TextToSpeechError, match="cut off or not a safetensors file"):
        Dac.load(folder)


def test_a_pickle_is_refused_with_the_way_to_convert_it(folder: Path) -> None:
    (folder / "model.safetensors").unlink()
    (folder / "weights.pth").write_bytes(b"PK")
    with pytest.raises(TextToSpeechError, match=r"weights\.pth is a pickle.*converts it"):
        Dac.load(folder)


def test_no_folder(tmp_path: Path) -> None:
    with pytest.raises(TextToSpeechError, match=r"is no DAC codec: it has no config\.json"):
        Dac.load(tmp_path)
