"""Tests of reading a codec's folder: what it says, and what cannot be loaded."""

import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import load_file, save_file
from torch import Tensor

from tests.paths import GOLDENS
from tts.dia2.mimi import config_json
from tts.dia2.mimi.codec import Mimi
from tts.dia2.mimi.config import MimiConfig
from tts.protocol import TextToSpeechError

GOLDEN = GOLDENS / "c6/mimi"


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return Path(shutil.copytree(GOLDEN, tmp_path / "mimi"))


def say(folder: Path, **values: Any) -> None:
    path = folder / "config.json"
    path.write_text(json.dumps({**json.loads(path.read_text()), **values}))


def edit(folder: Path, change: Callable[[dict[str, Tensor]], object]) -> None:
    tensors = load_file(folder / "model.safetensors")
    change(tensors)
    save_file(tensors, folder / "model.safetensors")


def test_what_is_not_said_is_as_published(tmp_path: Path) -> None:
    (tmp_path / "config.json").write_text('{"model_type": "mimi", "frame_rate": null}')
    config = config_json.read(tmp_path)
    assert config == MimiConfig()
    assert (config.hop, config.stride, config.frame_rate) == (960, 2, 12.5)
    assert (config.sliding_window, config.num_quantizers, config.rope_theta) == (250, 32, 10_000)


def test_where_newer_files_say_it(tmp_path: Path) -> None:
    said = {
        "model_type": "mimi",
        "rope_parameters": {"rope_theta": 500.0, "rope_type": "default"},
        "_frame_rate": None,
        "num_attention_heads": 4,
        "num_key_value_heads": 4,
        "dtype": "float32",
    }
    (tmp_path / "config.json").write_text(json.dumps(said))
    config = config_json.read(tmp_path)
    assert (config.rope_theta, config.head_dim, config.frame_rate) == (500.0, 128, 12.5)


def test_any_stored_precision(folder: Path) -> None:
    edit(folder, lambda tensors: tensors.update({k: v.double() for k, v in tensors.items()}))
    codes = torch.arange(18).view(6, 3)
    assert torch.equal(Mimi.load(folder).decode(codes), Mimi.load(GOLDEN).decode(codes))


def test_a_codebook_never_used(folder: Path) -> None:
    name = "quantizer.semantic_residual_vector_quantizer.layers.0.codebook.cluster_usage"
    edit(folder, lambda tensors: tensors[name][3].zero_())
    assert Mimi.load(folder).quantizer.table.isfinite().all()


@pytest.mark.parametrize(
    ("values", "message"),
    [
        ({"model_type": "encodec"}, "does not describe a Mimi codec"),
        ({"use_causal_conv": False}, "needs use_causal_conv true"),
        ({"audio_channels": 2}, "needs audio_channels 1"),
        ({"pad_mode": "reflect"}, "needs pad_mode constant"),
        ({"hidden_act": "silu"}, "needs hidden_act gelu"),
        ({"upsample_groups": 1}, "needs upsample_groups equal to hidden_size"),
        ({"frame_rate": 11}, "needs a frame of two or more whole positions"),
        ({"num_semantic_quantizers": 6}, "needs num_semantic_quantizers below num_quantizers"),
        ({"rope_parameters": {"rope_type": "yarn"}}, "needs plain rotary positions"),
        ({"upsampling_ratios": "8654"}, "upsampling_ratios is '8654'"),
        ({"upsampling_ratios": [8, 0]}, "upsampling_ratios is"),
        ({"hidden_size": "32"}, "hidden_size is '32'"),
        ({"compress": 0}, "compress is 0"),
        ({"use_conv_shortcut": 1}, "use_conv_shortcut is 1"),
    ],
)
def test_other_codecs(folder: Path, values: dict[str, Any], message: str) -> None:
    say(folder, **values)
    with pytest.raises(TextToSpeechError, match=message) as raised:
        Mimi.load(folder)
    assert "\n" not in str(raised.value)


def test_other_tensors(folder: Path) -> None:
    edit(folder, lambda tensors: tensors.update(extra=torch.zeros(1), odd=torch.zeros(1)))
    with pytest.raises(TextToSpeechError, match="2 unknown tensors: extra, odd"):
        Mimi.load(folder)
    edit(folder, lambda tensors: [tensors.pop(name) for name in ("odd", "extra")])
    edit(folder, lambda tensors: tensors.pop("decoder.layers.2.conv.bias"))
    with pytest.raises(TextToSpeechError, match=r"lacks the tensor decoder\.layers\.2\.conv\.bias"):
        Mimi.load(folder)


def test_other_shapes_and_types(folder: Path) -> None:
    name = "encoder.layers.0.conv.bias"
    edit(folder, lambda tensors: tensors.update({name: torch.zeros(5)}))
    with pytest.raises(TextToSpeechError, match=r"conv\.bias is \[5\], not \[4\]"):
        Mimi.load(folder)
    edit(folder, lambda tensors: tensors.update({name: torch.zeros(4, dtype=torch.int32)}))
    with pytest.raises(TextToSpeechError, match=r"conv\.bias is torch\.int32, not floating point"):
        Mimi.load(folder)


def test_weight_norm_is_named(folder: Path) -> None:
    """Weights still split into direction and length are another checkpoint: no guess is made."""

    def split(tensors: dict[str, Tensor]) -> None:
        weight = tensors.pop("decoder.layers.0.conv.weight")
        tensors["decoder.layers.0.conv.weight_g"] = weight.norm(dim=(1, 2), keepdim=True)
        tensors["decoder.layers.0.conv.weight_v"] = weight

    edit(folder, split)
    with pytest.raises(
        TextToSpeechError, match=r"lacks the tensor decoder\.layers\.0\.conv\.weight"
    ):
        Mimi.load(folder)


def test_no_weights(folder: Path) -> None:
    (folder / "model.safetensors").unlink()
    with pytest.raises(TextToSpeechError, match=r"no weights at .*model\.safetensors$"):
        Mimi.load(folder)
    torch.save({}, folder / "pytorch_model.bin")
    with pytest.raises(TextToSpeechError, match=r"pytorch_model\.bin is a pickle file"):
        Mimi.load(folder)


def test_a_pickle_under_another_name(folder: Path) -> None:
    torch.save({}, folder / "model.safetensors")
    with pytest.raises(TextToSpeechError, match="cut off or not a safetensors file"):
        Mimi.load(folder)


def test_cut_off(folder: Path) -> None:
    whole = (folder / "model.safetensors").read_bytes()
    (folder / "model.safetensors").write_bytes(whole[: len(whole) // 2])
    with pytest.raises(TextToSpeechError, match="cut off or not a safetensors file"):
        Mimi.load(folder)


def test_no_configuration(tmp_path: Path, folder: Path) -> None:
    with pytest.raises(TextToSpeechError, match=r"no Mimi codec: it has no config\.json"):
        Mimi.load(tmp_path)
    (folder / "config.json").write_text("{")
    with pytest.raises(TextToSpeechError, match="cannot read"):
        Mimi.load(folder)


@pytest.mark.parametrize("codebooks", [0, 7])
def test_more_codebooks_than_there_are(codebooks: int) -> None:
    with pytest.raises(TextToSpeechError, match=f"has 6 codebooks, not {codebooks}"):
        Mimi.load(GOLDEN, codebooks=codebooks)
