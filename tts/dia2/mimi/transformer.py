"""Mimi's transformers: causal, over a sliding window of a few seconds."""

from collections.abc import Callable
from typing import NamedTuple, Protocol, Self

import torch
from torch import Tensor
from torch.nn import functional

from tts.codec.layers import FEW_ROWS, Linear
from tts.codec.weights import Weights
from tts.dia2.mimi.config import MimiConfig


class RingCache:
    """Keys and values of one stream of `slots` signals, in rings, and how far each slot is.

    The rings are [layers, keys and values, slots, heads, places, head_dim]. One has room for a
    window before each of the `longest` positions that are stepped together, so that all of them
    are written before any is read. Without a window the rings grow instead: then, and only then,
    shapes change.
    """

    def __init__(self, rings: Tensor, window: int | None) -> None:
        self.rings = rings
        self.window = window
        _, _, slots, heads, _, _ = rings.shape
        device = rings.device
        self.position = torch.zeros(slots, dtype=torch.long, device=device)
        self.counts = [0] * slots
        kinds = torch.arange(2, device=device)[:, None] * slots * heads
        self.series = torch.arange(slots * heads, device=device).view(slots, 1, 1, heads) + kinds

    def reset(self, slot: int) -> None:
        """Forget a slot's signal; what its rings hold is out of reach from then on."""
        self.position[slot] = 0
        self.counts[slot] = 0

    def grow(self, time: int) -> None:
        """Without a window: make room for `time` further positions."""
        self.counts = [count + time for count in self.counts]
        needed = max(self.counts)
        if self.window is None and needed > self.rings.shape[4]:
            self.rings = functional.pad(self.rings, (0, 0, 0, needed))

    def places(self, time: int) -> tuple[Tensor, Tensor, Tensor]:
        """The next `time` positions, the rows of a ring to write them to, a mask to read it by.

        Positions are [slots, time]; rows [slots * time * 2 * heads] index [..., head_dim] of a
        ring; the mask [slots, 1, time, places] is added to the scores.
        """
        size = self.rings.shape[4]
        query = self.position[:, None] + torch.arange(time, device=self.position.device)
        rows = self.series * size + (query % size)[:, :, None, None]
        last = query[:, -1:]
        places = torch.arange(size, device=self.position.device)
        key = (last - (last - places) % size)[:, None]  # the latest position in each place
        query_ = query[:, :, None]
        seen = (key >= 0) & (key <= query_)
        if self.window is not None:
            seen &= key > query_ - self.window
        mask = torch.zeros_like(seen, dtype=self.rings.dtype).masked_fill_(~seen, -torch.inf)
        return query, rows.flatten(), mask[:, None]

    def advance(self, time: int, active: Tensor | None) -> None:
        """Move on by `time` positions, where `active`."""
        self.position += time if active is None else time * active


class LayerWeights(NamedTuple):
    """A layer's weights.

    The learnt scales of both branches are folded into their last projections, and the rotary halves
    of a head are interleaved, so that a rotation is one complex product.
    """

    qkv: Tensor
    """[3 * heads * head_dim, width]"""
    out: Tensor
    up: Tensor
    down: Tensor
    norms: Tensor
    """[2, 2, width]: of both branches weights and biases"""

    @classmethod
    def take(cls, weights: Weights, name: str, config: MimiConfig) -> Self:
        width, hidden = config.hidden_size, config.intermediate_size
        heads, dim = config.num_attention_heads, config.head_dim
        kv_heads = config.num_key_value_heads
        attention = f"{name}.self_attn"
        q = _interleaved(weights.take(f"{attention}.q_proj.weight", heads * dim, width), dim)
        k = _interleaved(weights.take(f"{attention}.k_proj.weight", kv_heads * dim, width), dim)
        v = weights.take(f"{attention}.v_proj.weight", kv_heads * dim, width)
        k, v = (_for_each_query(x, heads // kv_heads, dim) for x in (k, v))
        scale = weights.take(f"{name}.self_attn_layer_scale.scale", width)
        out = scale[:, None] * weights.take(f"{attention}.o_proj.weight", width, heads * dim)
        up = weights.take(f"{name}.mlp.fc1.weight", hidden, width)
        scale = weights.take(f"{name}.mlp_layer_scale.scale", width)
        down = scale[:, None] * weights.take(f"{name}.mlp.fc2.weight", width, hidden)
        norms = [
            weights.take(f"{name}.{norm}.{part}", width)
            for norm in ("input_layernorm", "post_attention_layernorm")
            for part in ("weight", "bias")
        ]
        return cls(torch.cat((q, k, v)), out, up, down, torch.stack(norms).view(2, 2, width))


class TransformerLayer:
    """x + attention(norm(x)), then x + mlp(norm(x))."""

    def __init__(self, parts: LayerWeights, config: MimiConfig) -> None:
        self.shape = (3, config.num_attention_heads, config.head_dim)
        self.eps = config.norm_eps
        self.width = config.hidden_size
        self.qkv, self.out = Linear(parts.qkv), Linear(parts.out)
        self.up, self.down = Linear(parts.up, gelu=True), Linear(parts.down)
        self.norms = parts.norms

    def __call__(
        self, x: Tensor, shape: torch.Size, ring: Tensor, attention: "Attention"
    ) -> Tensor:
        """Rows [n, width], which change, to the same; `ring` gets keys and values.

        The first are the [slots, time] of `shape`; those after them count for nothing.
        """
        count = shape.numel()
        qkv = self.qkv(self._norm(x, 0))[:count]
        read = attention(qkv.view(*shape, *self.shape), ring)
        x[:count] += self.out(read.flatten(0, 1))
        return x + self.down(self.up(self._norm(x, 1)))

    def _norm(self, x: Tensor, which: int) -> Tensor:
        weight, bias = self.norms[which]
        return functional.layer_norm(x, (self.width,), weight, bias, self.eps)


class Attention(Protocol):
    """Attention at the next few positions of a stream, for all layers."""

    def __call__(self, qkv: Tensor, ring: Tensor) -> Tensor:
        """[slots, time, 3, heads, dim] to what is read [slots, time, heads * dim].

        Writes keys and values into a layer's `ring`.
        """


AttentionType = Callable[["RingCache", int, Tensor], Attention]
"""Makes one, from a stream's cache, how many positions come next, and the rotary frequencies."""


class MaskedAttention:
    """By PyTorch's attention, over the whole ring under a mask."""

    def __init__(self, cache: RingCache, time: int, frequencies: Tensor) -> None:
        positions, self.rows, self.mask = cache.places(time)
        angles = positions.float()[:, :, None, None, None] * frequencies
        self.rope = torch.polar(torch.ones_like(angles), angles)

    def __call__(self, qkv: Tensor, ring: Tensor) -> Tensor:
        qkv[:, :, :2] = rotate(qkv[:, :, :2], self.rope)
        ring.flatten(0, 3).index_copy_(0, self.rows, qkv[:, :, 1:].flatten(0, 3))
        q, (k, v) = qkv[:, :, 0].transpose(1, 2), ring
        y = functional.scaled_dot_product_attention(q, k, v, self.mask)
        return y.transpose(1, 2).flatten(2)


class Transformer:
    """[slots, time, hidden_size] to the same."""

    def __init__(
        self, weights: Weights, name: str, config: MimiConfig, attention: AttentionType
    ) -> None:
        self.attention = attention
        self.heads, self.head_dim = config.num_attention_heads, config.head_dim
        exponent = torch.arange(0, self.head_dim, 2, dtype=torch.float32) / self.head_dim
        self.layers = [
            TransformerLayer(LayerWeights.take(weights, f"{name}.layers.{each}", config), config)
            for each in range(config.num_hidden_layers)
        ]
        self.like = self.layers[0].norms
        self.frequencies = (1.0 / config.rope_theta**exponent).to(self.like.device)

    def new_cache(self, slots: int, longest: int, window: int | None) -> RingCache:
        """What a new stream remembers, if stepped by at most `longest` positions at a time."""
        places = longest - 1 + (longest if window is None else window)
        shape = (len(self.layers), 2, slots, self.heads, places, self.head_dim)
        return RingCache(self.like.new_zeros(shape), window)

    def __call__(self, x: Tensor, cache: RingCache, active: Tensor | None = None) -> Tensor:
        """The next outputs for the next inputs."""
        time = x.shape[1]
        cache.grow(time)
        attention = self.attention(cache, time, self.frequencies)
        shape = x.shape[:2]
        # As many rows as a product has anyhow, for all of them.
        missing = max(0, FEW_ROWS - shape.numel())
        rows = functional.pad(x.flatten(0, 1), (0, 0, 0, missing))
        for layer, ring in zip(self.layers, cache.rings, strict=True):
            rows = layer(rows, shape, ring, attention)
        cache.advance(time, active)
        return rows[: shape.numel()].view(x.shape)


def rotate(x: Tensor, rope: Tensor) -> Tensor:
    """Rotate the pairs of x [..., head_dim] by unit complex numbers [..., head_dim / 2]."""
    pairs = torch.view_as_complex(torch.unflatten(x.float(), -1, (-1, 2)))
    return torch.view_as_real(pairs * rope).flatten(-2).to(x.dtype)


def _interleaved(weight: Tensor, dim: int) -> Tensor:
    """Rows of a projection to heads of two halves, with the halves interleaved."""
    return torch.unflatten(weight, 0, (-1, 2, dim // 2)).transpose(1, 2).flatten(0, 2)


def _for_each_query(weight: Tensor, group: int, dim: int) -> Tensor:
    """Rows of a projection to key-value heads, repeated for each query head they serve."""
    return torch.unflatten(weight, 0, (-1, dim)).repeat_interleave(group, 0).flatten(0, 1)
