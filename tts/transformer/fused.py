"""The parts of a transformer, fused for speed.

Three things are folded into the matrices once: the weights of the norms into the matrix that comes
next; the order of a head's halves, so that a rotation is one complex product; and the square root
of a width, so that a norm is one division by a length.
"""

import math
from collections.abc import Callable

import torch
from torch import Tensor
from torch.nn import functional

from tts.transformer.layers import ACTIVATIONS
from tts.transformer.linear import Linear, Pack
from tts.transformer.shape import Transformer
from tts.transformer.weights import Weights


def interleaved(weight: Tensor, dim: int) -> Tensor:
    """Rows [heads * dim, ...] of two halves per head, with the halves interleaved."""
    return torch.unflatten(weight, 0, (-1, 2, dim // 2)).transpose(1, 2).flatten(0, 2)


class RMSScale:
    """x / sqrt(x x + width eps): an RMS norm but for its weight and sqrt(width)."""

    def __init__(self, width: int, eps: float, like: Tensor) -> None:
        self.eps = eps
        self.floor = torch.tensor(math.sqrt(width * eps), device=like.device)
        self.share = torch.full((width,), 1 / math.sqrt(width), device=like.device).to(like.dtype)

    def length(self, x: Tensor) -> Tensor:
        """What to divide by, [..., 1]."""
        return torch.hypot(torch.linalg.vector_norm(x, 2, -1, keepdim=True), self.floor)

    def __call__(self, x: Tensor) -> Tensor:
        if x.dtype == torch.float32:
            return x / self.length(x)
        return functional.rms_norm(x, self.share.shape, self.share, self.eps)


def norm_weight(weights: Weights, name: str) -> Tensor:
    """What a `RMSScale` in a norm's place is to be multiplied with, in float32."""
    weight = weights[f"{name}.weight"]
    return weight * math.sqrt(weight.shape[0])


def folded(weight: Tensor, norm: Tensor) -> Tensor:
    """A matrix [outputs, inputs] that takes what comes before the norm's weights."""
    return (weight * norm).to(weight.dtype)


class Mlp:
    """A pre-norm gated MLP with its residual: x + wo(first(gate) * second(up)) of x's norm."""

    def __init__(
        self, wi: Tensor, wo: Tensor, shape: Transformer, norm: RMSScale, pack: Pack
    ) -> None:
        """`wi` [2 * hidden, width], gate above up, has taken in the weights of the norm before."""
        self.norm = norm
        self.wi: Linear = pack(wi)
        self.wo: Linear = pack(wo)
        self.hidden = shape.hidden
        self.first, self.second = (ACTIVATIONS[name] for name in shape.activations)

    def __call__(self, x: Tensor) -> Tensor:
        y = self.wi(self.norm(x))
        gate, up = y[:, : self.hidden], y[:, self.hidden :]
        return self.wo.add(self.first(gate).mul_(self.second(up)), x)


class Heads:
    """The heads of a fused projection, in place: of queries and keys perhaps the RMS norm, then
    rotary positions.
    """

    def __init__(self, shape: Transformer, weight: Tensor | None = None, eps: float = 0.0) -> None:
        """`weight` [heads + kv_heads, dim], interleaved, is that of the norm, if there is one."""
        self.count, self.dim = shape.heads + shape.kv_heads, shape.head_dim
        self.weight = weight
        if weight is not None:
            self.scale = RMSScale(self.dim, eps, weight)

    def __call__(self, y: Tensor, rope: Tensor | None) -> Tensor:
        """y [rows, heads * dim] to [rows, heads, dim]; `rope` [..., 1, dim / 2] is complex."""
        heads = y.view(len(y), -1, self.dim)
        qk = heads[:, : self.count]
        wide = qk if qk.dtype == torch.float32 else qk.float()
        if self.weight is not None:
            wide.mul_(self.weight.div(self.scale.length(wide)))
        if rope is not None:
            torch.view_as_complex(wide.view(len(y), self.count, -1, 2)).mul_(rope)
        if wide is not qk:
            qk.copy_(wide)
        return heads


class Attention:
    """Pre-norm grouped-query self attention with its residual.

    Queries, keys and values are one projection (SPEC 3.1).
    """

    def __init__(self, qkv: Tensor, heads: Heads, out: Tensor, norm: RMSScale, pack: Pack) -> None:
        """`qkv` [heads * dim, width] has taken in the weights of the norm before it."""
        self.norm, self.heads = norm, heads
        self.qkv: Linear = pack(qkv)
        self.out: Linear = pack(out)

    def __call__(
        self, x: Tensor, rope: Tensor | None, attend: Callable[[Tensor], Tensor]
    ) -> Tensor:
        """x [rows, width] to the same.

        `attend` takes all heads [rows, heads, dim] to what the queries read [rows, heads * dim].
        """
        read = attend(self.heads(self.qkv(self.norm(x)), rope))
        return self.out.add(read, x)


class Block:
    """A pre-norm transformer block: self attention, gated MLP."""

    def __init__(self, attention: Attention, mlp: Mlp) -> None:
        self.attention, self.mlp = attention, mlp

    def __call__(
        self, x: Tensor, rope: Tensor | None, attend: Callable[[Tensor], Tensor]
    ) -> Tensor:
        """x [rows, width] to the same; arguments as for `Attention`."""
        return self.mlp(self.attention(x, rope, attend))
