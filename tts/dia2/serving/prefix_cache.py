"""A prefix cache: what the network was fed of late, so that it need not be computed twice.

A prefix is fed in blocks. The keys and values of a block are kept under a name made from all
columns up to its end, so a prefix that begins as an earlier one did finds its first blocks here,
whatever it goes on with. A block is always computed alone, from the same blocks before it: what is
found is, to the last bit, what would have been computed.
"""

import hashlib
from collections import OrderedDict

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from tts.transformer.kv_cache import is_static

Saved = tuple[Tensor, Tensor]
"""Keys and values, [layers, branches, kv_heads, columns, head_dim]."""


def block_size(device: torch.device) -> int:
    """Columns that are fed at once: in less than the 80 ms that one frame sounds."""
    return 256 if is_static(device) else 32


class PrefixCache:
    """Keeps the blocks that were of use last, by name."""

    def __init__(self, columns: int) -> None:
        """Keep at most so many columns in all."""
        self._room = columns
        self._blocks: OrderedDict[bytes, Saved] = OrderedDict()

    def find(self, name: bytes) -> Saved | None:
        """Look up the block of this name; None if it is not kept."""
        found = self._blocks.get(name)
        if found is not None:
            self._blocks.move_to_end(name)
        return found

    def keep(self, name: bytes, block: Saved) -> None:
        """Keep a block; the ones that were not wanted for longest make room for it."""
        self._room -= block[0].shape[3]
        self._blocks[name] = block
        while self._room < 0:
            _, (keys, _) = self._blocks.popitem(last=False)
            self._room += keys.shape[3]


def name_of(before: bytes, columns: NDArray[np.int32]) -> bytes:
    """Name a block [columns, branches, channels] behind the one named `before`."""
    return hashlib.sha256(before + columns.tobytes()).digest()
