"""CUDA graphs of a whole step: one launch instead of thousands, and one wait for its end.

Before a step the host knows what text would follow each action that the network can draw. It sends
these answers along with the columns; the graph runs the backbone, draws the action, picks its
answer and draws the whole audio column, all 31 stages; and only then the host looks. Where one of
the answers is text that has not arrived, the step comes in two graphs, and the host decides between
them. The random numbers lie on the device, so a graph draws what the plain way draws.

There is a graph for every number of slots and for every length of the cache that it is worth having
one for; all are captured at once.
"""

from functools import partial
from typing import Generic, NamedTuple, TypeVar

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from tts.dia2.network.model import Model
from tts.dia2.network.sampling import Sampler
from tts.transformer.capture import Capture, Graph, PinnedBuffer, Progress, capture_all
from tts.transformer.kv_cache import doubling

T = TypeVar("T", Tensor, NDArray[np.int64])


class Inputs(NamedTuple, Generic[T]):
    """What a step is given, for each slot: views of one array, so that it comes in one copy."""

    columns: T
    """[slots, branches, channels]"""
    position: T
    """[slots]"""
    step: T
    """[slots], since the utterance's start: it numbers the draws."""
    active: T
    """[slots], 1 where the step is to count."""
    text: T
    """[slots, 2], if it is decided."""
    answers: T
    """[slots, actions, 2], the text after each action."""


def _sizes(model: Model) -> list[int]:
    """Of `Inputs`, for a slot."""
    config = model.config
    return [model.branches * (2 + config.codebooks), 1, 1, 1, 2, 2 * config.action_vocab]


def inputs(numbers: Tensor, model: Model) -> Inputs[Tensor]:
    """Over numbers [slots, size]."""
    columns, position, step, active, text, answers = torch.split(numbers, _sizes(model), 1)
    return Inputs(
        torch.unflatten(columns, 1, (model.branches, -1)),
        position[:, 0],
        step[:, 0],
        active[:, 0],
        text,
        torch.unflatten(answers, 1, (-1, 2)),
    )


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
        device, slots = model.device, model.slots
        self.sampler = sampler or model.new_sampler(Sampler)
        self.hidden = torch.zeros(
            (slots, model.branches, model.config.decoder.width), device=device, dtype=model.dtype
        )
        self.given = PinnedBuffer(slots, sum(_sizes(model)), device)
        self.drawn = PinnedBuffer(slots, 1 + model.config.codebooks, device)
        self.widths, self.spans = doubling(1, slots), model.spans
        self.backbone: dict[tuple[int, int], Graph] = {}
        """By width and span: the backbone, and the action."""
        self.depth: dict[int, Graph] = {}
        """By width: the depth transformer, for a text that is decided."""
        self.full: dict[tuple[int, int], Graph] = {}
        """By width and span: all of a step."""
        # What a mask hides is still multiplied by nought: it must be a number.
        model.cache.keys.zero_()
        model.cache.values.zero_()
        capture = Capture(device)
        # While capturing no slot is active: what is computed counts for nothing. The largest come
        # first, so that the others find room in their working memory.
        count = len(self.widths) * (1 + 2 * len(self.spans))
        with torch.inference_mode():
            for n in reversed(self.widths):
                self.depth[n] = capture(partial(self._run_depth, model, n))
                for span in reversed(self.spans):
                    self.backbone[n, span] = capture(partial(self._run_backbone, model, n, span))
                    self.full[n, span] = capture(partial(self._run_full, model, n, span))
                    progress(len(self), count)

    def __len__(self) -> int:
        return len(self.backbone) + len(self.depth) + len(self.full)

    def _run_backbone(self, model: Model, n: int, span: int) -> None:
        given = self._given(model, n)
        active = given.active > 0
        view = model.fixed_step(active, span)
        hidden = model.forward(given.columns, given.position[:, None], view)
        view.commit()
        # A waiting slot keeps its own.
        self.hidden[:n] = torch.where(active[:, None, None], hidden, self.hidden[:n])
        self.drawn.device[:n, 0] = model.action(self.hidden[:n], self.sampler, given.step)

    def _run_depth(self, model: Model, n: int) -> None:
        self._draw(model, n, self._given(model, n).text)

    def _run_full(self, model: Model, n: int, span: int) -> None:
        self._run_backbone(model, n, span)
        answers, action = self._given(model, n).answers, self.drawn.device[:n, 0]
        picked = action[:, None, None].expand(-1, 1, 2)
        self._draw(model, n, answers.gather(1, picked)[:, 0])

    def _draw(self, model: Model, n: int, text: Tensor) -> None:
        steps = self._given(model, n).step
        self.drawn.device[:n, 1:] = model.column(self.hidden[:n], text, self.sampler, steps)

    def _given(self, model: Model, n: int) -> Inputs[Tensor]:
        return inputs(self.given.device[:n], model)


def capture(model: Model) -> Graphs | None:
    """Capture a model's graphs, if it is on a GPU; if that fails, warn, and give None."""
    return capture_all("Dia2", model.device, lambda progress: Graphs(model, progress=progress))
