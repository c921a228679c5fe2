"""Head norms, rotary positions, the cache's new entry and attention in one kernel.

The number of entries is read from the device, so that one captured graph serves every length up to
the one its grid is made for: programs beyond the filled part have nothing to do. Where that part
may be long several programs share a head, and a second kernel puts together what they found, in
one order. The new entry never goes through the cache on its way into its own attention, so nothing
waits for what another program writes.

Heads are laid out as in `tts.dia2.fast`: the halves of a query or key interleaved. Never timed on a
GPU yet.
"""

from dataclasses import dataclass

import torch
import triton
import triton.language as tl
from torch import Tensor

BLOCK = 64  # entries read at a time
SHARE = 128  # entries that are not worth a further program
PROGRAMS = 264  # two for each of an H200's multiprocessors


@dataclass(frozen=True)
class Heads:
    """What is done to the heads of a layer's fused projection [rows, (heads + 2 kv_heads) dim]."""

    heads: int
    kv_heads: int
    dim: int
    weight: Tensor
    """Of the norms, [heads + kv_heads, dim], times sqrt(dim)."""
    eps: float


def shares(rows: int, heads: int, entries: int) -> int:
    """How many programs look at up to so many entries of one head; a power of two."""
    most = min(-(-PROGRAMS // (rows * heads)), -(-entries // SHARE))
    return 1 << (most.bit_length() - 1)


def attend(
    qkv: Tensor,
    heads: Heads,
    angles: tuple[Tensor, Tensor] | None,
    keys: Tensor,
    values: Tensor,
    lengths: Tensor,
    *,
    branches: int = 1,
    entries: int,
) -> Tensor:
    """Put the new entry behind the filled ones, and read: [rows, heads dim], rows slot by slot.

    keys, values [rows or more, kv_heads, size, dim], each in one piece; `lengths` (int64) is how
    many entries of each slot are filled, at most `entries` - 1. `angles` are cosines and sines
    [slots, dim / 2] in float32, None where nothing is rotated. Lengths or angles of one slot are
    those of all rows.
    """
    rows, count, dim = len(qkv), heads.heads, heads.dim
    y = qkv.new_empty((rows, count * dim))
    splits = shares(rows, count, entries)
    found = weights = None
    if splits > 1:
        found = y.new_empty((rows * count, splits, dim), dtype=torch.float32)
        weights = y.new_empty((rows * count, splits, 2), dtype=torch.float32)
    cos, sin = angles if angles is not None else (None, None)
    wide = triton.next_power_of_2(dim)
    read[rows * count, splits](
        y,
        found,
        weights,
        qkv,
        heads.weight,
        cos,
        sin,
        keys,
        values,
        lengths,
        keys.shape[-2],
        dim * heads.eps,
        heads=count,
        kv_heads=heads.kv_heads,
        dim=dim,
        branches=branches,
        each_length=len(lengths) > 1,
        each_angle=cos is not None and len(cos) > 1,
        rotates=cos is not None,
        splits=splits,
        block=min(BLOCK, triton.next_power_of_2(entries)),
        block_dim=wide,
        num_warps=4,
        enable_fp_fusion=True,
    )
    if splits > 1:
        merge[(rows * count,)](
            y,
            found,
            weights,
            dim=dim,
            splits=splits,
            block_dim=wide,
            num_warps=2,
            enable_fp_fusion=True,
        )
    return y


@triton.jit
def head(
    line: tl.tensor,
    weight: tl.tensor,
    cos: tl.tensor,
    sin: tl.tensor,
    floor: tl.tensor,
    d: tl.tensor,
    inside: tl.tensor,
    rotates: tl.constexpr,
) -> tl.tensor:
    """A query or key, normed and rotated."""
    x = tl.load(line + d, mask=inside, other=0).to(tl.float32)
    length = tl.sqrt(tl.sum(x * x, 0) + floor)
    x *= tl.load(weight + d, mask=inside, other=0)
    if rotates:
        other = d ^ 1  # a pair are the real and the imaginary part of one number
        z = tl.load(line + other, mask=inside, other=0).to(tl.float32)
        z *= tl.load(weight + other, mask=inside, other=0)
        c = tl.load(cos + d // 2, mask=inside, other=0)
        s = tl.load(sin + d // 2, mask=inside, other=0)
        x = x * c + tl.where(d % 2 == 0, -z, z) * s
    return x / length


@triton.jit(do_not_specialize_on_alignment=["lengths"])
def read(
    y: tl.tensor,
    found: tl.tensor,
    weights: tl.tensor,
    qkv: tl.tensor,
    norm: tl.tensor,
    cos: tl.tensor,
    sin: tl.tensor,
    keys: tl.tensor,
    values: tl.tensor,
    lengths: tl.tensor,
    size: tl.tensor,
    floor: tl.tensor,
    heads: tl.constexpr,
    kv_heads: tl.constexpr,
    dim: tl.constexpr,
    branches: tl.constexpr,
    each_length: tl.constexpr,
    each_angle: tl.constexpr,
    rotates: tl.constexpr,
    splits: tl.constexpr,
    block: tl.constexpr,
    block_dim: tl.constexpr,
) -> None:
    """One query head of one row, and its share of the entries, per program."""
    place = tl.program_id(0)
    split = tl.program_id(1)
    row = place // heads
    number = place % heads
    kv = number // (heads // kv_heads)
    slot = row // branches
    d = tl.arange(0, block_dim)
    inside = d < dim
    line = qkv + row * ((heads + 2 * kv_heads) * dim)
    n = tl.load(lengths + slot * each_length).to(tl.int32)
    if rotates:
        cos += slot * (each_angle * (dim // 2))
        sin += slot * (each_angle * (dim // 2))
    q = head(line + number * dim, norm + number * dim, cos, sin, floor, d, inside, rotates)
    own = heads + kv
    k = head(line + own * dim, norm + own * dim, cos, sin, floor, d, inside, rotates)
    v = tl.load(line + (own + kv_heads) * dim + d, mask=inside, other=0)
    k = k.to(v.dtype)
    base = (row * kv_heads + kv).to(tl.int64) * size * dim
    # One of the query heads that share the key writes it; none reads what is written here.
    mine = (split == 0) & (number % (heads // kv_heads) == 0)
    if mine:
        tl.store(keys + base + n * dim + d, k, mask=inside)
        tl.store(values + base + n * dim + d, v, mask=inside)

    fresh = tl.sum(q * k.to(tl.float32), 0)
    largest = tl.where(split == 0, fresh, float("-inf"))
    total = tl.where(split == 0, 1.0, 0.0)
    sums = tl.where(split == 0, v.to(tl.float32), 0.0)
    share = tl.cdiv(tl.cdiv(n, splits), block) * block
    end = tl.minimum(n, (split + 1) * share)
    e = tl.arange(0, block)
    for start in tl.range(split * share, end, block, num_stages=2):
        entry = start + e
        there = (entry < end)[:, None] & inside[None, :]
        spot = base + entry[:, None] * dim + d[None, :]
        old_k = tl.load(keys + spot, mask=there, other=0).to(tl.float32)
        old_v = tl.load(values + spot, mask=there, other=0).to(tl.float32)
        score = tl.where(entry < end, tl.sum(old_k * q[None, :], 1), float("-inf"))
        higher = tl.maximum(largest, tl.max(score, 0))
        p = tl.exp(score - higher)
        fade = tl.exp(largest - higher)
        total = total * fade + tl.sum(p, 0)
        sums = sums * fade + tl.sum(p[:, None] * old_v, 0)
        largest = higher
    if splits == 1:
        tl.store(y + place * dim + d, sums / total, mask=inside)
    else:
        piece = place * splits + split
        tl.store(found + piece * dim + d, sums, mask=inside)
        tl.store(weights + piece * 2, largest)
        tl.store(weights + piece * 2 + 1, total)


@triton.jit
def merge(
    y: tl.tensor,
    found: tl.tensor,
    weights: tl.tensor,
    dim: tl.constexpr,
    splits: tl.constexpr,
    block_dim: tl.constexpr,
) -> None:
    """What the programs of one head found, as one."""
    place = tl.program_id(0)
    d = tl.arange(0, block_dim)
    inside = d < dim
    piece = place * splits + tl.arange(0, splits)
    largest = tl.load(weights + piece * 2)
    share = tl.exp(largest - tl.max(largest, 0))  # nothing, of a program without an entry
    total = tl.sum(share * tl.load(weights + piece * 2 + 1), 0)
    spots = found + piece[:, None] * dim + d[None, :]
    sums = tl.load(spots, mask=inside[None, :], other=0)
    tl.store(y + place * dim + d, tl.sum(sums * share[:, None], 0) / total, mask=inside)
