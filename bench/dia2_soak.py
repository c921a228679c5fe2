"""Many utterances that join, end and are broken off at random, for a long time.

    python -m bench.dia2_soak [--model tiny] [--slots 64] [--minutes 10] [--device cpu] [--graphs]

Every utterance that ends must have drawn what it draws when it is alone, whatever its neighbours
did meanwhile; the caches must be empty in the end, and neither memory nor the time of a step may
grow. On a GPU rounding depends on how many rows are multiplied at once, so that one utterance in a
hundred may come upon a near tie. Random weights; needs torch, numpy and safetensors alone.
"""

import argparse
import gc
import random
import statistics
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import torch

from bench import dia2_sizes as sizes
from tts.dia2.fast.gpu.graphs import Graphs
from tts.dia2.fast.select import select_model
from tts.dia2.network.model import Model
from tts.dia2.network.sampling import Sampling, random_numbers
from tts.dia2.serving.graph_stepper import new_stepper
from tts.dia2.serving.sequence import Sequence
from tts.dia2.serving.stepper import Stepper
from tts.dia2.text.script import Entry

KINDS = 12  # of utterances, which come again and again
JOINS = 0.3  # chance of a free slot's being taken in a step
BROKEN = 0.25  # share of utterances that are broken off


@dataclass
class Report:
    """What has happened."""

    steps: int = 0
    ended: int = 0
    broken: int = 0
    disturbed: int = 0
    """Utterances that drew other tokens than alone."""
    left: int = 0
    """Entries in the caches once all slots are free."""
    milliseconds: list[float] = field(default_factory=list, repr=False)
    megabytes: list[float] = field(default_factory=list, repr=False)

    @property
    def drift(self) -> float:
        """A step of the last tenth to one of the second, as medians."""
        tenth = max(1, len(self.milliseconds) // 10)
        first, last = self.milliseconds[tenth : 2 * tenth], self.milliseconds[-tenth:]
        return statistics.median(last) / statistics.median(first)

    @property
    def growth(self) -> float:
        """Megabytes of memory from the first half to the end."""
        return self.megabytes[-1] - self.megabytes[len(self.megabytes) // 2]


def utterance(model: Model, kind: int) -> Sequence:
    """One of `KINDS`: they differ in length, settings and seed."""
    config = model.config
    settings = (Sampling(), Sampling(audio_temperature=0), Sampling(audio_top_k=0, filter_k=20))
    uniforms = random_numbers(kind, config.max_steps, config.codebooks)
    sequence = Sequence(config, bos=1, uniforms=uniforms, sampling=settings[kind % 3])
    sequence.machine.add([Entry((20 + kind,) * (1 + kind % 2), "word", 2)] * (1 + 2 * kind))
    sequence.machine.close()
    return sequence


def alone(model: Model, kind: int, graphs: Graphs | None = None) -> Sequence:
    """An utterance with all other slots free."""
    stepper, sequence = new_stepper(model, graphs), utterance(model, kind)
    slot = stepper.admit(sequence)
    while not sequence.finished:
        stepper.step()
    stepper.release(slot)
    return sequence


def soak(stepper: Stepper, expected: list[Sequence], go_on: Callable[[int], bool]) -> Report:
    """Keep the slots busy while `go_on` (steps so far) says so, then let them finish."""
    chance, report = random.Random(0), Report()
    kinds: dict[int, int] = {}
    breaks: dict[int, int] = {}
    while (going := go_on(report.steps)) or kinds:
        while going and stepper.free and chance.random() < JOINS:
            kind = chance.randrange(len(expected))
            slot = stepper.admit(utterance(stepper.model, kind))
            kinds[slot] = kind
            steps = expected[kind].step
            breaks[slot] = chance.randrange(steps) if chance.random() < BROKEN else steps + 1
        begun = time.perf_counter()
        stepper.step()
        report.milliseconds.append(1000 * (time.perf_counter() - begun))
        report.steps += 1
        for slot, sequence in enumerate(stepper.sequences):
            if sequence is not None and sequence.finished:
                same = np.array_equal(sequence.grid, expected[kinds[slot]].grid)
                report.disturbed += not same
                report.ended += 1
            elif sequence is not None and sequence.step >= breaks[slot]:
                report.broken += 1
            else:
                continue
            stepper.release(slot)
            del kinds[slot]
        if report.steps % 100 == 0:
            gc.collect()
            report.megabytes.append(resident())
    report.left = sum(stepper.model.cache.filled) + int(stepper.model.cache.lengths.sum())
    return report


def resident() -> float:
    """Megabytes of this process in memory (Linux)."""
    status = Path("/proc/self/statm").read_text().split()
    return int(status[1]) * 4096 / 1e6


def main() -> int:
    """Soak, say what happened, and fail if anything went wrong."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--model", choices=sizes.SIZES, default="tiny")
    parser.add_argument("--device", default="cpu")
    parser.add_argument("--slots", type=int, default=64)
    parser.add_argument("--minutes", type=float, default=10)
    parser.add_argument("--graphs", action="store_true", help="the way a GPU takes; it always does")
    options = parser.parse_args()
    device = torch.device(options.device)
    config = sizes.config(options.model)
    weights, dtype = sizes.RandomWeights(config, device, torch.float32), torch.float32
    model = select_model(config, weights, device=device, dtype=dtype, slots=options.slots)
    graphs = Graphs(model) if options.graphs or device.type == "cuda" else None
    expected = [alone(model, kind, graphs) for kind in range(KINDS)]
    stepper = new_stepper(model, graphs)
    end = time.monotonic() + 60 * options.minutes
    report = soak(stepper, expected, lambda _: time.monotonic() < end)
    print(report)
    print(
        f"a step takes {statistics.median(report.milliseconds):.1f} ms; last tenth to second "
        f"{report.drift:.2f}; memory grew by {report.growth:.1f} MB of {report.megabytes[-1]:.0f}"
    )
    excused = report.ended // 100 if device.type == "cuda" else 0
    return int(report.disturbed > excused or report.left > 0)


if __name__ == "__main__":
    sys.exit(main())
