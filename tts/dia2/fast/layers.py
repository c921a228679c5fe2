"""The parts of Dia2's two transformers, made of a checkpoint's tensors."""

import torch
from torch import Tensor

from tts.transformer.fused import Heads, Mlp, RMSScale, folded, interleaved, norm_weight
from tts.transformer.linear import Pack
from tts.transformer.shape import Transformer
from tts.transformer.weights import Weights


def make_mlp(weights: Weights, layer: str, shape: Transformer, norm: RMSScale, pack: Pack) -> Mlp:
    """The MLP of a layer, with the norm before it."""
    wi = folded(weights[f"{layer}.mlp.wi.weight"], norm_weight(weights, f"{layer}.post_norm"))
    return Mlp(wi, weights[f"{layer}.mlp.wo.weight"], shape, norm, pack)


def make_heads(weights: Weights, attention: str, shape: Transformer, eps: float) -> Heads:
    """The norms of a layer's heads."""
    weight = torch.cat(
        [
            interleaved(norm_weight(weights, f"{attention}.{name}"), shape.head_dim).expand(n, -1)
            for name, n in (("q_norm", shape.heads), ("k_norm", shape.kv_heads))
        ]
    )
    return Heads(shape, weight, eps)


def make_qkv(q: Tensor, k: Tensor, v: Tensor, dim: int) -> Tensor:
    """One projection [heads * dim, width] of three, its rotated heads interleaved."""
    return torch.cat((interleaved(q, dim), interleaved(k, dim), v))
