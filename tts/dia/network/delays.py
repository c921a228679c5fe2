"""The delayed grid: frame f of codebook c stands in row 1 + f + delays[c]; row 0 begins.

Arrays are NumPy, [rows or frames, codebooks]; `FREE` marks a cell that is to be drawn.
"""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

Codes = NDArray[np.int32]
"""[frames, codebooks]"""
FREE = -1


def delay(codes: Codes, delays: Sequence[int], bos: int) -> Codes:
    """Lay out known codes: all the rows they have a part in, [1 + frames + longest delay, …].

    A codebook begins with `bos`, in the row of its delay and before; after its codes it is free.
    """
    frames, codebooks = codes.shape
    grid = np.full((1 + frames + max(delays), codebooks), FREE, np.int32)
    for codebook, lag in enumerate(delays):
        grid[: 1 + lag, codebook] = bos
        grid[1 + lag : 1 + lag + frames, codebook] = codes[:, codebook]
    return grid


def undelay(grid: Codes, delays: Sequence[int], first: int, end: int) -> Codes:
    """Frames [first, end) of a grid, whose rows must reach to 1 + end + the longest delay."""
    rows = 1 + np.arange(first, end)[:, None] + np.asarray(delays)
    frames: Codes = grid[rows, np.arange(grid.shape[1])]
    return frames
