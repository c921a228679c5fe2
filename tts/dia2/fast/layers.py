"""The parts of both transformers, fused.

Three things are folded into the matrices once: the weights of the norms into the matrix that comes
next; the order of a head's halves, so that a rotation is one complex product; and the square root
of a width, so that a norm is one division by a length.
"""

import math

import torch
from torch import Tensor
from torch.nn import functional

from tts.dia2.fast.linear import Linear, pack
from tts.dia2.network.config import Transformer
from tts.dia2.network.layers import ACTIVATIONS, Gated, Norm


def take(module: torch.nn.Module) -> Tensor:
    """A module's weight, which the module loses: there is memory for one of the two networks."""
    weight = module.weight
    assert isinstance(weight, Tensor)
    module.weight = torch.nn.Parameter(weight.new_empty(0), requires_grad=False)
    return weight.detach()


def interleaved(weight: Tensor, dim: int) -> Tensor:
    """Rows [heads * dim, ...] of two halves per head, with the halves interleaved."""
    return torch.unflatten(weight, 0, (-1, 2, dim // 2)).transpose(1, 2).flatten(0, 2)


class RMSScale:
    """x / sqrt(x x + width eps): a root-mean-square norm but for its weight and sqrt(width)."""

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


def weight_of(norm: Norm) -> Tensor:
    """What a `RMSScale` in this norm's place is to be multiplied with."""
    return norm.weight.detach() * math.sqrt(norm.weight.shape[0])


class Mlp:
    """x + wo(first(gate) * second(up)) of x's norm."""

    def __init__(
        self, norm: Norm, mlp: Gated, shape: Transformer, unit: RMSScale, *, quantize: bool
    ) -> None:
        self.unit = unit
        self.wi: Linear = pack(take(mlp.wi).mul_(weight_of(norm)), quantize=quantize)
        self.wo: Linear = pack(take(mlp.wo), quantize=quantize)
        self.hidden = shape.hidden
        self.first, self.second = (ACTIVATIONS[name] for name in shape.activations)

    def __call__(self, x: Tensor) -> Tensor:
        y = self.wi(self.unit(x))
        gate, up = y[:, : self.hidden], y[:, self.hidden :]
        return self.wo.add(self.first(gate).mul_(self.second(up)), x)


class HeadsNorm:
    """Norms and turns the query and key heads of a fused projection in place."""

    def __init__(self, q_norm: Norm, k_norm: Norm, heads: int, kv_heads: int, eps: float) -> None:
        self.count = heads + kv_heads
        self.dim = q_norm.weight.shape[0]
        self.unit = RMSScale(self.dim, eps, q_norm.weight)
        self.weight = torch.cat(
            [
                interleaved(weight_of(norm), self.dim).expand(count, -1)
                for norm, count in ((q_norm, heads), (k_norm, kv_heads))
            ]
        )

    def __call__(self, y: Tensor, turn: Tensor | None) -> Tensor:
        """y [rows, heads * dim] to [rows, heads, dim]; `turn` [..., 1, dim / 2] is complex."""
        heads = y.view(len(y), -1, self.dim)
        qk = heads[:, : self.count]
        wide = qk if qk.dtype == torch.float32 else qk.float()
        wide.mul_(self.weight.div(self.unit.length(wide)))
        if turn is not None:
            torch.view_as_complex(wide.view(len(y), self.count, -1, 2)).mul_(turn)
        if wide is not qk:
            qk.copy_(wide)
        return heads


def attend(q: Tensor, keys: Tensor, values: Tensor) -> Tensor:
    """Few queries q [groups, n, dim] over keys [groups, dim, m] and values [groups, m, dim]."""
    if q.dtype == torch.float32:
        return torch.bmm(torch.bmm(q, keys).softmax(-1), values)
    batch = (q[None], keys.mT[None], values[None])
    return functional.scaled_dot_product_attention(*batch, scale=1.0)[0]
