"""A step as two graphs: on a GPU one launch each instead of thousands.

The first is the backbone's pass and the drawn action, the second a whole audio column, all 31
stages with their draws. Between them the host decides on the text. Everything they read and write
stays in one place; the random numbers lie on the device, so a graph draws what the plain way draws.
There is one pair of graphs for every number of slots and for every length of the cache that it is
worth having one for; all are captured at once, when the stepper is made.
"""

from collections.abc import Callable
from functools import partial
from typing import Any

import numpy as np
import torch
from torch import Tensor

from tts.dia2.cache import Cache, Step
from tts.dia2.layers import attend
from tts.dia2.model import Model
from tts.dia2.sampling import ACTION, FIRST_CODEBOOK, Sampler
from tts.dia2.stepper import Stepper

SHORTEST = 256  # entries of the cache that the smallest graph looks at
WARM_UPS = 2  # PyTorch chooses its kernels in the first calls


class Captured:
    """What a function does to tensors that stay where they are; elsewhere than on a GPU, itself."""

    def __init__(self, run: Callable[[], object], device: torch.device) -> None:
        self.run = run
        if device.type != "cuda":
            return
        cuda: Any = torch.cuda  # parts of it have no types
        aside = cuda.Stream(device)
        aside.wait_stream(cuda.current_stream(device))
        with cuda.stream(aside):
            for _ in range(WARM_UPS):
                run()
        cuda.current_stream(device).wait_stream(aside)
        graph = cuda.CUDAGraph()
        with cuda.graph(graph):
            run()
        self.run = graph.replay

    def __call__(self) -> None:
        self.run()


class FixedStep(Step):
    """A step of the first slots over the first `end` entries, which looks at no value."""

    def __init__(self, cache: Cache, active: Tensor, end: int) -> None:
        self.cache, self.active_slots, self.end = cache, active, end
        self.slots = torch.arange(len(active), device=active.device)
        self.lengths = cache.lengths[: len(active)]
        entries = torch.arange(end, device=active.device)
        seen = entries <= self.lengths[:, None]
        self.mask = seen.repeat_interleave(cache.keys.shape[2], 0)[:, None]

    def attend(self, layer: int, q: Tensor, k: Tensor, v: Tensor) -> Tensor:
        keys, values = self.cache.keys[layer], self.cache.values[layer]
        keys[self.slots, :, :, self.lengths] = k
        values[self.slots, :, :, self.lengths] = v
        seen_k, seen_v = (
            each[: len(self.slots), :, :, : self.end].flatten(0, 1) for each in (keys, values)
        )
        y = attend(q.flatten(0, 1)[:, None], seen_k, seen_v, self.mask)
        return y.view(q.shape)

    def commit(self) -> None:
        """The device's lengths; the host keeps its own count."""
        self.lengths += self.active_slots


class GraphStepper(Stepper):
    """A `Stepper` whose network runs in graphs."""

    def __init__(self, model: Model, sampler: Sampler | None = None) -> None:
        """Captures all graphs; every slot must be free."""
        super().__init__(model, sampler)
        device, slots = model.device, model.slots
        channels = 2 + model.config.codebooks

        def zeros(*shape: int) -> Tensor:
            return torch.zeros(shape, device=device, dtype=torch.int64)

        self._columns = zeros(slots, model.branches, channels)
        self._positions = zeros(slots)
        self._active = torch.zeros(slots, device=device, dtype=torch.bool)
        self._text = zeros(slots, 2)
        self._at = zeros(slots)
        self._drawn = zeros(slots)
        self._written = zeros(slots, model.config.codebooks)
        size = model.cache.size + 1
        self.widths = _doubling(1, slots)
        self.lengths = _doubling(SHORTEST, size)
        with torch.inference_mode():
            # While capturing no slot is active: what is computed counts for nothing.
            self._thinking = {
                (n, end): Captured(partial(self._think_in_place, n, end), device)
                for n in reversed(self.widths)
                for end in reversed(self.lengths)
            }
            self._speaking = {
                n: Captured(partial(self._speak_in_place, n), device) for n in reversed(self.widths)
            }

    def _think(self, active: list[bool]) -> None:
        model, cache = self.model, self.model.cache
        columns = np.zeros(self._columns.shape, np.int64)
        positions = np.zeros(model.slots, np.int64)
        for slot, take in enumerate(self.takes):
            if take is not None and active[slot]:
                columns[slot] = take.column(take.step)[: model.branches]
                positions[slot] = take.step
        self._columns.copy_(torch.from_numpy(columns))
        self._positions.copy_(torch.from_numpy(positions))
        self._active.copy_(torch.tensor(active))
        self._at.copy_(self._steps())
        needed = max(cache.filled) + 1
        end = next(end for end in self.lengths if end >= needed)
        self._thinking[self._width(active), end]()
        cache.filled = [n + runs for n, runs in zip(cache.filled, active, strict=True)]
        for take, raw, runs in zip(self.takes, self._drawn.tolist(), active, strict=True):
            if take is not None and runs:
                take.raw = raw

    def _think_in_place(self, n: int, end: int) -> None:
        model, active = self.model, self._active[:n]
        memory = FixedStep(model.cache, active, end)
        hidden = model.hear(self._columns[:n], self._positions[:n, None], memory)
        memory.commit()
        # A waiting slot keeps its own.
        self.hidden[:n] = torch.where(active[:, None, None], hidden, self.hidden[:n])
        logits = model.actions(self.hidden[:n])
        self._drawn[:n] = self.sampler.sample_together(logits, ACTION, self._at[:n])

    def _column(self, going: list[bool]) -> Tensor:
        texts = [
            take.text if take and goes else (0, 0)
            for take, goes in zip(self.takes, going, strict=True)
        ]
        self._text.copy_(torch.tensor(texts))
        self._at.copy_(self._steps())
        self._speaking[self._width(going)]()
        return self._written

    def _speak_in_place(self, n: int) -> None:
        model, steps, hidden = self.model, self._at[:n], self.hidden[:n]
        token = self.sampler.sample_together(model.first_codebook(hidden), FIRST_CODEBOOK, steps)
        self._written[:n, 0] = token
        frame = model.new_frame(n)
        for stage in range(model.config.codebooks - 1):
            logits = model.next_codebook(stage, hidden, token, self._text[:n], frame)
            draw = FIRST_CODEBOOK + 1 + stage
            token = self.sampler.sample_together(logits, draw, steps)
            self._written[:n, stage + 1] = token

    def _width(self, used: list[bool]) -> int:
        """The slots of the smallest graph that holds all that are used: the lowest are taken."""
        needed = max(slot + 1 for slot, each in enumerate(used) if each)
        return next(n for n in self.widths if n >= needed)


def _doubling(first: int, last: int) -> list[int]:
    """`first`, twice that, and so on; then `last`."""
    sizes = []
    while first < last:
        sizes.append(first)
        first *= 2
    return [*sizes, last]
