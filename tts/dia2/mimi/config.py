"""What Mimi's checkpoint says about itself, in `config.json` as `transformers` writes it."""

import math
from collections.abc import Mapping
from dataclasses import dataclass, field, fields
from typing import Any, Self


@dataclass(frozen=True, kw_only=True)
class MimiConfig:
    """The codec's sizes, under the names of `config.json`; absent keys mean kyutai/mimi's value."""

    sampling_rate: int = 24_000
    frame_rate: float = 12.5
    """Frames of codes per second; derived from the other rates where the file has none."""
    audio_channels: int = 1
    hidden_size: int = 512
    num_filters: int = 64
    num_residual_layers: int = 1
    upsampling_ratios: list[int] = field(default_factory=lambda: [8, 6, 5, 4])
    kernel_size: int = 7
    last_kernel_size: int = 3
    residual_kernel_size: int = 3
    dilation_growth_rate: int = 2
    use_causal_conv: bool = True
    pad_mode: str = "constant"
    """Before the first sample of every convolution but the downsampler's, which repeats."""
    compress: int = 2
    trim_right_ratio: float = 1.0
    use_conv_shortcut: bool = False
    codebook_size: int = 2048
    codebook_dim: int = 256
    num_quantizers: int = 32
    num_semantic_quantizers: int = 1
    vector_quantization_hidden_dimension: int = 256
    upsample_groups: int = 512
    num_hidden_layers: int = 8
    intermediate_size: int = 2048
    num_attention_heads: int = 8
    num_key_value_heads: int = 8
    head_dim: int = 64
    hidden_act: str = "gelu"
    norm_eps: float = 1e-5
    rope_theta: float = 10_000.0
    sliding_window: int = 250
    attention_bias: bool = False

    @property
    def hop(self) -> int:
        """Samples per position of the transformers."""
        return math.prod(self.upsampling_ratios)

    @property
    def stride(self) -> int:
        """Positions of the transformers per frame of codes."""
        return math.ceil(self.sampling_rate / self.hop) // int(self.frame_rate)

    @classmethod
    def from_json(cls, data: Mapping[str, Any]) -> Self:
        """Take a parsed `config.json`, with what files put elsewhere or leave to be derived.

        Nothing is checked: `tts.dia2.mimi.config_json.read` does that for a stranger's file.
        """
        said = {name: value for name, value in data.items() if value is not None}
        given = {each.name: said[each.name] for each in fields(cls) if each.name in said}
        plain = cls(**given)
        rope = said.get("rope_parameters", {})
        given.setdefault("rope_theta", rope.get("rope_theta", plain.rope_theta))
        given.setdefault("head_dim", plain.hidden_size // plain.num_attention_heads)
        usual = plain.sampling_rate / (2 * plain.hop)
        given.setdefault("frame_rate", said.get("_frame_rate", usual))
        return cls(**given)
