"""A stranger's `config.json` of Mimi: every key of `MimiConfig` with its kind and limits."""

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from pydantic import Field

from tts.codec.config_json import Number, document, parse
from tts.dia2.mimi.config import MimiConfig
from tts.strict import Strict


class Rope(Strict):
    rope_type: str | None = None
    rope_theta: Number | None = None


Document = document(
    MimiConfig,
    rope_parameters=(Rope | None, None),
    usual_frame_rate=(Number | None, Field(None, alias="_frame_rate")),
)


def read(folder: Path) -> MimiConfig:
    """Read and check a folder's `config.json`. Raises TextToSpeechError."""
    return parse(folder, "Mimi", Document, MimiConfig.from_json, _needs)


def _needs(config: MimiConfig, data: Mapping[str, Any]) -> Iterator[tuple[str, bool]]:
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
