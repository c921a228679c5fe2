"""Tests of Dia2's configuration: what checkpoints ship, and what is refused."""

import copy
import json
from pathlib import Path
from typing import Any

import pytest

from tests.paths import GOLDENS
from tts import TextToSpeechError
from tts.dia2.network import config_json
from tts.transformer.shape import Transformer


def load(name: str) -> Any:
    return json.loads((GOLDENS / name).read_text(encoding="utf-8"))


def changed(**changes: object) -> dict[str, Any]:
    """The a32 configuration with values replaced by dotted name; `...` removes one."""
    data = copy.deepcopy(load("a32/config.json"))
    for name, value in changes.items():
        *path, last = name.split("__")
        block = data
        for key in path:
            block = block.setdefault(key, {})
        if value is ...:
            del block[last]
        else:
            block[last] = value
    return dict(data)


@pytest.mark.parametrize("name", ["a32", "b8", "c6"])
def test_reads_what_the_reference_read(name: str) -> None:
    config = config_json.read(GOLDENS / name / "config.json")
    info = load(f"{name}/info.json")
    constants = info["constants"]
    assert config.text_vocab == constants["card"]
    assert config.new_word == constants["new_word"]
    assert config.pad == constants["pad"]
    assert config.zero == constants["zero"]
    assert config.audio_pad == constants["audio_pad"]
    assert config.audio_bos == constants["audio_bos"]
    assert config.audio_limit == info["audio_vocab_limit"]
    assert list(config.schedule) == info["weights_schedule"]


def test_takes_every_value_from_its_place() -> None:
    config = config_json.read(GOLDENS / "b8/config.json")
    assert config.codebooks == 8
    assert config.delays == (2, 5, 5, 3, 5, 4, 5, 5)
    assert config.max_delay == 5
    assert config.ahead == 1
    assert config.decoder == Transformer(2, 48, 100, 4, 1, 16, ("gelu", "linear"))
    assert config.depformer == Transformer(2, 40, 72, 3, 3, 16, ("silu", "linear"))
    assert config.low_rank == 24
    assert (config.rope_min, config.rope_max, config.eps) == (2.0, 5000.0, 1e-5)
    assert config.max_steps == 150
    assert (config.tokenizer, config.mimi) == (None, None)
    assert (config.depformer_rope, config.depformer_text) == (True, True)
    other = config_json.read(GOLDENS / "c6/config.json")
    assert other.depformer.activations == ("relu", "linear")
    assert (other.depformer_rope, other.depformer_text) == (False, True)
    assert config_json.read(GOLDENS / "a32/config_short.json").max_steps == 40


def test_defaults() -> None:
    config = config_json.checked(
        changed(
            runtime={},
            data__audio_pad_token_id=...,
            data__audio_bos_token_id=None,
            data__text_zero_token_id=...,
            data__second_stream_ahead=...,
            model__normalization_layer_epsilon=...,
        )
    )
    assert config.schedule == tuple(range(31))
    assert config.max_steps == 1500
    assert (config.audio_pad, config.audio_bos, config.zero, config.ahead) == (65, 64, 7, 0)
    assert config.eps == 1e-5


def test_assets_and_the_older_tokenizer_key() -> None:
    data = changed(data__tokenizer_path="old", assets__mimi="codec")
    assert (config_json.checked(data).tokenizer, config_json.checked(data).mimi) == (
        "old",
        "codec",
    )
    data["assets"]["tokenizer"] = "new"
    assert config_json.checked(data).tokenizer == "new"


def test_activation_names_have_synonyms() -> None:
    data = changed(model__linear__mlp_activations=["SwiGLU", "Linear"])
    assert config_json.checked(data).decoder.activations == ("silu", "linear")


def test_a_longer_schedule_is_cut() -> None:
    data = changed(runtime__weights_schedule=[0] * 40)
    assert config_json.checked(data).schedule == (0,) * 31


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("data", ...),
        ("model", ...),
        ("runtime", ...),
        ("runtime", []),
        ("assets", "mimi"),
        ("data__channels", ...),
        ("data__channels", "34"),
        ("data__channels", 3),
        ("data__text_pad_token_id", 320),
        ("data__text_new_word_token_id", -1),
        ("data__text_new_word_token_id", 3),
        ("data__text_vocab_size", True),
        ("data__audio_bos_token_id", 66),
        ("data__action_vocab_size", 1),
        ("data__delay_pattern", ...),
        ("data__delay_pattern", [16] + [18] * 30),
        ("data__delay_pattern", [0] + [18] * 31),
        ("data__delay_pattern", [16] + [18.0] * 31),
        ("data__delay_pattern", 18),
        ("data__second_stream_ahead", -1),
        ("model__decoder", ...),
        ("model__depformer", ...),
        ("model__decoder__n_layer", ...),
        ("model__decoder__n_embd", 0),
        ("model__decoder__kv_heads", 3),
        ("model__decoder__gqa_head_dim", 15),
        ("model__decoder__low_rank_dim", 0),
        ("model__depformer__kv_heads", 1),
        ("model__depformer__apply_rope", 1),
        ("model__depformer__mlp_activations", ["silu"]),
        ("model__depformer__mlp_activations", ["tanh", "linear"]),
        ("model__rope_max_timescale", "big"),
        ("model__rope_min_timescale", 0),
        ("model__normalization_layer_epsilon", float("nan")),
        ("runtime__weights_schedule", [0] * 30),
        ("runtime__weights_schedule", [-1] * 31),
        ("runtime__max_context_steps", 0),
        ("assets__mimi", 3),
    ],
)
def test_errors_name_the_key(name: str, value: object) -> None:
    with pytest.raises(TextToSpeechError, match=f"^{name.replace('__', '[.]')}: "):
        config_json.checked(changed(**{name: value}))


def test_files_that_are_no_configuration(tmp_path: Path) -> None:
    path = tmp_path / "config.json"
    with pytest.raises(TextToSpeechError, match=r"config\.json: No such file"):
        config_json.read(path)
    for text, message in [
        ("{", "is not JSON"),
        ("[]", "not a Dia2 configuration"),
        ('{"model_type": "llama"}', r"config\.json: data: missing"),
    ]:
        path.write_text(text, encoding="utf-8")
        with pytest.raises(TextToSpeechError, match=message):
            config_json.read(path)
