"""Mimi's transformers: causal, over a sliding window of a few seconds."""

import torch
from torch import Tensor
from torch.nn import functional

from tts.dia2.mimi_checkpoint import MimiConfig, Weights
from tts.dia2.mimi_layers import Linear


class Past:
    """Keys and values of one stream of `slots` signals, in rings, and how far each slot is.

    A ring is [keys and values, slots, heads, places, head_dim], one per layer. It has room for a
    window before each of the `longest` positions that are stepped together, so that all of them
    are written before any is read. Without a window the rings grow instead: then, and only then,
    shapes change.
    """

    def __init__(self, rings: list[Tensor], window: int | None) -> None:
        self.rings = rings
        self.window = window
        _, slots, heads, _, _ = rings[0].shape
        device = rings[0].device
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
        if self.window is None and needed > self.rings[0].shape[3]:
            self.rings = [functional.pad(ring, (0, 0, 0, needed)) for ring in self.rings]

    def places(self, time: int) -> tuple[Tensor, Tensor, Tensor]:
        """The next `time` positions, the rows of a ring to write them to, a mask to read it by.

        Positions are [slots, time]; rows [slots * time * 2 * heads] index [..., head_dim] of a
        ring; the mask [slots, 1, time, places] is added to the scores.
        """
        size = self.rings[0].shape[3]
        query = self.position[:, None] + torch.arange(time, device=self.position.device)
        rows = self.series * size + (query % size)[:, :, None, None]
        last = query[:, -1:]
        places = torch.arange(size, device=self.position.device)
        key = (last - (last - places) % size)[:, None]  # the latest position in each place
        query_ = query[:, :, None]
        seen = (key >= 0) & (key <= query_)
        if self.window is not None:
            seen &= key > query_ - self.window
        mask = torch.zeros_like(seen, dtype=self.rings[0].dtype).masked_fill_(~seen, -torch.inf)
        return query, rows.flatten(), mask[:, None]

    def advance(self, time: int, active: Tensor | None) -> None:
        """Move on by `time` positions, where `active`."""
        self.position += time if active is None else time * active


class Layer:
    """x + attention(norm(x)), then x + mlp(norm(x)).

    The learnt scales of both branches are folded into their last projections, and the rotary halves
    of a head are interleaved, so that a rotation is one complex product.
    """

    def __init__(self, weights: Weights, name: str, config: MimiConfig) -> None:
        width, hidden = config.hidden_size, config.intermediate_size
        heads, dim = config.num_attention_heads, config.head_dim
        kv_heads = config.num_key_value_heads
        self.shape = (3, heads, dim)
        self.eps = config.norm_eps
        self.width = width
        attention = f"{name}.self_attn"
        q = _interleaved(weights.take(f"{attention}.q_proj.weight", heads * dim, width), dim)
        k = _interleaved(weights.take(f"{attention}.k_proj.weight", kv_heads * dim, width), dim)
        v = weights.take(f"{attention}.v_proj.weight", kv_heads * dim, width)
        k, v = (_for_each_query(x, heads // kv_heads, dim) for x in (k, v))
        self.qkv = Linear(torch.cat((q, k, v)))
        scale = weights.take(f"{name}.self_attn_layer_scale.scale", width)
        out = weights.take(f"{attention}.o_proj.weight", width, heads * dim)
        self.out = Linear(scale[:, None] * out)
        self.up = Linear(weights.take(f"{name}.mlp.fc1.weight", hidden, width), gelu=True)
        scale = weights.take(f"{name}.mlp_layer_scale.scale", width)
        self.down = Linear(scale[:, None] * weights.take(f"{name}.mlp.fc2.weight", width, hidden))
        self.norms = [
            (
                weights.take(f"{name}.{norm}.weight", width),
                weights.take(f"{name}.{norm}.bias", width),
            )
            for norm in ("input_layernorm", "post_attention_layernorm")
        ]

    def __call__(self, x: Tensor, ring: Tensor, rows: Tensor, mask: Tensor, turn: Tensor) -> Tensor:
        """[slots, time, width] to the same; writes keys and values into `ring` at `rows`."""
        x = x + self.out(self._attend(self.qkv(self._norm(x, 0)), ring, rows, mask, turn))
        return x + self.down(self.up(self._norm(x, 1)))

    def _attend(
        self, qkv: Tensor, ring: Tensor, rows: Tensor, mask: Tensor, turn: Tensor
    ) -> Tensor:
        qkv = qkv.view(*qkv.shape[:2], *self.shape)
        qkv[:, :, :2] = rotate(qkv[:, :, :2], turn)
        ring.flatten(0, 3).index_copy_(0, rows, qkv[:, :, 1:].flatten(0, 3))
        q, (k, v) = qkv[:, :, 0].transpose(1, 2), ring
        y = functional.scaled_dot_product_attention(q, k, v, mask)
        return y.transpose(1, 2).flatten(2)

    def _norm(self, x: Tensor, which: int) -> Tensor:
        weight, bias = self.norms[which]
        return functional.layer_norm(x, (self.width,), weight, bias, self.eps)


class Transformer:
    """[slots, time, hidden_size] to the same."""

    def __init__(self, weights: Weights, name: str, config: MimiConfig) -> None:
        self.heads, self.head_dim = config.num_attention_heads, config.head_dim
        self.layers = [
            Layer(weights, f"{name}.layers.{each}", config)
            for each in range(config.num_hidden_layers)
        ]
        exponent = torch.arange(0, self.head_dim, 2, dtype=torch.float32) / self.head_dim
        device = self.layers[0].norms[0][0].device
        self.frequencies = (1.0 / config.rope_theta**exponent).to(device)

    def past(self, slots: int, longest: int, window: int | None) -> Past:
        """What a new stream remembers, if stepped by at most `longest` positions at a time."""
        places = longest - 1 + (longest if window is None else window)
        shape = (2, slots, self.heads, places, self.head_dim)
        return Past([layer.norms[0][0].new_zeros(shape) for layer in self.layers], window)

    def __call__(self, x: Tensor, past: Past, active: Tensor | None = None) -> Tensor:
        """The next outputs for the next inputs."""
        time = x.shape[1]
        past.grow(time)
        positions, rows, mask = past.places(time)
        angles = positions.float()[:, :, None, None, None] * self.frequencies
        turn = torch.polar(torch.ones_like(angles), angles)
        for layer, ring in zip(self.layers, past.rings, strict=True):
            x = layer(x, ring, rows, mask, turn)
        past.advance(time, active)
        return x


def rotate(x: Tensor, turn: Tensor) -> Tensor:
    """Turn the pairs of x [..., head_dim] by unit complex numbers [..., head_dim / 2]."""
    pairs = torch.view_as_complex(torch.unflatten(x.float(), -1, (-1, 2)))
    return torch.view_as_real(pairs * turn).flatten(-2).to(x.dtype)


def _interleaved(weight: Tensor, dim: int) -> Tensor:
    """Rows of a projection to heads of two halves, with the halves interleaved."""
    return torch.unflatten(weight, 0, (-1, 2, dim // 2)).transpose(1, 2).flatten(0, 2)


def _for_each_query(weight: Tensor, group: int, dim: int) -> Tensor:
    """Rows of a projection to key-value heads, repeated for each query head they serve."""
    return torch.unflatten(weight, 0, (-1, dim)).repeat_interleave(group, 0).flatten(0, 1)
