"""Keys and values of everything the backbone has seen: one static buffer for all slots.

A step appends one entry to each slot it runs for, whatever its position: where an entry lies and
which position it was turned by are two things (after a voice prefix one position comes twice).
"""

import math
from typing import Protocol

import torch
from torch import Tensor

from tts.dia2.network.config import Dia2Config
from tts.dia2.network.layers import attend

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


def entries(config: Dia2Config) -> int:
    """For how many a slot has room, the one that does not count yet included."""
    return -(-(config.max_steps + 2) // _ALIGNED) * _ALIGNED


class Memory(Protocol):
    """What a layer attends to: takes in new keys and values, then answers the queries."""

    def attend(self, layer: int, q: Tensor, k: Tensor, v: Tensor) -> Tensor:
        """q [..., heads, dim], k, v [..., kv_heads, dim] to what was read, shaped like q."""


class Cache:
    """keys, values: [layers, slots, branches, kv_heads, size, head_dim]; `filled` entries a slot.

    `lengths` is `filled` on the device. The entry behind the last is written by every step, also
    for slots it does not run for, and counts only once the length has moved past it.
    """

    def __init__(
        self,
        config: Dia2Config,
        slots: int,
        branches: int,
        device: torch.device,
        dtype: torch.dtype,
    ) -> None:
        shape = config.decoder
        self.size = config.max_steps + 1  # positions, and one that comes twice after a prefix
        self.entries = entries(config)
        size = (shape.layers, slots, branches, shape.kv_heads, self.entries, shape.head_dim)
        # What a mask hides is still multiplied by nought. Where only filled entries are ever read,
        # memory is taken as they fill.
        blank = torch.zeros if is_static(device) else torch.empty
        self.keys = blank(size, device=device, dtype=dtype)
        self.values = blank(size, device=device, dtype=dtype)
        self.filled = [0] * slots
        self.lengths = torch.zeros(slots, device=device, dtype=torch.int64)

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
    """One new entry for every slot: q [slots, branches, heads, dim].

    On a GPU every slot attends to the whole buffer under a mask, so shapes never change; on a CPU
    each active slot attends to its own entries alone. Either way no slot's numbers depend on what
    the other slots do.
    """

    def __init__(self, cache: Cache, active: list[bool]) -> None:
        self.cache = cache
        self.active = active
        self.slots = torch.arange(len(active), device=cache.lengths.device)
        self.static = is_static(cache.keys.device)
        branches, end = cache.keys.shape[2], cache.keys.shape[4]
        if self.static:
            entries = torch.arange(end, device=cache.lengths.device)
            seen = entries <= cache.lengths[:, None]
            self.mask = seen.repeat_interleave(branches, 0)[:, None]

    def attend(self, layer: int, q: Tensor, k: Tensor, v: Tensor) -> Tensor:
        keys, values = self.cache.keys[layer], self.cache.values[layer]
        keys[self.slots, :, :, self.cache.lengths] = k
        values[self.slots, :, :, self.cache.lengths] = v
        if self.static:
            q = q.flatten(0, 1)[:, None]
            y = attend(q, keys.flatten(0, 1), values.flatten(0, 1), self.mask)
            return y.view(k.shape[0], k.shape[1], *y.shape[2:])
        y = torch.zeros_like(q)
        for slot, (runs, filled) in enumerate(zip(self.active, self.cache.filled, strict=True)):
            if runs:
                end = filled + 1
                read = attend(q[slot, :, None], keys[slot, :, :, :end], values[slot, :, :, :end])
                y[slot] = read[:, 0]
        return y

    def commit(self) -> None:
        """The entries written for the active slots count from now on."""
        self.cache.filled = [
            n + runs for n, runs in zip(self.cache.filled, self.active, strict=True)
        ]
        device = self.cache.lengths.device
        self.cache.lengths += torch.tensor(self.active, dtype=torch.int64, device=device)


class FixedStep:
    """A `Step` of the first slots over their first `span` entries, which looks at no value.

    The lengths that it moves are the device's; the host keeps its own count.
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
        """The entries written for the active slots count from now on."""
        self.lengths += self.active


class Chunk:
    """Several new entries of one slot: q [branches, time, heads, dim], each sees those before."""

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
        """The entries written count from now on."""
        self.cache.truncate(self.slot, self.end)
