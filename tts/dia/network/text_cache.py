"""Keys and values of the texts that are being spoken: computed once for each of them.

The branch without text hears bytes of 0 alone. In whatever order it looks at them, all their values
are the same; so what it reads is that value, for every text and at every step. It has neither keys
nor an attention of its own.
"""

import math
from typing import Protocol

import torch
from torch import Tensor

from tts.dia.network.config import DiaConfig
from tts.transformer.kv_cache import is_static
from tts.transformer.layers import attend


class TextView(Protocol):
    """The texts as one forward pass hears them."""

    def attend(self, layer: int, q: Tensor) -> Tensor:
        """q [..., heads, dim] to what was read, [rows, heads * dim]."""


class TextCache:
    """Keys and values [layers, slots, kv_heads, bytes, dim] of each slot's text."""

    def __init__(
        self,
        config: DiaConfig,
        slots: int,
        branches: int,
        *,
        device: torch.device,
        dtype: torch.dtype,
    ) -> None:
        layers, cross = config.decoder.layers, config.cross
        size = (layers, slots, cross.kv_heads, config.max_text, cross.head_dim)
        # As in the decoder's own cache: what a mask hides must be a number.
        blank = torch.zeros if is_static(device) else torch.empty
        self.keys = blank(size, device=device, dtype=dtype)
        self.values = blank(size, device=device, dtype=dtype)
        self.lengths = [0] * slots
        self.mask = torch.full((slots, 1, config.max_text), -math.inf, device=device, dtype=dtype)
        self.mask[..., 0] = 0
        heads = (cross.heads, cross.head_dim)
        self.reads = torch.zeros((layers, slots, branches, *heads), device=device, dtype=dtype)
        """What each row reads; of those without text always the same."""
        self.rows = [reads.flatten(0, 1).flatten(1) for reads in self.reads.unbind()]
        """The same, [slots * branches, heads * dim] for each layer."""
        self._views: dict[int, list[tuple[Tensor, ...]]] = {}

    def put(self, slot: int, layer: int, keys: Tensor, values: Tensor) -> None:
        """A slot's new text in one of the layers: [kv_heads, bytes, dim]."""
        length = keys.shape[1]
        self._views.pop(slot, None)
        self.keys[layer, slot, :, :length] = keys
        self.values[layer, slot, :, :length] = values
        self.lengths[slot] = length
        self.mask[slot, :, :length] = 0
        self.mask[slot, :, length:] = -math.inf

    def views(self, slot: int) -> list[tuple[Tensor, ...]]:
        """Where a slot's query is to read to, and its keys and values, of each layer."""
        if slot not in self._views:
            those = (slice(None), slice(slot, slot + 1), slice(None), slice(self.lengths[slot]))
            parts = self.reads[:, slot, None, :1], self.keys[those], self.values[those]
            self._views[slot] = list(zip(*(part.unbind() for part in parts), strict=True))
        return self._views[slot]

    def put_nothing(self, layer: int, values: Tensor) -> None:
        """What the branch without text reads in one of the layers: values [kv_heads, dim]."""
        group = self.reads.shape[-2] // len(values)
        self.reads[layer, :, 1:] = values.repeat_interleave(group, 0)


class TextStep:
    """A query of every row of all slots, q [slots, branches, heads, dim], in any shapes."""

    def __init__(self, cache: TextCache, active: list[bool]) -> None:
        self._rows = cache.rows
        self._heard = [(slot, cache.views(slot)) for slot, runs in enumerate(active) if runs]

    def attend(self, layer: int, q: Tensor) -> Tensor:
        for slot, views in self._heard:
            read, keys, values = views[layer]
            read.copy_(attend(q[slot, :1].unsqueeze(0), keys, values))
        return self._rows[layer]


class FixedTextStep:
    """The same for the first slots, over all bytes there may be: a captured graph can hold it."""

    def __init__(self, cache: TextCache, slots: int) -> None:
        self.keys, self.values = cache.keys[:, :slots], cache.values[:, :slots]
        self.reads, self.mask = cache.reads[:, :slots], cache.mask[:slots]

    def attend(self, layer: int, q: Tensor) -> Tensor:
        reads = self.reads[layer]
        reads[:, 0] = attend(q[:, :1], self.keys[layer], self.values[layer], self.mask)[:, 0]
        return reads.reshape(-1, reads.shape[-2] * reads.shape[-1])


class TextChunk:
    """Several queries of one slot's rows, q [branches, time, heads, dim]."""

    def __init__(self, cache: TextCache, slot: int) -> None:
        self.cache, self.slot = cache, slot

    def attend(self, layer: int, q: Tensor) -> Tensor:
        cache, slot = self.cache, self.slot
        length = cache.lengths[slot]
        heard = (each[layer, slot, None, :, :length] for each in (cache.keys, cache.values))
        reads = cache.reads[layer, slot, :, None].expand(q.shape).clone()
        reads[0] = attend(q[:1], *heard)[0]
        return reads.view(-1, reads.shape[-2] * reads.shape[-1])
