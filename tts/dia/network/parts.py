"""The parts that encoder and decoder have in common, made of a checkpoint's tensors."""

import torch

from tts.transformer.fused import (
    Attention,
    Heads,
    Mlp,
    RMSScale,
    folded,
    interleaved,
    norm_weight,
)
from tts.transformer.linear import Pack
from tts.transformer.shape import Transformer
from tts.transformer.weights import Weights


def attention_of(
    weights: Weights, layer: str, shape: Transformer, norm: RMSScale, pack: Pack
) -> Attention:
    """The self attention of a layer, with the norm before it."""
    name = f"{layer}.self_attention"
    q, k = (interleaved(weights[f"{name}.{each}_proj.weight"], shape.head_dim) for each in "qk")
    qkv = torch.cat((q, k, weights[f"{name}.v_proj.weight"]))
    qkv = folded(qkv, norm_weight(weights, f"{layer}.pre_sa_norm"))
    out = weights[f"{name}.o_proj.weight"]
    return Attention(qkv, Heads(shape), out, norm, pack)


def mlp_of(
    weights: Weights,
    layer: str,
    before: str,
    shape: Transformer,
    norm: RMSScale,
    *,
    pack: Pack,
) -> Mlp:
    """The MLP of a layer, with the norm `before` it."""
    wi = folded(
        weights[f"{layer}.mlp.gate_up_proj.weight"], norm_weight(weights, f"{layer}.{before}")
    )
    return Mlp(wi, weights[f"{layer}.mlp.down_proj.weight"], shape, norm, pack)
