"""The pieces both of Dia2's transformers are built from.

Weights and the residual stream are in the compute dtype; norms, rotary angles and heads (so all
logits) are in float32.
"""

from collections.abc import Callable

import torch
from torch import Tensor, nn
from torch.nn import functional

from tts.dia2.network.config import Dia2Config, Transformer

ACTIVATIONS: dict[str, Callable[[Tensor], Tensor]] = {
    "silu": functional.silu,
    "gelu": functional.gelu,  # the exact one, by the error function
    "relu": functional.relu,
    "linear": lambda x: x,
}


class Norm(nn.Module):
    """Root-mean-square norm over the last axis: in float32, rounded once."""

    def __init__(self, width: int, eps: float) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.empty(width, dtype=torch.float32))
        self.eps = eps

    def forward(self, x: Tensor) -> Tensor:
        wide = x.float()
        scale = torch.rsqrt(wide.square().mean(-1, keepdim=True) + self.eps)
        return (wide * scale * self.weight).to(x.dtype)


class Linear(nn.Linear):
    """A projection without bias, in the compute dtype."""

    def __init__(self, inputs: int, outputs: int, dtype: torch.dtype) -> None:
        super().__init__(inputs, outputs, bias=False, dtype=dtype)


class Head(nn.Linear):
    """Hidden state to float32 logits: its weights stay in float32 whatever the compute dtype."""

    def __init__(self, inputs: int, outputs: int) -> None:
        super().__init__(inputs, outputs, bias=False, dtype=torch.float32)

    def forward(self, x: Tensor) -> Tensor:
        return functional.linear(x.float(), self.weight)


class Gated(nn.Module):
    """The MLP: `wo(first(gate) * second(up))`; `wi` holds gate and up, one above the other."""

    def __init__(self, shape: Transformer, dtype: torch.dtype) -> None:
        super().__init__()
        self.wi = Linear(shape.width, 2 * shape.hidden, dtype)
        self.wo = Linear(shape.hidden, shape.width, dtype)
        self.first, self.second = (ACTIVATIONS[name] for name in shape.activations)

    def forward(self, x: Tensor) -> Tensor:
        gate, up = self.wi(x).chunk(2, dim=-1)
        y: Tensor = self.wo(self.first(gate) * self.second(up))
        return y


class TextEmbedding(nn.Module):
    """Two text streams in one vector; a pad on the second stream adds nothing."""

    def __init__(self, config: Dia2Config, width: int, rank: int, dtype: torch.dtype) -> None:
        super().__init__()
        self.embedding = nn.Embedding(config.text_vocab, rank, dtype=dtype)
        self.main_proj = Linear(rank, width, dtype)
        self.second_proj = Linear(rank, width, dtype)
        self.pad = config.pad

    def forward(self, main: Tensor, second: Tensor) -> Tensor:
        """Ids [...] of both streams to vectors [..., width]."""
        silent = (second == self.pad).unsqueeze(-1)
        ahead = self.second_proj(self.embedding(second)).masked_fill(silent, 0)
        y: Tensor = self.main_proj(self.embedding(main)) + ahead
        return y


class Rotary:
    """Rotary positions (RoPE): the two halves of a head are real and imaginary parts.

    Angles are computed from the position, not looked up: no table to run out of.
    """

    def __init__(self, config: Dia2Config, head_dim: int, device: torch.device) -> None:
        exponent = torch.arange(0, head_dim, 2, dtype=torch.float32) / head_dim
        spread = config.rope_max / config.rope_min
        self.frequencies = (1.0 / (config.rope_min * spread**exponent)).to(device)

    def angles(self, positions: Tensor, dtype: torch.dtype) -> tuple[Tensor, Tensor]:
        """Positions [...] to cosines and sines [..., 1, head_dim / 2]: the same for every head."""
        angle = positions.to(torch.float32)[..., None, None] * self.frequencies
        return angle.cos().to(dtype), angle.sin().to(dtype)


def rotate(x: Tensor, angles: tuple[Tensor, Tensor]) -> Tensor:
    """Rotate the heads of x [..., heads, head_dim] by `Rotary.angles`."""
    cos, sin = angles
    left, right = x.chunk(2, dim=-1)
    return torch.cat((left * cos - right * sin, right * cos + left * sin), dim=-1)


def attend(q: Tensor, k: Tensor, v: Tensor, mask: Tensor | None = None) -> Tensor:
    """Attention with scale 1 in which each key-value head serves a group of query heads.

    q [batch, time, heads, dim] over k, v [batch, kv_heads, keys, dim] gives [batch, time, heads,
    dim]; `mask` [batch or 1, time, keys] is true where a query may look, or is added to the scores.
    A group's query heads are laid out as further queries of their key-value head, so that keys are
    never repeated.
    """
    batch, time, heads, dim = q.shape
    kv_heads = k.shape[1]
    group = heads // kv_heads
    q = q.view(batch, time, kv_heads, group, dim).permute(0, 2, 3, 1, 4)
    q = q.reshape(batch, kv_heads, group * time, dim)
    if mask is not None:
        mask = mask[:, None, None].expand(-1, 1, group, -1, -1).flatten(2, 3)
    y = functional.scaled_dot_product_attention(q, k, v, attn_mask=mask, scale=1.0)
    y = y.view(batch, kv_heads, group, time, dim).permute(0, 3, 1, 2, 4)
    return y.reshape(batch, time, heads, dim)
