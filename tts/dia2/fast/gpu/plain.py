"""What each kernel means, in PyTorch: for their tests, their check at load and their bench.

In float32 whatever they are given, and in no hurry. A draw means `Sampler.sample`.
"""

import torch
from torch import Tensor
from torch.nn import functional

from tts.dia2.fast.gpu.kernels.attend import Heads
from tts.dia2.fast.gpu.kernels.embed import Tables
from tts.dia2.fast.gpu.kernels.project import Matrix
from tts.dia2.network.layers import ACTIVATIONS


def project(
    x: Tensor,
    matrix: Matrix,
    *,
    norm: float | None = None,
    add: Tensor | None = None,
    dtype: torch.dtype | None = None,
) -> Tensor:
    wide = x.float()
    if norm is not None:
        wide = wide / torch.sqrt((wide * wide).sum(-1, keepdim=True) + x.shape[1] * norm)
    weight = matrix.weight.float()
    if matrix.scale is not None:
        weight = weight * matrix.scale[:, None]
    y = functional.linear(wide, weight)
    if matrix.activations is not None:
        first, second = (ACTIVATIONS[name] for name in matrix.activations)
        gate, up = y.chunk(2, 1)
        y = first(gate) * second(up)
    if add is not None:
        y = y + add
    return y.to(dtype or x.dtype)


def embed(tokens: Tensor, tables: Tables) -> Tensor:
    places = torch.arange(tokens.shape[1] - 2, device=tokens.device) * tables.vocabulary
    x = tables.audio[tokens[:, 2:] + places].float().sum(1)
    text = tables.main[tokens[:, 0]].float() + tables.second[tokens[:, 1]].float()
    return (x + text).to(tables.audio.dtype)


def attend(
    qkv: Tensor,
    heads: Heads,
    angles: tuple[Tensor, Tensor] | None,
    keys: Tensor,
    values: Tensor,
    lengths: Tensor,
    *,
    branches: int = 1,
) -> Tensor:
    y = qkv.float().view(len(qkv), -1, heads.dim)
    qk, v = torch.split(y, [heads.heads + heads.kv_heads, heads.kv_heads], 1)
    length = torch.sqrt((qk * qk).sum(-1, keepdim=True) + heads.dim * heads.eps)
    qk = qk * heads.weight / length
    slots = torch.arange(len(qkv), device=qkv.device) // branches
    if angles is not None:
        cos, sin = (each.expand(int(slots[-1]) + 1, -1)[slots] for each in angles)
        rope = torch.complex(cos, sin)[:, None]
        pairs = torch.view_as_complex(torch.unflatten(qk, -1, (-1, 2)).contiguous())
        qk = torch.view_as_real(pairs * rope).flatten(-2)
    q, k = torch.split(qk, [heads.heads, heads.kv_heads], 1)
    keys, values = (each.view(-1, *each.shape[-3:]) for each in (keys, values))
    group, reads = heads.heads // heads.kv_heads, []
    for row, n in enumerate(lengths.expand(int(slots[-1]) + 1)[slots].tolist()):
        keys[row, :, n], values[row, :, n] = k[row], v[row]
        seen_k, seen_v = (
            each[row, :, : n + 1].float().repeat_interleave(group, 0) for each in (keys, values)
        )
        scores = torch.einsum("hd,hed->he", q[row], seen_k)
        reads.append(torch.einsum("he,hed->hd", scores.softmax(-1), seen_v))
    return torch.stack(reads).flatten(1).to(qkv.dtype)
