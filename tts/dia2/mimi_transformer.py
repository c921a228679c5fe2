"""Mimi's transformers: causal, over a sliding window of a few seconds."""

import torch
from torch import Tensor
from torch.nn import functional

from tts.dia2.mimi_checkpoint import MimiConfig, Weights
from tts.dia2.mimi_layers import Linear


class Past:
    """Keys and values of one stream of `slots` signals, in rings, and how far each slot is.

    A ring has room for a window before each of the `longest` positions that are stepped together,
    so that all of them are written before any is read. Without a window the rings grow instead,
    doubling: then, and only then, shapes change.
    """

    def __init__(
        self, transformer: "Transformer", slots: int, longest: int, window: int | None
    ) -> None:
        like = transformer.frequencies
        self.window = window
        size = longest - 1 + (window or longest + 1)
        shape = (slots, size, 2, transformer.heads, transformer.head_dim)
        layers = transformer.layers
        self.rings = [layers[0].qkv.weight.new_zeros(shape) for _ in layers]
        self.position = torch.zeros(slots, dtype=torch.long, device=like.device)
        self.first_row = torch.arange(slots, device=like.device)[:, None]
        self.counts = [0] * slots

    def reset(self, slot: int) -> None:
        """Forget a slot's signal; what its rings hold is out of reach from then on."""
        self.position[slot] = 0
        self.counts[slot] = 0

    def grow(self, time: int) -> None:
        """Without a window: make room for `time` further positions."""
        self.counts = [count + time for count in self.counts]
        size = self.rings[0].shape[1]
        if self.window is None and max(self.counts) > size:
            more = max(self.counts)
            self.rings = [
                torch.cat((ring, torch.zeros_like(ring[:, :1]).expand(-1, more, -1, -1, -1)), 1)
                for ring in self.rings
            ]

    def places(self, time: int) -> tuple[Tensor, Tensor, Tensor]:
        """Of the next `time` positions: positions and rows to write, and a mask to read by.

        Positions are [slots, time], rows [slots * time] of the flattened rings; the mask [slots, 1,
        time, size] is added to the scores.
        """
        size = self.rings[0].shape[1]
        steps = torch.arange(time, device=self.position.device)
        places = torch.arange(size, device=self.position.device)
        query = self.position[:, None] + steps
        rows = self.first_row * size + query % size
        last = query[:, -1:]
        key = (last - (last - places) % size)[:, None]  # the latest position in each place
        query_ = query[:, :, None]
        seen = (key >= 0) & (key <= query_)
        if self.window is not None:
            seen &= key > query_ - self.window
        mask = torch.zeros_like(seen, dtype=self.rings[0].dtype)
        mask.masked_fill_(~seen, -torch.inf)
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
        self.up = Linear(weights.take(f"{name}.mlp.fc1.weight", hidden, width))
        scale = weights.take(f"{name}.mlp_layer_scale.scale", width)
        self.down = Linear(scale[:, None] * weights.take(f"{name}.mlp.fc2.weight", width, hidden))
        self.norms = [
            (weights.take(f"{name}.{norm}.weight", width), weights.take(f"{name}.{norm}.bias", width))
            for norm in ("input_layernorm", "post_attention_layernorm")
        ]

    def __call__(
        self, x: Tensor, ring: Tensor, rows: Tensor, mask: Tensor, turn: Tensor
    ) -> Tensor:
        """[slots, time, width] to the same; writes keys and values into `ring` at `rows`."""
        x = x + self.out(self._attend(self.qkv(self._norm(x, 0)), ring, rows, mask, turn))
        return x + self.down(functional.gelu(self.up(self._norm(x, 1))))

    def _attend(
        self, qkv: Tensor, ring: Tensor, rows: Tensor, mask: Tensor, turn: Tensor
    ) -> Tensor:
        qkv = qkv.unflatten(-1, self.shape)
        qkv[:, :, :2] = rotate(qkv[:, :, :2], turn)
        ring.flatten(0, 1).index_copy_(0, rows, qkv[:, :, 1:].flatten(0, 1))
        k, v = ring.permute(2, 0, 3, 1, 4)
        y = functional.scaled_dot_product_attention(qkv[:, :, 0].transpose(1, 2), k, v, mask)
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
        return Past(self, slots, longest, window)

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
    """Turn the pairs of x [..., head_dim] by the unit complex numbers `turn` [..., head_dim / 2]."""
    pairs = torch.view_as_complex(x.float().unflatten(-1, (-1, 2)))
    return torch.view_as_real(pairs * turn).flatten(-2).to(x.dtype)


def _interleaved(weight: Tensor, dim: int) -> Tensor:
    """Rows of a projection to heads of two halves, with the halves interleaved."""
    return weight.unflatten(0, (-1, 2, dim // 2)).transpose(1, 2).flatten(0, 2)


def _for_each_query(weight: Tensor, group: int, dim: int) -> Tensor:
    """Rows of a projection to key-value heads, repeated for each query head they serve."""
    return weight.unflatten(0, (-1, dim)).repeat_interleave(group, 0).flatten(0, 1)
