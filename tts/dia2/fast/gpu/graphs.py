"""A step as one graph: on a GPU one launch instead of thousands, and one wait for its end.

Before a step the host knows what text would follow each action that the network can draw. It sends
these answers along with the columns; the graph runs the backbone, draws the action, picks its
answer and draws the whole audio column, all 31 stages; and only then the host looks. Where one of
the answers is text that has not arrived, the step comes in two graphs, and the host decides between
them. The random numbers lie on the device, so a graph draws what the plain way draws.

There is a graph for every number of slots and for every length of the cache that it is worth having
one for; all are captured at once, and belong to the model.
"""

import logging
import sys
import time
from collections.abc import Callable
from functools import partial
from typing import Generic, NamedTuple, TypeVar

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from tts.dia2.fast.gpu.capture import Capture, PinnedBuffer
from tts.dia2.network.kv_cache import doubling
from tts.dia2.network.model import Model
from tts.dia2.network.sampling import GraphSampler, Sampler
from tts.dia2.serving.stepper import Stepper, new_sampler

_log = logging.getLogger(__name__)

Graph = Callable[[], object]
Numbers = NDArray[np.int64]
T = TypeVar("T", Tensor, Numbers)


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


def _inputs(numbers: Tensor, model: Model) -> Inputs[Tensor]:
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
        progress: Callable[[int, int], None] = lambda _done, _all: None,
    ) -> None:
        """Captures all of them; every slot must be free. A `sampler` must look at no value.

        `progress` is told how many are captured, and how many there are. Raises RuntimeError.
        """
        device, slots = model.device, model.slots
        self.sampler = sampler or new_sampler(model, GraphSampler)
        self.hidden = torch.zeros(
            (slots, model.branches, model.config.decoder.width), device=device, dtype=model.dtype
        )
        self.given = PinnedBuffer(slots, sum(_sizes(model)), device)
        self.drawn = PinnedBuffer(slots, 1 + model.config.codebooks, device)
        self.widths, self.spans = doubling(1, slots), model.spans
        self.thinking: dict[tuple[int, int], Graph] = {}
        """By width and span: the backbone, and the action."""
        self.speaking: dict[int, Graph] = {}
        """By width: the audio column of a text that is decided."""
        self.framing: dict[tuple[int, int], Graph] = {}
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
                self.speaking[n] = capture(partial(self._speak, model, n))
                for span in reversed(self.spans):
                    self.thinking[n, span] = capture(partial(self._think, model, n, span))
                    self.framing[n, span] = capture(partial(self._frame, model, n, span))
                    progress(len(self), count)

    def __len__(self) -> int:
        return len(self.thinking) + len(self.speaking) + len(self.framing)

    def _think(self, model: Model, n: int, span: int) -> None:
        given = self._given(model, n)
        active = given.active > 0
        memory = model.fixed_step(active, span)
        hidden = model.hear(given.columns, given.position[:, None], memory)
        memory.commit()
        # A waiting slot keeps its own.
        self.hidden[:n] = torch.where(active[:, None, None], hidden, self.hidden[:n])
        self.drawn.device[:n, 0] = model.action(self.hidden[:n], self.sampler, given.step)

    def _speak(self, model: Model, n: int) -> None:
        self._draw(model, n, self._given(model, n).text)

    def _frame(self, model: Model, n: int, span: int) -> None:
        self._think(model, n, span)
        answers, action = self._given(model, n).answers, self.drawn.device[:n, 0]
        picked = action[:, None, None].expand(-1, 1, 2)
        self._draw(model, n, answers.gather(1, picked)[:, 0])

    def _draw(self, model: Model, n: int, text: Tensor) -> None:
        steps = self._given(model, n).step
        self.drawn.device[:n, 1:] = model.column(self.hidden[:n], text, self.sampler, steps)

    def _given(self, model: Model, n: int) -> Inputs[Tensor]:
        return _inputs(self.given.device[:n], model)


class GraphStepper(Stepper):
    """A `Stepper` whose network runs in graphs."""

    def __init__(self, model: Model, graphs: Graphs) -> None:
        """The graphs are the model's; there may be several steppers, one of them at work."""
        super().__init__(model, graphs.sampler)
        self.graphs = graphs
        self.hidden = graphs.hidden
        views = _inputs(graphs.given.host, model)
        self._given: Inputs[Numbers] = Inputs(*(each.numpy() for each in views))
        self._drawn: Numbers = graphs.drawn.array

    def _advance(self, active: list[bool]) -> list[bool]:
        answers = self._answers(active)
        if not answers:
            return super()._advance(active)
        for slot, texts in answers.items():
            self._given.answers[slot] = texts
        self._fill(active)
        self._run(self.graphs.framing, active)
        for slot in answers:
            take = self.takes[slot]
            assert take is not None
            take.raw = int(self._drawn[slot, 0])
            take.decide()
            take.write(self._drawn[slot, 1:].astype(np.int32))
        return active

    def _answers(self, active: list[bool]) -> dict[int, list[tuple[int, int]]]:
        """For all active slots, the text after each action; none if a step has to come in two.

        That is: where text is missing, where a slot has waited, and where no audio is needed.
        """
        if not self._needs_audio(active):
            return {}
        found = {}
        for slot, take in enumerate(self.takes):
            if take is None:
                continue
            if take.decidable:
                return {}
            if active[slot]:
                answers = take.machine.answers(self.model.config.action_vocab)
                if answers is None:
                    return {}
                found[slot] = answers
        return found

    def _think(self, active: list[bool]) -> None:
        self._fill(active)
        self._run(self.graphs.thinking, active)
        for slot, take in enumerate(self.takes):
            if take is not None and active[slot]:
                take.raw = int(self._drawn[slot, 0])

    def _columns(self, going: list[bool]) -> Numbers:
        for slot, take in enumerate(self.takes):
            if take is not None:
                self._given.step[slot] = take.step - take.start
                self._given.text[slot] = take.text
        n = self._width(going)
        self.graphs.given.send(n)
        self.graphs.speaking[n]()
        self.graphs.drawn.fetch(n)
        return self._drawn[:, 1:]

    def _fill(self, active: list[bool]) -> None:
        """What the backbone is given; slots that are not active keep something harmless."""
        given = self._given
        for slot, take in enumerate(self.takes):
            given.active[slot] = active[slot]
            if take is not None and active[slot]:
                given.columns[slot] = take.column(take.step)[: self.model.branches]
                given.position[slot] = take.step
                given.step[slot] = take.step - take.start

    def _run(self, graphs: dict[tuple[int, int], Graph], active: list[bool]) -> None:
        """A step of the active slots' cache, in the smallest graph that holds them."""
        cache, n = self.model.cache, self._width(active)
        needed = 1 + max(filled for filled, runs in zip(cache.filled, active, strict=True) if runs)
        span = next(each for each in self.graphs.spans if each >= needed)
        self.graphs.given.send(n)
        graphs[n, span]()
        self.graphs.drawn.fetch(n)
        cache.filled = [n + runs for n, runs in zip(cache.filled, active, strict=True)]

    def _width(self, used: list[bool]) -> int:
        """The slots of the smallest graph that holds all that are used: the lowest are taken."""
        needed = max(slot + 1 for slot, each in enumerate(used) if each)
        return next(n for n in self.graphs.widths if n >= needed)


def capture(model: Model) -> None:
    """Give a model its graphs, if it is on a GPU; if that fails, a warning: it does without."""
    if model.device.type != "cuda":
        return
    begun = time.monotonic()
    try:
        model.graphs = Graphs(model, progress=_show)
    except RuntimeError as error:  # PyTorch's own: no memory, a driver that cannot
        reason = str(error).partition("\n")[0]
        _log.warning(
            "Dia2 runs without CUDA graphs, several times slower: they cannot be captured (%s); "
            "if memory is short, use fewer slots",
            reason,
        )
    else:
        seconds = time.monotonic() - begun
        _log.info("Dia2: captured %d graphs in %.1f s", len(model.graphs), seconds)
    finally:
        torch.cuda.empty_cache()  # what only the first calls took


def _show(done: int, count: int) -> None:
    """A line on the terminal, as downloads have it: with many slots it takes a while."""
    if sys.stderr.isatty():
        end = "\n" if done == count else ""
        print(f"\rDia2: {done} of {count} CUDA graphs captured", end=end, file=sys.stderr)


def new_stepper(model: Model) -> Stepper:
    """What steps a model's slots: in graphs, if it has them."""
    return Stepper(model) if model.graphs is None else GraphStepper(model, model.graphs)
