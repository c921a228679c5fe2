"""Attention in Mimi's transformer on a CPU, of a few positions: compiled loops.

They read only what the window holds, where `MaskedAttention` reads and masks the whole ring.
"""

import numpy as np
import torch
from torch import Tensor

from tts.dia2.mimi.transformer import RingCache
from tts.transformer.cpu.loops import Floats, Integers, attend_one, compiled, kept


class CompiledAttention:
    """A `mimi.transformer.Attention` in float32."""

    def __init__(self, cache: RingCache, time: int, frequencies: Tensor) -> None:
        self.window = cache.rings.shape[4] if cache.window is None else cache.window
        self.positions = cache.position.numpy()
        self.ropes = angles(self.positions, time, frequencies.numpy())

    def __call__(self, qkv: Tensor, ring: Tensor) -> Tensor:
        rows = qkv.reshape(qkv.shape[:2].numel(), -1).numpy()
        read = attend(rows, ring.numpy(), self.positions, self.window, self.ropes)
        return torch.from_numpy(read).view(*qkv.shape[:2], -1)


def compile_loops() -> None:
    """Compile what the attention calls, if this machine has not done so before."""
    cache = RingCache(torch.zeros(1, 2, 1, 1, 1, 2), 1)
    CompiledAttention(cache, 1, torch.ones(1))(torch.zeros(1, 1, 3, 1, 2), cache.rings[0])


@kept
def angles(positions: Integers, time: int, frequencies: Floats) -> Floats:
    """Cosines and sines [slots * time, 2, dim / 2]."""
    ropes = np.empty((len(positions) * time, 2, frequencies.size), np.float32)
    for r in range(len(ropes)):
        position = np.float32(positions[r // time] + r % time)
        for i in range(frequencies.size):
            ropes[r, 0, i] = np.cos(position * frequencies[i])
            ropes[r, 1, i] = np.sin(position * frequencies[i])
    return ropes


@kept
def attend(parts: Floats, ring: Floats, positions: Integers, window: int, ropes: Floats) -> Floats:
    """Queries, keys and values [slots * time, 3 * heads * dim] to what is read [.., heads * dim].

    `ring` [2, slots, heads, places, dim] gets the keys and values before anything is read.
    """
    _, slots, heads, places, dim = ring.shape
    time, inner, scale = len(parts) // slots, heads * dim, np.float32(dim**-0.5)
    for r in range(len(parts)):
        slot, place = r // time, (positions[r // time] + r % time) % places
        for head in range(heads):
            here = head * dim
            rotate(parts[r, here : here + dim], ropes[r])
            rotate(parts[r, inner + here : inner + here + dim], ropes[r])
            for i in range(dim):
                parts[r, here + i] *= scale
                ring[0, slot, head, place, i] = parts[r, inner + here + i]
                ring[1, slot, head, place, i] = parts[r, 2 * inner + here + i]
    read = np.zeros((len(parts), inner), np.float32)
    for r in range(len(parts)):
        slot, last = r // time, positions[r // time] + r % time
        for head in range(heads):
            here = slice(head * dim, (head + 1) * dim)
            entries, count = (ring[0, slot, head], ring[1, slot, head]), min(last + 1, window)
            attend_one(parts[r, here], entries, last, count, read[r, here])
    return read


@compiled
def rotate(head: Floats, rope: Floats) -> None:
    """Rotate the pairs of a query or key [dim] by cosines and sines [2, dim / 2], in place."""
    for i in range(head.size // 2):
        left, right = head[2 * i], head[2 * i + 1]
        head[2 * i] = left * rope[0, i] - right * rope[1, i]
        head[2 * i + 1] = right * rope[0, i] + left * rope[1, i]
