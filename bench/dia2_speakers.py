"""Slots that all speak, for `bench.dia2`: their steps, and a clock in each part of them."""

import statistics
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import partial
from typing import Any

import torch

from bench.dia2_verify.published import PublishedSequence
from tts.dia2.fast.gpu.graphs import Graphs
from tts.dia2.network.model import Model
from tts.dia2.network.sampling import Sampling, random_numbers
from tts.dia2.serving.graph_stepper import GraphStepper
from tts.dia2.serving.sequence import Sequence
from tts.dia2.serving.stepper import Stepper
from tts.dia2.text.script import Entry

PHASES = ("backbone", "depformer", "sampling", "host")
FILLED = 200  # entries in every slot's cache when it begins: 16 seconds
REPLAYS = 30


@dataclass
class Result:
    """One row of the table; times in milliseconds."""

    what: str
    frame: list[float] = field(default_factory=list, repr=False)
    cpu: list[float] = field(default_factory=list, repr=False)
    phases: dict[str, list[float]] = field(default_factory=dict, repr=False)
    bytes: int = 0
    floor: float = 0.0

    def summary(self) -> dict[str, Any]:
        """What `--json` gets."""
        return {
            "what": self.what,
            "frames": len(self.frame),
            "median": statistics.median(self.frame),
            "p99": share(self.frame, 0.99),
            "fast": share(self.frame, 0.1),
            "cpu": statistics.median(self.cpu),
            "phases": {name: statistics.median(each) for name, each in self.phases.items()},
            "megabytes": self.bytes / 1e6,
            "floor": self.floor,
        }


class Speakers:
    """All slots of a model speaking, and a clock in each of its parts."""

    def __init__(self, model: Model, scale: float, result: Result) -> None:
        self.model, self.result, self.scale = model, result, scale
        self.seeds = 0
        for each in (model.cache.keys, model.cache.values):
            each[..., :FILLED, :] = 0  # what was heard before
        self.spent = dict.fromkeys(PHASES, 0.0)
        self.clocked = not result.what.startswith(("graphs", "kernels"))
        if not self.clocked:  # the parts of a graph cannot be told from each other
            self.stepper: Stepper = GraphStepper(model, Graphs(model))
            return
        self.stepper = Stepper(model)
        for owner, name, phase in (
            (model, "step", "backbone"),
            (model, "first_codebook", "backbone"),
            (model, "column", "depformer"),
            (self.stepper.sampler, "sample", "sampling"),
        ):
            setattr(owner, name, partial(self._clocked, getattr(owner, name), phase))

    def _clocked(self, call: Callable[..., Any], phase: str, *args: Any) -> Any:
        begun, before = now(self.model.device), sum(self.spent.values())
        result = call(*args)
        inside = sum(self.spent.values()) - before  # the clocks of other parts
        self.spent[phase] += now(self.model.device) - begun - inside
        return result

    def frame(self) -> None:
        """One step of every slot; a sequence that has ended makes room for the next."""
        cache = self.model.cache
        while self.stepper.free:
            cache.truncate(self.stepper.admit(self._sequence()), FILLED)
        self.spent = dict.fromkeys(PHASES, 0.0)
        begun = now(self.model.device)
        self.stepper.step()
        total = now(self.model.device) - begun
        self.spent["host"] = total - sum(self.spent.values())
        if self.clocked:
            for name, seconds in self.spent.items():
                self.result.phases.setdefault(name, []).append(1000 * seconds)
        for slot, sequence in enumerate(self.stepper.sequences):
            full = cache.filled[slot] > self.model.config.max_steps
            if sequence is not None and (sequence.finished or full):
                self.stepper.release(slot)

    @torch.inference_mode()
    def replay(self) -> None:
        """After the frames: the parts of a step in graphs, each launched by itself."""
        stepper = self.stepper
        if not isinstance(stepper, GraphStepper):
            return
        graphs, n = stepper.graphs, self.model.slots
        graphs.given.device.zero_()  # no slot is active
        needed = max(self.model.cache.filled) + 1
        key = n, next(span for span in graphs.spans if span >= needed)
        parts = {"backbone": graphs.backbone[key], "depformer": graphs.depth[n]}
        times = {name: self._median(graph) for name, graph in parts.items()}
        times["host"] = statistics.median(self.result.frame) - self._median(graphs.full[key])
        self.result.phases.update({name: [each] for name, each in times.items()})

    def _median(self, graph: Callable[[], object]) -> float:
        took = []
        for _ in range(REPLAYS):
            begun = now(self.model.device)
            graph()
            took.append(1000 * (now(self.model.device) - begun))
        return statistics.median(took)

    def _sequence(self) -> Sequence:
        config, self.seeds = self.model.config, self.seeds + 1
        uniforms = random_numbers(self.seeds, config.max_steps, config.codebooks)
        sampling = Sampling(scale=self.scale)
        # As published every step makes audio, from the first one on.
        sequence = PublishedSequence(config, bos=1, uniforms=uniforms, sampling=sampling)
        sequence.machine.add([Entry((20, 21), "word", 2)] * config.max_steps)
        sequence.machine.close()
        return sequence


def now(device: torch.device) -> float:
    """Seconds, when all that was launched has been done."""
    if device.type == "cuda":
        torch.cuda.synchronize(device)
    return time.perf_counter()


def share(values: list[float], part: float) -> float:
    """The value below which that share of `values` lies."""
    return sorted(values)[min(len(values) - 1, int(part * len(values)))]
