"""A column's embeddings, 34 rows of as many tables, summed in one kernel.

The text tables have gone through their projections in advance, and the second one's row for a pad
is zero: so text is looked up like audio. Never timed on a GPU yet.
"""

from dataclasses import dataclass

import torch
import triton
import triton.language as tl
from torch import Tensor


@dataclass(frozen=True)
class Tables:
    """What a column's tokens stand for; all of one dtype and width."""

    main: Tensor
    """[text vocabulary, width]"""
    second: Tensor
    """[text vocabulary, width]"""
    audio: Tensor
    """[codebooks * audio vocabulary, width]"""
    vocabulary: int
    """Of the audio."""


def embed(tokens: Tensor, tables: Tables) -> Tensor:
    """Columns [rows, 2 + codebooks] (int64) to vectors [rows, width]."""
    rows, channels = tokens.shape
    width = tables.audio.shape[1]
    x = torch.empty((rows, width), device=tokens.device, dtype=tables.audio.dtype)
    block = min(128, triton.next_power_of_2(width))
    lookup[rows, triton.cdiv(width, block)](
        x,
        tokens,
        tables.main,
        tables.second,
        tables.audio,
        tables.vocabulary,
        width=width,
        codebooks=channels - 2,
        block_codebooks=triton.next_power_of_2(channels - 2),
        block=block,
        num_warps=4,
        enable_fp_fusion=True,
    )
    return x


@triton.jit
def lookup(
    x: tl.tensor,
    tokens: tl.tensor,
    main: tl.tensor,
    second: tl.tensor,
    audio: tl.tensor,
    vocabulary: tl.tensor,
    width: tl.constexpr,
    codebooks: tl.constexpr,
    block_codebooks: tl.constexpr,
    block: tl.constexpr,
) -> None:
    """A row, and a piece of its width, per program."""
    row = tl.program_id(0)
    w = tl.program_id(1) * block + tl.arange(0, block)
    inside = w < width
    ids = tokens + row * (2 + codebooks)
    c = tl.arange(0, block_codebooks)
    rows = tl.load(ids + 2 + c, mask=c < codebooks, other=0) + c * vocabulary
    both = (c < codebooks)[:, None] & inside[None, :]
    embedded = tl.load(audio + rows[:, None] * width + w[None, :], mask=both, other=0)
    total = tl.sum(embedded.to(tl.float32), 0)
    total += tl.load(main + tl.load(ids) * width + w, mask=inside, other=0).to(tl.float32)
    total += tl.load(second + tl.load(ids + 1) * width + w, mask=inside, other=0).to(tl.float32)
    tl.store(x + row * width + w, total, mask=inside)
