"""The delayed grid: column t holds what is chosen at step t - 1, codebook i of frame t - delays[i].

Arrays are NumPy, codebooks by columns; `UNWRITTEN` marks a cell that no step has written.
"""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

Codes = NDArray[np.int32]
UNWRITTEN = -2


def delay(aligned: Codes, delays: Sequence[int], pad: int) -> Codes:
    """Shift each codebook's row to the right by its delay; [codebooks, frames + longest delay]."""
    codebooks, frames = aligned.shape
    grid = np.full((codebooks, frames + max(delays, default=0)), pad, np.int32)
    for row, codes, lag in zip(grid, aligned, delays, strict=False):
        row[lag : lag + frames] = codes
    return grid


def undelay(grid: Codes, delays: Sequence[int], first: int = 0, end: int | None = None) -> Codes:
    """Frames [first, end) of a grid, [codebooks, frames]; by default all that are complete."""
    complete = max(0, grid.shape[1] - max(delays, default=0))
    end = complete if end is None else min(end, complete)
    first = min(first, end)
    if not delays:
        return grid[:, first:end]
    columns = np.asarray(delays)[:, None] + np.arange(first, end)
    frames: Codes = grid[np.arange(len(grid))[:, None], columns]
    return frames


def column(grid: Codes, step: int, delays: Sequence[int], bos: int) -> NDArray[np.int32]:
    """What the network hears at a step, [codebooks]: `bos` until a codebook's delay is over."""
    if step >= grid.shape[1]:
        return np.full(len(grid), bos, np.int32)
    return np.where(step >= np.asarray(delays), grid[:, step], bos).astype(np.int32)
