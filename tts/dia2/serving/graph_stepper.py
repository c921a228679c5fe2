"""A stepper whose network runs in captured graphs (`tts.dia2.fast.gpu.graphs`)."""

import numpy as np
from numpy.typing import NDArray

from tts.dia2.fast.gpu.graphs import Graphs, Inputs, inputs
from tts.dia2.network.model import Model
from tts.dia2.serving.stepper import Stepper
from tts.transformer.capture import Graph

Numbers = NDArray[np.int64]


class GraphStepper(Stepper):
    """Steps the slots by launching captured graphs."""

    def __init__(self, model: Model, graphs: Graphs) -> None:
        """There may be several steppers for a model and its graphs, one of them at work."""
        super().__init__(model, graphs.sampler)
        self.graphs = graphs
        self.hidden = graphs.hidden
        views = inputs(graphs.given.host, model)
        self._given: Inputs[Numbers] = Inputs(*(each.numpy() for each in views))
        self._drawn: Numbers = graphs.drawn.array

    def _advance(self, active: list[bool]) -> list[bool]:
        answers = self._answers(active)
        if not answers:
            return super()._advance(active)
        for slot, texts in answers.items():
            self._given.answers[slot] = texts
        self._fill(active)
        self._run(self.graphs.full, active)
        for slot, sequence in self._chosen(active):
            sequence.action = int(self._drawn[slot, 0])
            sequence.decide()
            sequence.write(self._drawn[slot, 1:].astype(np.int32))
        return active

    def _answers(self, active: list[bool]) -> dict[int, list[tuple[int, int]]]:
        """For all active slots, the text after each action; none if a step has to come in two.

        That is: where text is missing, where a slot has waited, and where no audio is needed.
        """
        if not self._needs_audio(active):
            return {}
        if any(each is not None and each.decidable for each in self.sequences):
            return {}
        found = {}
        for slot, sequence in self._chosen(active):
            answers = sequence.machine.answers(self.model.config.action_vocab)
            if answers is None:
                return {}
            found[slot] = answers
        return found

    def _run_backbone(self, active: list[bool]) -> None:
        self._fill(active)
        self._run(self.graphs.backbone, active)
        for slot, sequence in self._chosen(active):
            sequence.action = int(self._drawn[slot, 0])

    def _columns(self, going: list[bool]) -> Numbers:
        for slot, sequence in enumerate(self.sequences):
            if sequence is not None:
                self._given.step[slot] = sequence.step - sequence.start
                self._given.text[slot] = sequence.text
        n = self._width(going)
        self.graphs.given.send(n)
        self.graphs.depth[n]()
        self.graphs.drawn.fetch(n)
        return self._drawn[:, 1:]

    def _fill(self, active: list[bool]) -> None:
        """What the backbone is given; slots that are not active keep something harmless."""
        given = self._given
        given.active[:] = active
        for slot, sequence in self._chosen(active):
            given.columns[slot] = sequence.column(sequence.step)[: self.model.branches]
            given.position[slot] = sequence.step
            given.step[slot] = sequence.step - sequence.start

    def _run(self, graphs: dict[tuple[int, int], Graph], active: list[bool]) -> None:
        """A step of the active slots' cache, in the smallest graph that holds them."""
        cache, n = self.model.cache, self._width(active)
        needed = 1 + max(filled for filled, runs in zip(cache.filled, active, strict=True) if runs)
        span = next(each for each in self.graphs.spans if each >= needed)
        self.graphs.given.send(n)
        graphs[n, span]()
        self.graphs.drawn.fetch(n)
        cache.count(active)

    def _width(self, used: list[bool]) -> int:
        """The slots of the smallest graph that holds all that are used: the lowest are taken."""
        needed = max(slot + 1 for slot, each in enumerate(used) if each)
        return next(n for n in self.graphs.widths if n >= needed)


def new_stepper(model: Model, graphs: Graphs | None = None) -> Stepper:
    """Make what steps a model's slots: in its graphs, if it has any."""
    return Stepper(model) if graphs is None else GraphStepper(model, graphs)
