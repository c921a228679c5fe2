"""One draw in one kernel: guidance, candidates, top-k, softmax, the token, the next embedding.

The meaning is that of `network.sampling.Sampler.sample`, down to ties: those at the edge
of the guidance all stay, of the top-k exactly k do, the lower ids first. There are no sorts: a
float's bits, read as an integer, are in its order, and the k-th largest is found bit by bit, by
counting. Sums are in another order than PyTorch's, so where a draw falls within a rounding
(some 1e-7) of the border between two tokens it may be the neighbour.

Never timed on a GPU yet.
"""

from dataclasses import dataclass

import triton
import triton.language as tl
from torch import Tensor

from tts.dia2.network.sampling import ACTION, FIRST_CODEBOOK, Sampler


@dataclass(frozen=True)
class Next:
    """What the token is for: x [rows, width] = start [rows, width] + table[token]."""

    x: Tensor
    start: Tensor
    """Its rows may lie apart."""
    table: Tensor


def draw(
    sampler: Sampler,
    logits: Tensor,
    number: int,
    steps: Tensor,
    tokens: Tensor,
    column: int = 0,
    following: Next | None = None,
) -> None:
    """Put each slot's draw `number` of its step `steps` [slots] in tokens[:, column] (int64).

    logits [slots, branches, vocabulary] in float32, in one piece; both branches' rows of
    `following` get the same token's embedding.
    """
    slots, branches, vocabulary = logits.shape
    kind = int(number != ACTION)
    low, high = sorted(sampler.forbidden) if number == FIRST_CODEBOOK else (vocabulary, vocabulary)
    x, start, table = (
        (following.x, following.start, following.table) if following else (None, None, None)
    )
    width = table.shape[1] if table is not None else 1
    sample[(slots,)](
        tokens,
        logits,
        sampler.uniforms,
        steps,
        sampler.scale,
        sampler.filter_k,
        sampler.temperature[kind],
        sampler.top_k[kind],
        x,
        start,
        table,
        column,
        tokens.stride(0),
        steps.stride(0),
        vocabulary,
        sampler.uniforms.shape[1],
        sampler.uniforms.shape[2],
        number,
        low,
        high,
        start.stride(0) if start is not None else 0,
        branches=branches,
        follows=following is not None,
        width=width,
        block=triton.next_power_of_2(vocabulary),
        block_width=triton.next_power_of_2(width),
        num_warps=4 if vocabulary <= 2048 else 8,
        enable_fp_fusion=True,
    )


@triton.jit
def ordered(x: tl.tensor) -> tl.tensor:
    """Float32 as integers of the same order, zeros of both signs next to each other."""
    bits = x.to(tl.int32, bitcast=True)
    return bits ^ ((bits >> 31) & 0x7FFFFFFF)


@triton.jit
def kth_largest(x: tl.tensor, inside: tl.tensor, k: tl.tensor) -> tl.tensor:
    """The k-th largest float32 of those inside, of which there are at least k; NaN is largest."""
    rank = tl.where(x == x, ordered(x), 0x7FFFFFFF)
    rank = tl.where(inside, rank, -0x80000000)
    edge = tl.where(tl.sum((rank >= 0).to(tl.int32), 0) >= k, 0, -0x80000000)
    for done in range(31):
        higher = edge + (1 << (30 - done))
        edge = tl.where(tl.sum((rank >= higher).to(tl.int32), 0) >= k, higher, edge)
    return ordered(edge.to(tl.float32, bitcast=True)).to(tl.float32, bitcast=True)


@triton.jit(
    do_not_specialize=["column", "number", "low", "high", "tokens_apart", "steps_apart"],
    do_not_specialize_on_alignment=["tokens", "steps", "temperature", "top_k"],
)
def sample(
    tokens: tl.tensor,
    logits: tl.tensor,
    uniforms: tl.tensor,
    steps: tl.tensor,
    scale: tl.tensor,
    filter_k: tl.tensor,
    temperature: tl.tensor,
    top_k: tl.tensor,
    x: tl.tensor,
    start: tl.tensor,
    table: tl.tensor,
    column: tl.tensor,
    tokens_apart: tl.tensor,
    steps_apart: tl.tensor,
    vocabulary: tl.tensor,
    most_steps: tl.tensor,
    draws: tl.tensor,
    number: tl.tensor,
    low: tl.tensor,
    high: tl.tensor,
    start_apart: tl.tensor,
    branches: tl.constexpr,
    follows: tl.constexpr,
    width: tl.constexpr,
    block: tl.constexpr,
    block_width: tl.constexpr,
) -> None:
    """One slot per program."""
    slot = tl.program_id(0)
    i = tl.arange(0, block)
    inside = i < vocabulary
    line = logits + slot * branches * vocabulary + i
    z = tl.load(line, mask=inside, other=float("-inf"))
    if branches == 2:
        free = tl.load(line + vocabulary, mask=inside, other=0)
        s = tl.load(scale + slot)
        k = tl.load(filter_k + slot).to(tl.int32)
        if (s != 1) & (k > 0):
            near = tl.where(inside, z, 0)
            apart = near - free
            low_end = free + s * apart
            high_end = near - apart * (1 - s)
            guided = tl.where(tl.abs(s) < 0.5, low_end, high_end)
            edge = kth_largest(guided, inside, tl.minimum(k, vocabulary))
            z = tl.where(inside & (guided >= edge), z, float("-inf"))
    z = tl.where(inside & ((i == low) | (i == high)), -3.4028234663852886e38, z)

    heat = tl.load(temperature + slot)
    # The likeliest, the first of equals.
    found = tl.min(tl.where(inside & (z == tl.max(z, 0)), i, block), 0)
    if heat > 0:
        warm = z / tl.maximum(heat, 1e-6)
        e = tl.exp(warm - tl.max(warm, 0))
        p = e / tl.sum(e, 0)
        p = tl.where((p >= 0) & (p < float("inf")), p, 0)  # not so of what is no number
        total = tl.sum(p, 0)
        p = tl.where(total > 0, p / tl.maximum(total, 1e-12), tl.where(i == 0, 1.0, 0.0))
        most = tl.load(top_k + slot).to(tl.int32)
        if (most > 0) & (tl.sum((p > 0).to(tl.int32), 0) > most):
            edge = kth_largest(p, inside, most)
            more = p > edge
            ties = (p == edge) & inside
            before = tl.cumsum(ties.to(tl.int32), 0) - ties.to(tl.int32)
            rest = most - tl.sum(more.to(tl.int32), 0)
            p = tl.where(more | (ties & (before < rest)), p, 0)
        sums = tl.cumsum(p.to(tl.float64), 0)
        step = tl.load(steps + slot * steps_apart)
        place = (slot * most_steps + step) * draws + number
        target = tl.load(uniforms + place) * tl.max(sums, 0)
        found = tl.min(tl.where((sums > target) & (p > 0), i, block), 0)
        if found == block:
            found = tl.max(tl.where(p > 0, i, 0), 0)
    found = tl.minimum(found, vocabulary - 1)
    tl.store(tokens + slot * tokens_apart + column, found.to(tl.int64))
    if follows:
        w = tl.arange(0, block_width)
        there = w < width
        embedded = tl.load(table + found * width + w, mask=there, other=0).to(tl.float32)
        for branch in tl.static_range(branches):
            row = slot * branches + branch
            begun = tl.load(start + row * start_apart + w, mask=there, other=0).to(tl.float32)
            tl.store(x + row * width + w, begun + embedded, mask=there)
