"""A stranger's `config.json` of a codec: every key of `MimiConfig` with its kind and limits."""

from collections.abc import Iterator
from dataclasses import fields
from pathlib import Path
from typing import Annotated, Any

from pydantic import Field, create_model

from tts.dia2.mimi.config import MimiConfig
from tts.files import inside, read_json
from tts.protocol import TextToSpeechError
from tts.strict import InvalidValueError, Strict, check

Count = Annotated[int, Field(gt=0, le=1 << 20)]
Ratios = Annotated[list[Annotated[int, Field(gt=0, le=1 << 10)]], Field(min_length=1, max_length=8)]
Number = Annotated[float, Field(gt=0, le=1e9)]


class Rope(Strict):
    rope_type: str | None = None
    rope_theta: Number | None = None


KINDS: dict[Any, Any] = {int: Count, float: Number, list[int]: Ratios, bool: bool, str: str}
KEYS: dict[str, Any] = {each.name: (KINDS[each.type] | None, None) for each in fields(MimiConfig)}
KEYS["rope_parameters"] = (Rope | None, None)
KEYS["usual_frame_rate"] = (Number | None, Field(None, alias="_frame_rate"))
Document = create_model("Document", __base__=Strict, **KEYS)


def read(folder: Path) -> MimiConfig:
    """Read and check a folder's `config.json`. Raises TextToSpeechError."""
    path = inside(folder, "config.json")
    try:
        data = read_json(path)
    except FileNotFoundError:
        raise TextToSpeechError(f"{folder} is no Mimi codec: it has no config.json") from None
    if not isinstance(data, dict) or data.get("model_type") != "mimi":
        raise TextToSpeechError(f"{path} does not describe a Mimi codec (model_type mimi)")
    try:
        check(Document, data)
        config = MimiConfig.from_json(data)
        lacking = [need for need, given in _needs(config, data) if not given]
        problem = f"it needs {', '.join(lacking)}" if lacking else ""
    except InvalidValueError as fault:
        problem = f"its {fault.key} is {fault.value}: it {fault.why}"
    if problem:
        raise TextToSpeechError(f"{path} describes a codec Parley has not: {problem}")
    return config


def _needs(config: MimiConfig, data: dict[str, Any]) -> Iterator[tuple[str, bool]]:
    """What the layers compute, and whether it is asked: nothing else is computed instead."""
    rope = (data.get("rope_parameters") or {}).get("rope_type") or "default"
    plain = rope == "default" and not data.get("rope_scaling")
    yield "plain rotary positions, without scaling", plain
    yield "audio_channels 1", config.audio_channels == 1
    yield "use_causal_conv true", config.use_causal_conv
    yield "pad_mode constant", config.pad_mode == "constant"
    yield "trim_right_ratio 1", config.trim_right_ratio == 1.0
    yield "attention_bias false", not config.attention_bias
    yield "hidden_act gelu", config.hidden_act == "gelu"
    width, heads, codebooks = config.hidden_size, config.num_attention_heads, config.num_quantizers
    yield "upsample_groups equal to hidden_size", config.upsample_groups == width
    dims = config.codebook_dim == config.vector_quantization_hidden_dimension
    yield "codebook_dim equal to vector_quantization_hidden_dimension", dims
    semantic = config.num_semantic_quantizers < codebooks
    yield "num_semantic_quantizers below num_quantizers", semantic
    groups = heads % config.num_key_value_heads == 0
    yield "num_attention_heads a multiple of num_key_value_heads", groups
    yield "an even head_dim", config.head_dim > 0 and config.head_dim % 2 == 0
    frame = config.frame_rate >= 1 and config.stride >= 2
    whole = frame and config.sampling_rate / config.hop == config.stride * config.frame_rate
    yield "a frame of two or more whole positions", whole
