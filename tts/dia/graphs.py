"""CUDA graphs of a whole step: the decoder and its choice in one launch, and one wait for its end.

The random numbers lie on the device, so a graph draws what the plain way draws. There is a graph
for every number of slots and for every length of the cache that it is worth having one for.
"""

from functools import partial
from typing import NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from tts.dia.network.model import Model
from tts.dia.network.sampling import Sampler
from tts.dia.stepper import Stepper
from tts.transformer.capture import Capture, Graph, PinnedBuffer, Progress, capture_all
from tts.transformer.kv_cache import doubling


class Inputs(NamedTuple):
    """What a step is given, for each slot, over one array: it comes in one copy."""

    columns: Tensor
    """[slots, codebooks]"""
    step: Tensor
    """[slots], since the take's start: it numbers the draws."""
    active: Tensor
    """[slots], 1 where the step is to count."""


def _inputs(numbers: Tensor) -> Inputs:
    """Over numbers [slots, codebooks + 2]."""
    return Inputs(numbers[:, :-2], numbers[:, -2], numbers[:, -1])


class Graphs:
    """A model's graphs, and all that they read and write."""

    def __init__(
        self,
        model: Model,
        sampler: Sampler | None = None,
        progress: Progress = lambda _done, _all: None,
    ) -> None:
        """Captures all of them; every slot must be free. A `sampler` must look at no value.

        `progress` is told how many are captured, and how many there are. Raises RuntimeError.
        """
        config, device = model.config, model.device
        self.sampler = sampler or Sampler(config, model.slots, device, fixed=True)
        self.given = PinnedBuffer(model.slots, config.codebooks + 2, device)
        self.drawn = PinnedBuffer(model.slots, config.codebooks, device)
        self.widths, self.spans = doubling(1, model.slots), model.spans
        self.steps: dict[tuple[int, int], Graph] = {}
        """By width and span."""
        model.blank()
        capture = Capture(device)
        # While capturing no slot is active: what is computed counts for nothing. The largest come
        # first, so that the others find room in their working memory.
        with torch.inference_mode():
            for n in reversed(self.widths):
                for span in reversed(self.spans):
                    self.steps[n, span] = capture(partial(self._run, model, n, span))
                    progress(len(self), len(self.widths) * len(self.spans))

    def __len__(self) -> int:
        return len(self.steps)

    def _run(self, model: Model, n: int, span: int) -> None:
        given = _inputs(self.given.device[:n])
        logits = model.fixed_step(given.columns, given.active > 0, span)
        self.drawn.device[:n] = self.sampler.sample(logits, given.step)


class GraphStepper(Stepper):
    """Steps the slots by launching captured graphs."""

    def __init__(self, model: Model, graphs: Graphs) -> None:
        """There may be several steppers for a model and its graphs, one of them at work."""
        super().__init__(model, graphs.sampler)
        self.graphs = graphs
        self._given = _inputs(graphs.given.host)

    def _draw(self, active: list[bool]) -> NDArray[np.int64]:
        graphs, given, cache = self.graphs, self._given, self.model.cache
        given.active[:] = torch.tensor(active)
        given.columns[:] = self._columns(active)
        given.step[:] = self._steps()
        used = max(slot + 1 for slot, runs in enumerate(active) if runs)
        n = next(each for each in graphs.widths if each >= used)
        needed = 1 + max(cache.filled[slot] for slot, runs in enumerate(active) if runs)
        span = next(each for each in graphs.spans if each >= needed)
        graphs.given.send(n)
        graphs.steps[n, span]()
        graphs.drawn.fetch(n)
        cache.count(active)
        drawn: NDArray[np.int64] = graphs.drawn.array
        return drawn


def capture(model: Model) -> Graphs | None:
    """Capture a model's graphs, if it is on a GPU; if that fails, warn, and give None."""
    return capture_all("Dia", model.device, lambda progress: Graphs(model, progress=progress))


def new_stepper(model: Model, graphs: Graphs | None = None) -> Stepper:
    """Make what steps a model's slots: in its graphs, if it has any."""
    return Stepper(model) if graphs is None else GraphStepper(model, graphs)
