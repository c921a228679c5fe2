"""Checkpoints: three kinds of configuration, two layouts of tensors, shards; and what is none."""

import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import load_file, save_file

from tests.tiny_dia2 import make as make_dia2
from tests.tts.dia.models import SMALL, config_of
from tts import TextToSpeechError
from tts.dia.checkpoint import Checkpoint
from tts.dia.network import config_json
from tts.dia.network.config import DiaConfig
from tts.dia.network.sampling import Sampling
from tts.dia.network.tensors import open_weights

CPU = torch.device("cpu")
PUBLISHED = DiaConfig.from_json({})


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A copy to break."""
    shutil.copytree(SMALL, tmp_path / "model", ignore=shutil.ignore_patterns("*goldens*", "nari"))
    return tmp_path / "model"


def found(folder: Path) -> dict[str, torch.Tensor]:
    checkpoint = Checkpoint.find(folder)
    return dict(open_weights(checkpoint.weights, checkpoint.config, CPU, torch.float32))


def refused(folder: Path, match: str) -> None:
    with pytest.raises(TextToSpeechError, match=match):
        found(folder)


def edit(folder: Path, change: Callable[[dict[str, Any]], object]) -> None:
    said = json.loads((folder / "config.json").read_text())
    change(said)
    (folder / "config.json").write_text(json.dumps(said))


def test_the_published_dimensions() -> None:
    config = PUBLISHED
    assert (config.encoder.layers, config.decoder.layers, config.codebooks) == (12, 18, 9)
    assert (config.eos, config.pad, config.bos, config.max_delay) == (1024, 1025, 1026, 15)
    assert (config.decoder.kv_heads, config.cross.kv_heads) == (4, 16)


def test_three_kinds_of_configuration() -> None:
    size = {"n_embd": 48, "n_hidden": 72}
    decoder = {"gqa_query_heads": 6, "kv_heads": 2, "gqa_head_dim": 10}
    cross = {"cross_query_heads": 4, "cross_head_dim": 14}
    first = {
        "version": "0.1",
        "model": {
            "encoder": {"n_layer": 3, "n_embd": 40, "n_hidden": 56, "n_head": 3, "head_dim": 12},
            "decoder": {"n_layer": 3, **size, **decoder, **cross},
            "tgt_vocab_size": 68,
            "normalization_layer_epsilon": 1e-6,
            "rope_max_timescale": 600,
        },
        "data": {
            "channels": 5,
            "audio_eos_value": 64,
            "audio_pad_value": 65,
            "audio_bos_value": 66,
            "delay_pattern": [0, 2, 3, 5, 6],
        },
    }
    config = config_of(SMALL)
    assert config_json.checked(first) == config == config_of(SMALL / "nari")


def test_what_the_generation_is_told(folder: Path) -> None:
    assert Checkpoint.find(folder).sampling == Sampling(3.0, 1.8, 20, 0.9)
    (folder / "generation_config.json").unlink()
    assert Checkpoint.find(folder).sampling == Sampling(3.0, 1.8, 50, 0.9)
    (folder / "generation_config.json").write_text('{"temperature": 0.5}')
    refused(folder, r"generation_config.json: temperature: must be greater")


def test_both_layouts_and_shards_hold_the_same(folder: Path) -> None:
    whole = found(folder)
    shutil.copy(SMALL / "nari" / "model.safetensors", folder)
    original = found(folder)
    names = sorted(whole)
    parts = {"one.safetensors": names[::2], "two.safetensors": names[1::2]}
    for file, own in parts.items():
        save_file({name: whole[name].contiguous() for name in own}, folder / file)
    index = {"weight_map": {name: file for file, own in parts.items() for name in own}}
    (folder / "model.safetensors.index.json").write_text(json.dumps(index))
    (folder / "model.safetensors").unlink()
    shards = found(folder)
    for others in (original, shards):
        assert others.keys() == whole.keys()
        assert all(torch.equal(each, others[name]) for name, each in whole.items())
    index["weight_map"][names[0]] = "two.safetensors"
    (folder / "model.safetensors.index.json").write_text(json.dumps(index))
    refused(folder, f"differ: {names[0]}")
    index["weight_map"][names[0]] = "../outside.safetensors"
    (folder / "model.safetensors.index.json").write_text(json.dumps(index))
    refused(folder, "points outside|no weights at")
    (folder / "model.safetensors.index.json").write_text("{}")
    refused(folder, "no weight_map")


@pytest.mark.parametrize("layout", ["", "nari"])
def test_tensors_are_all_there_and_no_others(folder: Path, layout: str) -> None:
    tensors = load_file(SMALL / layout / "model.safetensors")
    name = next(name for name in tensors if "wi_fused" not in name and "layers.1" in name)
    for change, said in (
        (lambda: tensors.pop(name), f"1 missing: {name}"),
        (lambda: tensors.update({name: torch.zeros(3)}), f"{name} is 3, not"),
        (lambda: tensors.update({"odd": torch.zeros(3)}), "1 unknown: odd"),
    ):
        change()
        save_file(tensors, folder / "model.safetensors")
        refused(folder, said)


def test_a_dia2_model_is_named(tmp_path: Path) -> None:
    refused(make_dia2(tmp_path), "this is a Dia2 model: speak it with engine dia2")


def test_pickles_are_never_loaded(folder: Path) -> None:
    (folder / "model.safetensors").unlink()
    refused(folder, "has no model.safetensors")
    (folder / "dia-v0_1.pth").write_bytes(b"PK\x03\x04")
    refused(folder, r"dia-v0_1.pth is a pickle file, which is never loaded.*save_file")


def test_a_file_that_was_cut_off(folder: Path) -> None:
    data = (folder / "model.safetensors").read_bytes()
    (folder / "model.safetensors").write_bytes(data[: len(data) // 2])
    refused(folder, "cut off or not a safetensors file")


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (lambda c: c.update(model_type="bark"), "model_type: must be 'dia', not 'bark'"),
        (lambda c: c.pop("encoder_config"), "encoder_config: missing"),
        (lambda c: c.update(delay_pattern=[0, 1]), "delay_pattern: 2 for 5 codebooks"),
        (lambda c: c.update(delay_pattern=[1, 2, 3, 5, 6]), "must begin with 0"),
        (lambda c: c["decoder_config"].update(eos_token_id=67), "must come after the codes"),
        (lambda c: c["decoder_config"].update(bos_token_id=99), "bos_token_id: must be below 68"),
        (lambda c: c["decoder_config"].update(head_dim=11), "head_dim: must be a multiple of 2"),
        (lambda c: c["decoder_config"].update(hidden_size=1 << 40), "hidden_size: must be less"),
        (
            lambda c: c["decoder_config"].update(num_key_value_heads=4),
            r"must divide the heads \(6\)",
        ),
        (lambda c: c["decoder_config"].update(hidden_act="gelu"), "hidden_act: must be 'silu'"),
        (
            lambda c: c["encoder_config"]["rope_parameters"].update(rope_type="yarn"),
            "rope_parameters.rope_type: must be 'default'",
        ),
    ],
)
def test_a_configuration_of_something_else(
    folder: Path, change: Callable[[dict[str, Any]], object], said: str
) -> None:
    edit(folder, change)
    refused(folder, said)


def test_no_model_at_all(tmp_path: Path) -> None:
    refused(tmp_path, "is not a Dia model: it has no config.json")
    (tmp_path / "config.json").write_text("[]")
    refused(tmp_path, "not a Dia configuration")
    refused(tmp_path / "nowhere", "there is no folder")
