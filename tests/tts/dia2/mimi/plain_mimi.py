"""Mimi as one would first write it, to compare with: convolutions as convolutions, layer by layer.

It keeps the checkpoint's tensors and names as they are, and shares no arithmetic with the codec it
checks. Streams keep the left context of convolutions, and add the overlaps of transposed ones.
"""

from collections.abc import Iterator
from typing import Any

import torch
from torch import Tensor
from torch.nn import functional

from tts.codec.weights import Weights
from tts.dia2.fast.select import select_attention
from tts.dia2.mimi.codec import Mimi
from tts.dia2.mimi.config import MimiConfig

TINY: dict[str, Any] = {
    "hidden_size": 32,
    "upsample_groups": 32,
    "num_filters": 4,
    "codebook_size": 64,
    "codebook_dim": 16,
    "vector_quantization_hidden_dimension": 16,
    "num_quantizers": 4,
    "num_hidden_layers": 2,
    "intermediate_size": 48,
    "num_attention_heads": 2,
    "num_key_value_heads": 2,
    "head_dim": 16,
    "sliding_window": 12,
}
"""A codec with the real one's ratios that fits in a test."""


class RandomWeights(Weights):
    """A checkpoint that has every tensor one asks for, of a useful size."""

    def __init__(self, seed: int = 0, device: str = "cpu") -> None:
        self.tensors: dict[str, Tensor] = {}
        self._random = torch.Generator().manual_seed(seed)
        self._device = torch.device(device)

    def take(self, name: str, *shape: int) -> Tensor:
        noise = torch.randn(shape, generator=self._random)
        if "layernorm.weight" in name or "cluster_usage" in name:
            tensor = 1 + noise.abs() / 4
        elif "layer_scale" in name:
            tensor = 0.3 + noise / 10
        elif name.endswith("bias"):
            tensor = noise / 10
        elif "embed_sum" in name:
            tensor = noise
        else:
            inputs = shape[0] * 2 if _is_transposed(name) else noise[0].numel()
            tensor = noise * (1.5 / inputs) ** 0.5
        self.tensors[name] = tensor
        return tensor.to(self._device)

    def ignore(self, prefix: str) -> None:
        """Nothing is here that nobody asks for."""


def _is_transposed(name: str) -> bool:
    parts = name.split(".")
    return parts[0] == "decoder" and len(parts) == 5 and int(parts[2]) not in (0, 14)


def random_mimi(seed: int = 0, **sizes: Any) -> tuple[Mimi, "PlainMimi"]:
    """A codec of random weights, and the plain one of the same; `sizes` as in its config.json."""
    config, weights = MimiConfig(**sizes), RandomWeights(seed)
    with torch.inference_mode():
        mimi = Mimi(weights, config, config.num_quantizers, select_attention())
    return mimi, PlainMimi(weights.tensors, config)


class PlainMimi:
    """The codec over the tensors of a checkpoint; signals are [batch, channels, time]."""

    def __init__(self, tensors: dict[str, Tensor], config: MimiConfig) -> None:
        self.tensors = tensors
        self.config = config
        self.window: int | None = config.sliding_window

    def decode(self, codes: Tensor) -> Tensor:
        """Codes [codebooks, frames] to samples, not limited to [-1, 1]."""
        return self.step(codes, {})

    def step(self, codes: Tensor, state: dict[str, Tensor]) -> Tensor:
        """The next codes [codebooks, n] to the next samples; `state` starts empty."""
        config = self.config
        x = self._dequantise(codes).T[None]
        x = self._transposed("upsample.conv", x, config.stride, state, config.upsample_groups)
        x = self._transformer("decoder_transformer", x, state)
        x = self._conv("decoder.layers.0", x, state)
        index = 1
        for ratio in config.upsampling_ratios:
            x = self._transposed(
                f"decoder.layers.{index + 1}.conv", functional.elu(x), ratio, state
            )
            index += 2
            for each in range(config.num_residual_layers):
                x = self._residual(f"decoder.layers.{index}", x, each, state)
                index += 1
        return self._conv(f"decoder.layers.{index + 1}", functional.elu(x), state).flatten()

    def encode(self, wave: Tensor) -> Tensor:
        """A waveform [samples] to codes [codebooks, frames]."""
        config = self.config
        x = self._conv("encoder.layers.0", wave[None, None], {})
        index = 1
        for ratio in reversed(config.upsampling_ratios):
            for each in range(config.num_residual_layers):
                x = self._residual(f"encoder.layers.{index}", x, each, {})
                index += 1
            x = self._strided(f"encoder.layers.{index + 1}.conv", functional.elu(x), ratio)
            index += 2
        x = self._conv(f"encoder.layers.{index + 1}", functional.elu(x), {})
        x = self._transformer("encoder_transformer", x, {})
        return self._quantise(self._strided("downsample.conv", x, config.stride, "replicate")[0].T)

    def _conv(self, name: str, x: Tensor, state: dict[str, Tensor], dilation: int = 1) -> Tensor:
        weight, bias = self.tensors[f"{name}.conv.weight"], self.tensors[f"{name}.conv.bias"]
        context = (weight.shape[2] - 1) * dilation
        x = torch.cat((state.get(name, x.new_zeros(1, x.shape[1], context)), x), 2)
        state[name] = x[:, :, x.shape[2] - context :]
        return functional.conv1d(x, weight, bias, dilation=dilation)

    def _strided(self, name: str, x: Tensor, stride: int, mode: str = "constant") -> Tensor:
        weight = self.tensors[f"{name}.weight"]
        x = functional.pad(x, (weight.shape[2] - stride, -x.shape[2] % stride), mode)
        return functional.conv1d(x, weight, self.tensors.get(f"{name}.bias"), stride)

    def _transposed(
        self, name: str, x: Tensor, stride: int, state: dict[str, Tensor], groups: int = 1
    ) -> Tensor:
        weight = self.tensors[f"{name}.weight"]
        y = functional.conv_transpose1d(x, weight, stride=stride, groups=groups)
        if name in state:
            y[:, :, :stride] += state[name]
        state[name] = y[:, :, -stride:]
        bias = self.tensors.get(f"{name}.bias")
        y = y[:, :, :-stride]
        return y if bias is None else y + bias[:, None]

    def _residual(self, name: str, x: Tensor, each: int, state: dict[str, Tensor]) -> Tensor:
        dilation = self.config.dilation_growth_rate**each
        y = self._conv(f"{name}.block.1", functional.elu(x), state, dilation)
        y = self._conv(f"{name}.block.3", functional.elu(y), {})
        return y + (self._conv(f"{name}.shortcut", x, {}) if self.config.use_conv_shortcut else x)

    def _transformer(self, name: str, x: Tensor, state: dict[str, Tensor]) -> Tensor:
        config = self.config
        past = state[name].shape[1] if name in state else 0
        x = x.transpose(1, 2)
        positions = torch.arange(past, past + x.shape[1])
        for each in range(config.num_hidden_layers):
            x = self._transformer_layer(f"{name}.layers.{each}", x, positions, state)
        state[name] = torch.empty(1, past + x.shape[1])
        return x.transpose(1, 2)

    def _transformer_layer(
        self, name: str, x: Tensor, positions: Tensor, state: dict[str, Tensor]
    ) -> Tensor:
        config, tensors = self.config, self.tensors
        y = self._norm(f"{name}.input_layernorm", x)
        q, k, v = (
            functional.linear(y, tensors[f"{name}.self_attn.{part}_proj.weight"])
            .view(*x.shape[:2], -1, config.head_dim)
            .transpose(1, 2)
            for part in "qkv"
        )
        q, k = self._turn(q, positions), self._turn(k, positions)
        if f"{name}.k" in state:
            k, v = torch.cat((state[f"{name}.k"], k), 2), torch.cat((state[f"{name}.v"], v), 2)
        state[f"{name}.k"], state[f"{name}.v"] = k, v
        keys = torch.arange(k.shape[2])
        seen = keys <= positions[:, None]
        if self.window is not None:
            seen &= keys > positions[:, None] - self.window
        group = config.num_attention_heads // config.num_key_value_heads
        k, v = k.repeat_interleave(group, 1), v.repeat_interleave(group, 1)
        scores = q @ k.transpose(2, 3) / config.head_dim**0.5
        y = scores.masked_fill(~seen, -torch.inf).softmax(-1) @ v
        y = functional.linear(
            y.transpose(1, 2).flatten(2), tensors[f"{name}.self_attn.o_proj.weight"]
        )
        x = x + y * tensors[f"{name}.self_attn_layer_scale.scale"]
        y = functional.linear(
            self._norm(f"{name}.post_attention_layernorm", x), tensors[f"{name}.mlp.fc1.weight"]
        )
        y = functional.linear(functional.gelu(y), tensors[f"{name}.mlp.fc2.weight"])
        return x + y * tensors[f"{name}.mlp_layer_scale.scale"]

    def _norm(self, name: str, x: Tensor) -> Tensor:
        weight, bias = self.tensors[f"{name}.weight"], self.tensors[f"{name}.bias"]
        return functional.layer_norm(x, x.shape[-1:], weight, bias, self.config.norm_eps)

    def _turn(self, x: Tensor, positions: Tensor) -> Tensor:
        dim = self.config.head_dim
        frequencies = self.config.rope_theta ** (-torch.arange(0, dim, 2) / dim)
        angles = positions[:, None] * frequencies
        left, right = x.chunk(2, -1)
        cos, sin = angles.cos(), angles.sin()
        return torch.cat((left * cos - right * sin, right * cos + left * sin), -1)

    def _codebooks(self) -> Iterator[tuple[str, Tensor]]:
        """Each codebook's quantiser and centroids."""
        semantic = self.config.num_semantic_quantizers
        for each in range(self.config.num_quantizers):
            part = "semantic" if each < semantic else "acoustic"
            name = f"quantizer.{part}_residual_vector_quantizer"
            layer = f"{name}.layers.{each if each < semantic else each - semantic}.codebook"
            usage = self.tensors[f"{layer}.cluster_usage"].clamp(min=1e-5)
            yield name, self.tensors[f"{layer}.embed_sum"] / usage[:, None]

    def _dequantise(self, codes: Tensor) -> Tensor:
        features = torch.zeros(codes.shape[1], self.config.hidden_size)
        for (name, centroids), indices in zip(self._codebooks(), codes, strict=True):
            features += self._project(f"{name}.output_proj", centroids[indices])
        return features

    def _quantise(self, features: Tensor) -> Tensor:
        left: dict[str, Tensor] = {}
        codes: list[Tensor] = []
        for name, centroids in self._codebooks():
            rest = left.get(name, self._project(f"{name}.input_proj", features))
            codes.append((rest[:, None] - centroids).square().sum(2).argmin(1))
            left[name] = rest - centroids[codes[-1]]
        return torch.stack(codes)

    def _project(self, name: str, x: Tensor) -> Tensor:
        weight = self.tensors.get(f"{name}.weight")
        return x if weight is None else functional.linear(x, weight[:, :, 0])
