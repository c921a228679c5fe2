"""Checks of whole takes: logits, draws, tokens and codes, as the steps are made."""

from collections.abc import Iterator

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from bench.dia2_verify.table import Row, difference, not_run, same, within
from bench.dia_verify.goldens import Golden, Run
from bench.dia_verify.network import NETWORK
from tts.dia.graphs import Graphs, GraphStepper
from tts.dia.network.delays import Codes, undelay
from tts.dia.network.model import Model
from tts.dia.network.sampling import Sampler
from tts.dia.stepper import Stepper
from tts.dia.take import Take

PROBABILITY = 1e-4


class RecordedTake(Take):
    """A take that goes on for as many steps as were recorded, with the draws that end it."""

    steps = 0
    raw: list[NDArray[np.int32]]

    @property
    def finished(self) -> bool:
        return self.step >= self.steps

    def write(self, drawn: NDArray[np.int32]) -> None:
        row = self.row + 1
        super().write(drawn)
        ends = self.end is not None and row == self.end + np.asarray(self.config.delays)
        self.raw.append(np.where(ends, self.config.eos, drawn).astype(np.int32))


class RecordingSampler(Sampler):
    """Keeps the logits of every step, and how near each draw was to another."""

    def __init__(self, model: Model, *, native: bool = False) -> None:
        """`native` draws as `torch.multinomial` does, from PyTorch's own random numbers."""
        super().__init__(model.config, model.slots, model.device)
        self.native, self.logits = native, list[Tensor]()
        self.margins, self.guided_gaps = list[Tensor](), list[Tensor]()

    def sample(self, logits: Tensor, steps: Tensor) -> Tensor:
        self.logits.append(logits[0].clone())
        self.guided_gaps.append(self._guided_gap(logits[0]))
        return super().sample(logits, steps)

    def _guided_gap(self, logits: Tensor) -> Tensor:
        """Between the last of the guided logits that passes the filter and the next."""
        k = self._most[0]
        if len(logits) == 1 or k >= self.vocabulary:
            return torch.full((1,), torch.inf)
        guided = logits[0] + (logits[0] - logits[1]) * self.scale[0]
        best = guided.topk(k + 1, -1).values
        return best[..., k - 1] - best[..., k]

    def draw(self, ids: Tensor, scores: Tensor, steps: Tensor) -> Tensor:
        if self.native:
            whole = torch.zeros(*ids.shape[1:2], self.vocabulary)
            whole.scatter_(-1, ids[0], scores[0].softmax(-1))
            return torch.multinomial(whole, 1).T
        p = scores[0].softmax(-1).double()
        sums = p.cumsum(-1)
        uniform = (self.uniforms[0, steps[0]] * sums[:, -1])[:, None]
        # Ids that are no candidates lie on the edge of the one before, the first ones on nought.
        edge = torch.where(ids[0, :, 0] > 0, uniform[:, 0], torch.inf)
        self.margins.append(torch.minimum(edge, (uniform - sums).abs().amin(-1)))
        return super().draw(ids, scores, steps)


class Recorder(Stepper):
    """Steps a take with recorded random numbers."""

    numbers: Tensor | None = None

    def draws(self, take: Take) -> Tensor:
        return super().draws(take) if self.numbers is None else self.numbers


class GraphRecorder(Recorder, GraphStepper):
    """The same, its steps in graphs."""


def repeat(stepper: Recorder, take: Take, numbers: Tensor | None) -> Codes:
    """Step a take to its end, with recorded random numbers; the frames as they came."""
    stepper.numbers = numbers
    slot, frames = stepper.admit(take), [take.frames()]
    while not take.finished:
        stepper.step()
        frames.append(take.frames())
    stepper.release(slot)
    return np.concatenate(frames)


def check_runs(golden: Golden) -> Iterator[Row]:
    """Every recorded take."""
    for name in golden.json["runs"]:
        yield from _check_run(golden, Run(golden, name))


def _check_run(golden: Golden, run: Run) -> Iterator[Row]:
    case, said, config = run.case, run.json, golden.config
    model = golden.model if said["branches"] == 2 else golden.unguided
    take, numbers = run.take(RecordedTake), run.find("uniforms")
    take.steps, take.raw = said["steps"], []
    if native := said["mode"] == "native":
        if model.device.type != "cpu":
            yield not_run(case, "take", "PyTorch's own draws are known for the CPU only")
            return
        torch.manual_seed(said["seed"])
    sampler = RecordingSampler(model, native=native)
    frames = repeat(Recorder(model, sampler), take, numbers)
    if said["logit_steps"]:
        got = torch.stack(sampler.logits[: said["logit_steps"]]).cpu()
        yield within(case, "logits", difference(got, run["logits"]), NETWORK)
    if "drawn" in run:
        yield same(case, "draws", np.stack(take.raw), run["drawn"])
    if "margin" in run:
        yield from _margins(run, take, torch.stack(sampler.margins).cpu())
    if "min_cfg_gap" in said:
        off = abs(float(torch.stack(sampler.guided_gaps).min()) - said["min_cfg_gap"])
        yield within(case, "how near the filter's edge came", off, NETWORK)
    yield same(case, "tokens", take.grid[: said["positions"]], run["grid"])
    yield same(case, "codes, as they came", frames, run["codes"])
    if take.end is not None:
        end = undelay(take.grid, config.delays, take.prompt, take.end - 1)
        yield same(case, "codes", end, run["codes"])
    if golden.load.graphs and not native:
        graphs = Graphs(model)
        frames = repeat(GraphRecorder(model, graphs), run.take(Take), numbers)
        yield same(case, "codes, in graphs", frames, run["codes"])
    found = [take.prompt, take.end or -1, take.frames_known, 1 + take.prompt + take.step]
    names = ("prompt", "eos_position", "frames", "positions")
    yield same(case, "prompt, end, frames, positions", found, [said[each] for each in names])


def _margins(run: Run, take: RecordedTake, found: Tensor) -> Iterator[Row]:
    """How near the draws were to their neighbours; those that end a codebook had no choice."""
    numbers, wanted = run["uniforms"], run["margin"].double()
    ended = torch.from_numpy(np.stack(take.raw)) == take.config.eos
    found = torch.where(ended, torch.minimum(numbers, 1 - numbers), found)
    yield within(
        run.case, "distance of draws from their edges", difference(found, wanted), PROBABILITY
    )
    least = abs(float(wanted.min()) - run.json["min_margin"])
    yield within(run.case, "the least of those distances", least, 1e-6)
