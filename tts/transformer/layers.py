"""Rotary positions, attention and activations, as both Dias have them."""

from collections.abc import Callable

import torch
from torch import Tensor
from torch.nn import functional

ACTIVATIONS: dict[str, Callable[[Tensor], Tensor]] = {
    "silu": functional.silu,
    "gelu": functional.gelu,  # the exact one, by the error function
    "relu": functional.relu,
    "linear": lambda x: x,
}


class Rotary:
    """Rotary positions (RoPE): the two halves of a head are real and imaginary parts.

    Angles are computed from the position, not looked up: no table to run out of.
    """

    def __init__(
        self, head_dim: int, longest: float, device: torch.device, shortest: float = 1.0
    ) -> None:
        """`shortest` and `longest` are timescales, in positions."""
        exponent = torch.arange(0, head_dim, 2, dtype=torch.float32) / head_dim
        spread = longest / shortest
        self.frequencies = (1.0 / (shortest * spread**exponent)).to(device)

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
    if time == 1 and mask is None:  # the same in fewer operations, for a step
        q = q.reshape(batch, kv_heads, group, dim)
        y = functional.scaled_dot_product_attention(q, k, v, scale=1.0)
        return y.reshape(batch, 1, heads, dim)
    q = q.view(batch, time, kv_heads, group, dim).permute(0, 2, 3, 1, 4)
    q = q.reshape(batch, kv_heads, group * time, dim)
    if mask is not None:
        mask = mask[:, None, None].expand(-1, 1, group, -1, -1).flatten(2, 3)
    y = functional.scaled_dot_product_attention(q, k, v, attn_mask=mask, scale=1.0)
    y = y.view(batch, kv_heads, group, time, dim).permute(0, 3, 1, 2, 4)
    return y.reshape(batch, time, heads, dim)
