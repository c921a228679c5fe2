"""One draw on a CPU: what `network.sampling` does for all slots, for one, among few candidates.

The guidance filter leaves some fifty candidates of two thousand. Only they are looked at further,
which saves most of the time; rounding aside the result is the same.
"""

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

Numbers = NDArray[np.float32]


def draw_token(
    logits: Tensor,
    *,
    scale: float,
    filter_k: int,
    temperature: float,
    top_k: int,
    forbidden: tuple[int, ...],
    uniform: float,
) -> int | None:
    """A token for logits [branches, vocabulary]; None where only the whole procedure can tell.

    That is: where a candidate is no finite number, or only forbidden ids are left.
    """
    found = _candidates(logits, scale, filter_k, forbidden)
    if found is None:
        return None
    values, ids = found
    if temperature <= 0:
        best = int(values.argmax())
        return best if ids is None else int(ids[best])
    largest = values.max()
    p = np.exp((values - largest) / np.float32(max(temperature, 1e-6)))
    if 0 < top_k < len(p):
        kept = np.argsort(-p, kind="stable")[:top_k]
        kept.sort()
        p, ids = p[kept], kept if ids is None else ids[kept]
    sums = p.cumsum(dtype=np.float64)
    place = int(sums.searchsorted(uniform * sums[-1], side="right"))
    place = min(place, len(sums) - 1)
    return place if ids is None else int(ids[place])


def _candidates(
    logits: Tensor, scale: float, k: int, forbidden: tuple[int, ...]
) -> tuple[Numbers, NDArray[np.int64] | None] | None:
    """The logits that may be drawn from, and their ids in order (None: all); None: do not ask."""
    values: Numbers = logits[0].numpy()
    ids: NDArray[np.int64] | None = None
    if len(logits) > 1 and scale != 1 and k > 0:
        guided = torch.lerp(logits[1], logits[0], scale)
        edge = guided.topk(min(k, len(guided))).values[-1].item()
        ids = (guided.numpy() >= edge).nonzero()[0]
    if forbidden:
        ids = np.arange(len(values)) if ids is None else ids
        for token in forbidden:
            ids = ids[ids != token]
    if ids is not None:
        values = values[ids]
    return (values, ids) if len(values) and np.isfinite(values).all() else None
