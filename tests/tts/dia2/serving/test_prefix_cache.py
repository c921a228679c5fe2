"""The cache of prefixes: blocks by all that is before them, and the least wanted go first."""

import numpy as np
import torch

from tts.dia2.serving.prefix_cache import PrefixCache, Saved, name_of


def block(columns: int) -> Saved:
    return torch.zeros(2, 1, 2, columns, 4), torch.ones(2, 1, 2, columns, 4)


def test_a_name_is_that_of_everything_so_far() -> None:
    first, second = np.arange(12, dtype=np.int32).reshape(2, 2, 3, 1)
    one = name_of(name_of(b"", first), second)
    assert one == name_of(name_of(b"", first.copy()), second.copy())
    assert one != name_of(name_of(b"", second), second)
    assert one != name_of(name_of(b"", first), second[:1])


def test_what_was_not_wanted_for_longest_makes_room() -> None:
    prefix_cache = PrefixCache(100)
    for name in (b"a", b"b", b"c"):
        prefix_cache.keep(name, block(32))
    assert prefix_cache.find(b"a") is not None
    prefix_cache.keep(b"d", block(4))
    assert prefix_cache.find(b"b") is not None
    prefix_cache.keep(b"e", block(33))
    kept = [name for name in (b"a", b"b", b"c", b"d", b"e") if prefix_cache.find(name)]
    assert kept == [b"b", b"d", b"e"]
