"""Draws among the tokens that guidance leaves, as in `tts.dia2.fast.cpu.draw`."""

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from tts.dia2.fast.cpu.loops import Floats, Integers, compiled


class Drawing(NamedTuple):
    """How each slot draws (`network.sampling`); all [slots], `uniforms` [slots, stages]."""

    scale: Floats
    filter_k: Integers
    temperature: Floats
    top_k: Integers
    uniforms: NDArray[np.float64]


@compiled
def draw(logits: Floats, slot: int, stage: int, drawing: Drawing) -> int:
    """A token for logits [branches, vocabulary], or -1; see `tts.dia2.fast.cpu.draw`."""
    values, scale = logits[0], drawing.scale[slot]
    ids = np.arange(values.size)
    if len(logits) > 1 and scale != 1 and drawing.filter_k[slot] > 0:
        guided = np.empty(values.size, np.float32)
        for i in range(values.size):
            apart = values[i] - logits[1, i]
            # As PyTorch interpolates.
            near = values[i] - apart * (np.float32(1) - scale)
            guided[i] = logits[1, i] + scale * apart if abs(scale) < 0.5 else near
        lowest = kth_largest(guided, drawing.filter_k[slot])
        count = 0
        for i in range(values.size):
            if guided[i] >= lowest:
                ids[count] = i
                count += 1
        ids = ids[:count]
    if ids.size == 0:
        return -1
    best: int = ids[0]
    for i in ids:
        if not np.isfinite(values[i]):
            return -1
        if values[i] > values[best]:
            best = i
    if drawing.temperature[slot] <= 0:
        return best
    p = np.empty(ids.size, np.float32)
    heat = max(drawing.temperature[slot], np.float32(1e-6))
    for n in range(ids.size):
        p[n] = np.exp((values[ids[n]] - values[best]) / heat)
    keep(p, drawing.top_k[slot])
    token: int = ids[pick(p, drawing.uniforms[slot, stage])]
    return token


@compiled
def kth_largest(x: Floats, k: int) -> np.float32:
    """The k-th largest (the smallest if there are fewer), by halving where it can lie.

    Floats order as their bits do, once those of negative ones are turned over.
    """
    bits = x.view(np.int32)
    low, high = np.int64(-(1 << 31)), np.int64((1 << 31) - 1)
    while low < high:
        middle = (low + high + 1) >> 1
        edge, count = np.int32(middle), 0
        for i in range(bits.size):
            count += (bits[i] ^ ((bits[i] >> 31) & 0x7FFFFFFF)) >= edge
        if count >= min(k, x.size):
            low = middle
        else:
            high = middle - 1
    found = np.empty(1, np.int32)
    found[0] = np.int32(low if low >= 0 else low ^ 0x7FFFFFFF)
    largest: np.float32 = found.view(np.float32)[0]
    return largest


@compiled
def keep(p: Floats, k: int) -> None:
    """Exactly the k largest; of equal ones at the edge the first. Others become 0."""
    if not 0 < k < p.size:
        return
    lowest = kth_largest(p, k)
    equal = k
    for n in range(p.size):
        equal -= p[n] > lowest
    for n in range(p.size):
        if p[n] == lowest and equal > 0:
            equal -= 1
        elif p[n] <= lowest:
            p[n] = 0


@compiled
def pick(p: Floats, uniform: float) -> int:
    """The place at which the sum of p passes that share of it."""
    total = 0.0
    for each in p:
        total += np.float64(each)
    passed, last = 0.0, 0
    for n in range(p.size):
        passed += np.float64(p[n])
        if p[n] > 0:
            last = n
        if passed > uniform * total:
            return n
    return last
