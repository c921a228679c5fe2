"""Keys and values of everything the backbone has seen: one static buffer for all slots.

A step appends one entry to each slot it runs for, whatever its position: where an entry lies and
which position it was rotated by are two things (after a voice prefix one position comes twice).
"""

import math
from typing import Protocol

import torch
from torch import Tensor

from tts.transformer.layers import attend
from tts.transformer.shape import Transformer

_ALIGNED = 16  # entries: a mask of another length is copied into one before it is used


def is_static(device: torch.device) -> bool:
    """Whether shapes must not change from step to step, as one captured graph wants it."""
    return device.type != "cpu"


def doubling(first: int, last: int) -> list[int]:
    """`first`, twice that, and so on; then `last`."""
    sizes = []
    while first < last:
        sizes.append(first)
        first *= 2
    return [*sizes, last]


def entries(steps: int) -> int:
    """For how many a slot has room, the one that does not count yet included."""
    return -(-(steps + 2) // _ALIGNED) * _ALIGNED


class CacheView(Protocol):
    """The key-value cache as one forward pass uses it: writes new entries, then attends."""

    def attend(self, layer: int, q: Tensor, k: Tensor, v: Tensor) -> Tensor:
        """q [..., heads, dim], k, v [..., kv_heads, dim] to what was read, shaped like q."""

    def commit(self) -> None:
        """Let the entries written count from now on."""


class Cache:
    """A static key-value cache [layers, slots, branches, kv_heads, entries, head_dim] (SPEC 7.3).

    `lengths` is how many entries of each slot are filled, on the device; `filled` is the host's own
    count of them. The entry behind the last is written by every step, also for slots it does not
    run for, and counts only once the length has moved past it.
    """

    def __init__(
        self,
        shape: Transformer,
        steps: int,
        slots: int,
        branches: int,
        *,
        device: torch.device,
        dtype: torch.dtype,
    ) -> None:
        """`steps` is how many the longest sequence takes."""
        self.entries = entries(steps)
        size = (shape.layers, slots, branches, shape.kv_heads, self.entries, shape.head_dim)
        # What a mask hides is still multiplied by nought. Where only filled entries are ever read,
        # memory is taken as they fill.
        blank = torch.zeros if is_static(device) else torch.empty
        self.keys = blank(size, device=device, dtype=dtype)
        self.values = blank(size, device=device, dtype=dtype)
        self.filled = [0] * slots
        self.lengths = torch.zeros(slots, device=device, dtype=torch.int64)

    def count(self, active: list[bool]) -> None:
        """Count on the host the entry that a step has added to each active slot."""
        self.filled = [n + runs for n, runs in zip(self.filled, active, strict=True)]

    def truncate(self, slot: int, length: int = 0) -> None:
        """Forget a slot's entries from `length` on."""
        self.filled[slot] = length
        self.lengths[slot] = length

    def save(self, slot: int, start: int = 0) -> tuple[Tensor, Tensor]:
        """A copy of a slot's keys and values [layers, branches, kv_heads, entries, head_dim].

        Of all its entries from `start` on.
        """
        those = (slice(None), slot, ..., slice(start, self.filled[slot]), slice(None))
        return self.keys[those].clone(), self.values[those].clone()

    def restore(self, slot: int, saved: tuple[Tensor, Tensor]) -> None:
        """Put what `save` gave behind a slot's entries; it may be another slot."""
        keys, values = saved
        start = self.filled[slot]
        end = start + keys.shape[3]
        self.keys[:, slot, :, :, start:end] = keys
        self.values[:, slot, :, :, start:end] = values
        self.truncate(slot, end)


class Step:
    """One new entry for every slot, q [slots, branches, heads, dim], where shapes may change.

    Each active slot attends to its own entries alone, so no slot's numbers depend on the others.
    """

    def __init__(self, cache: Cache, active: list[bool]) -> None:
        self.cache = cache
        self.active = active
        self._views = [
            (slot, self._by_layer(slot, n, n + 1), self._by_layer(slot, 0, n + 1))
            for slot, (runs, n) in enumerate(zip(active, cache.filled, strict=True))
            if runs
        ]
        """Of each active slot the new entry, and all of them."""

    def _by_layer(self, slot: int, first: int, end: int) -> list[tuple[Tensor, Tensor]]:
        """Entries of a slot, keys and values [branches, kv_heads, entries, dim] of each layer."""
        those = (slice(None), slot, slice(None), slice(None), slice(first, end))
        keys, values = self.cache.keys[those], self.cache.values[those]
        return list(zip(keys.unbind(), values.unbind(), strict=True))

    def attend(self, layer: int, q: Tensor, k: Tensor, v: Tensor) -> Tensor:
        reads = None if len(self._views) == len(q) == 1 else torch.zeros_like(q)
        for slot, new, seen in self._views:
            keys, values = new[layer]
            keys.copy_(k[slot].unsqueeze(2))
            values.copy_(v[slot].unsqueeze(2))
            y = attend(q[slot].unsqueeze(1), *seen[layer]).transpose(0, 1)
            if reads is None:
                return y
            reads[slot] = y[0]
        assert reads is not None
        return reads

    def commit(self) -> None:
        active = torch.tensor(self.active, dtype=torch.int64, device=self.cache.lengths.device)
        self.cache.lengths += active


class FixedStep:
    """One new entry for the first slots, over their first `span` entries, in fixed shapes.

    Every slot attends to the whole span under a mask, and no value is looked at: a captured graph
    can hold it. No slot's numbers depend on what the other slots do.
    """

    def __init__(self, cache: Cache, active: Tensor, span: int) -> None:
        """`active` [the first slots] is true where a slot's entry is to count."""
        n = len(active)
        self.keys, self.values = cache.keys[:, :n], cache.values[:, :n]
        self.active, self.span = active, span
        self.slots = torch.arange(n, device=active.device)
        self.lengths = cache.lengths[:n]
        beyond = torch.arange(span, device=active.device) > self.lengths[:, None]
        mask = torch.zeros(beyond.shape, device=active.device, dtype=cache.keys.dtype)
        mask.masked_fill_(beyond, -math.inf)
        self.mask = mask.repeat_interleave(cache.keys.shape[2], 0)[:, None]

    def attend(self, layer: int, q: Tensor, k: Tensor, v: Tensor) -> Tensor:
        keys, values = self.keys[layer], self.values[layer]
        keys[self.slots, :, :, self.lengths] = k
        values[self.slots, :, :, self.lengths] = v
        seen_k, seen_v = (each[:, :, :, : self.span].flatten(0, 1) for each in (keys, values))
        y = attend(q.flatten(0, 1)[:, None], seen_k, seen_v, self.mask)
        return y.view(q.shape)

    def commit(self) -> None:
        self.lengths += self.active


class Chunk:
    """Several new entries of one slot, q [branches, time, heads, dim], under a causal mask."""

    def __init__(self, cache: Cache, slot: int, time: int) -> None:
        self.cache = cache
        self.slot = slot
        self.start = cache.filled[slot]
        self.end = self.start + time
        entries = torch.arange(self.end, device=cache.keys.device)
        self.mask = (entries <= entries[self.start :, None])[None]

    def attend(self, layer: int, q: Tensor, k: Tensor, v: Tensor) -> Tensor:
        keys, values = self.cache.keys[layer, self.slot], self.cache.values[layer, self.slot]
        keys[:, :, self.start : self.end] = k.transpose(1, 2)
        values[:, :, self.start : self.end] = v.transpose(1, 2)
        return attend(q, keys[:, :, : self.end], values[:, :, : self.end], self.mask)

    def commit(self) -> None:
        self.cache.truncate(self.slot, self.end)


def new_step(cache: Cache, active: list[bool]) -> CacheView:
    """One new entry for every slot, in the way of the cache's device."""
    if not is_static(cache.keys.device):
        return Step(cache, active)
    return FixedStep(cache, torch.tensor(active, device=cache.lengths.device), cache.entries)
