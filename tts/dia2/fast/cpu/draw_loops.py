"""The draw on a CPU: a sampler whose draws are loops over one slot's logits, compiled.

`network.sampling` sorts whole vocabularies, for all slots in the same way, as a GPU and a captured
graph want it; these loops look at values, and so only at the few candidates that guidance leaves.
Both draw the same tokens, but where a draw lies within rounding of an edge.
"""

from typing import Any, NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from tts.dia2.network.sampling import ACTION, FIRST_CODEBOOK, Sampler
from tts.transformer.cpu.loops import Floats, Integers, compiled, kept


class Drawing(NamedTuple):
    """How each slot draws (`network.sampling`); all [slots], `uniforms` [slots, draws]."""

    scale: Floats
    filter_k: Integers
    temperature: Floats
    top_k: Integers
    uniforms: NDArray[np.float64]


NONE = np.zeros(0, np.int64)
"""Forbidden ids, where there are none."""


class CompiledSampler(Sampler):
    """A `Sampler` on a CPU."""

    def sample(self, logits: Tensor, draw: int, steps: Tensor) -> Tensor:
        tokens = torch.zeros(len(logits), dtype=torch.int64)
        drawing = self.drawing(draw, draw + 1, steps)
        forbidden = np.array(self.forbidden) if draw == FIRST_CODEBOOK else NONE
        if draw_slots(logits.numpy(), forbidden, tuple(drawing), tokens.numpy()):
            return tokens
        return super().sample(logits, draw, steps)

    def drawing(self, first: int, end: int, steps: Tensor) -> Drawing:
        """The settings of each slot's draws number `first` to before `end`, in its step."""
        kind, slots = int(first != ACTION), self.slots[: len(steps)]
        return Drawing(
            scale=self.scale.numpy(),
            filter_k=self.filter_k.numpy(),
            temperature=self.temperature[kind].numpy(),
            top_k=self.top_k[kind].numpy(),
            uniforms=self.uniforms[slots, steps, first:end].numpy(),
        )


@kept
def draw_slots(
    logits: Floats, forbidden: Integers, settings: tuple[Any, ...], tokens: Integers
) -> bool:
    """One token for each slot's logits [slots, branches, vocabulary]; False if one needs more."""
    drawing = Drawing(*settings)
    for slot in range(len(logits)):
        tokens[slot] = draw(logits[slot], slot, 0, forbidden, drawing)
        if tokens[slot] < 0:
            return False
    return True


@compiled
def draw(logits: Floats, slot: int, number: int, forbidden: Integers, drawing: Drawing) -> int:
    """A token for logits [branches, vocabulary]; -1 where only `Sampler` can tell.

    That is: where a candidate is no finite number, or only forbidden ids are left.
    """
    values = logits[0]
    ids = candidates(logits, forbidden, drawing.scale[slot], drawing.filter_k[slot])
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
    token: int = ids[pick(p, drawing.uniforms[slot, number])]
    return token


@compiled
def candidates(logits: Floats, forbidden: Integers, scale: np.float32, k: int) -> Integers:
    """The ids, in order, that guidance leaves of logits [branches, vocabulary]."""
    values = logits[0]
    guided = np.empty(values.size, np.float32)
    lowest = -np.float32(np.inf)
    filters = len(logits) > 1 and scale != 1 and k > 0
    if filters:
        for i in range(values.size):
            apart = values[i] - logits[1, i]
            # As PyTorch interpolates.
            near = values[i] - apart * (np.float32(1) - scale)
            guided[i] = logits[1, i] + scale * apart if abs(scale) < 0.5 else near
        lowest = kth_largest(guided, k)
    ids, count = np.arange(values.size), 0
    for i in range(values.size):
        if (not filters or guided[i] >= lowest) and i not in forbidden:
            ids[count] = i
            count += 1
    return ids[:count]


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
