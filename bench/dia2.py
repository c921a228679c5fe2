"""Dia2's speed on this machine: milliseconds per frame (80 ms of speech), where they go, the floor.

    python -m bench.dia2 [--model 1b|2b|mid|tiny] [--device cpu|cuda] [--dtype float32|bfloat16]
                         [--slots N] [--cfg SCALE] [--frames N] [--int8] [--baseline] [--json FILE]

Random weights at the real dimensions, made in memory. `--baseline` also runs, in the same process
and in turns of a few frames, so that all meet the same machine: the readable network in float32,
and the published runtime's way of going about a frame (`bench.dia2_published`). The floor is the
time in which this device, measured in the same run, reads what a frame has to read. Needs torch,
numpy and safetensors alone.
"""

import argparse
import gc
import json
import platform
import statistics
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any

import torch

from bench import dia2_sizes as sizes
from bench.dia2_published import Published
from tests.tts.dia2.plain_mimi import random_mimi
from tts.dia2.config import Dia2Config
from tts.dia2.fast.capture import Capture
from tts.dia2.fast.graphs import Graphs, GraphStepper
from tts.dia2.fast.model import NETWORKS
from tts.dia2.model import Model, Network
from tts.dia2.sampling import Sampling, random_numbers
from tts.dia2.script import Entry
from tts.dia2.stepper import Stepper
from tts.dia2.take import Take

WARM_UP = 3
BURST = 2  # frames of one kind in a turn
PHASES = ("backbone", "depformer", "sampling", "host")
ENTRIES = 200  # in the cache, of which the floor is told


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
            "p99": _share(self.frame, 0.99),
            "fast": _share(self.frame, 0.1),
            "cpu": statistics.median(self.cpu),
            "phases": {name: statistics.median(each) for name, each in self.phases.items()},
            "megabytes": self.bytes / 1e6,
            "floor": self.floor,
        }


class Speakers:
    """All slots of a model speaking, and a clock in each of its parts."""

    def __init__(self, model: Model, scale: float, result: Result) -> None:
        self.model, self.result, self.scale = model, result, scale
        graphs = result.what.startswith("graphs")
        self.stepper = GraphStepper(model, Graphs(model)) if graphs else Stepper(model)
        self.seeds = 0
        self.spent = dict.fromkeys(PHASES, 0.0)
        self.clocked = not graphs  # the parts of a graph cannot be told from each other
        if graphs:
            return
        for owner, name, phase in (
            (model, "step", "backbone"),
            (model, "first_codebook", "backbone"),
            (model, "next_codebook", "depformer"),
            (self.stepper.sampler, "sample", "sampling"),
        ):
            setattr(owner, name, partial(self._clocked, getattr(owner, name), phase))

    def _clocked(self, call: Callable[..., Any], phase: str, *args: Any) -> Any:
        begun = _now(self.model.device)
        result = call(*args)
        self.spent[phase] += _now(self.model.device) - begun
        return result

    def frame(self) -> None:
        """One step of every slot; a take that has ended makes room for the next."""
        while self.stepper.free:
            self.stepper.admit(self._take())
        self.spent = dict.fromkeys(PHASES, 0.0)
        begun = _now(self.model.device)
        self.stepper.step()
        total = _now(self.model.device) - begun
        self.spent["host"] = total - sum(self.spent.values())
        if self.clocked:
            for name, seconds in self.spent.items():
                self.result.phases.setdefault(name, []).append(1000 * seconds)
        for slot, take in enumerate(self.stepper.takes):
            if take is not None and take.finished:
                self.stepper.release(slot)

    def _take(self) -> Take:
        config, self.seeds = self.model.config, self.seeds + 1
        uniforms = random_numbers(self.seeds, config.max_steps, config.codebooks)
        sampling = Sampling(scale=self.scale)
        # By the reference every step makes audio, from the first one on.
        take = Take(config, bos=1, uniforms=uniforms, sampling=sampling, reference=True)
        take.machine.add([Entry((20, 21), "word", 2)] * config.max_steps)
        take.machine.close()
        return take


def main() -> None:
    """Measure, print one table, and write it as JSON if asked to."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--model", choices=sizes.SIZES, default="mid")
    parser.add_argument("--device", default="cpu")
    parser.add_argument("--dtype", choices=("float32", "bfloat16"))
    parser.add_argument("--slots", type=int, default=1)
    parser.add_argument("--cfg", type=float, default=2.0, help="1 is without guidance")
    parser.add_argument("--frames", type=int, default=300, help="of each kind (%(default)s)")
    parser.add_argument("--threads", type=int, help="of torch")
    parser.add_argument("--int8", action="store_true", help="int8 weights as well, on a CPU")
    parser.add_argument("--baseline", action="store_true")
    parser.add_argument("--json", type=Path)
    options = parser.parse_args()
    if options.threads:
        torch.set_num_threads(options.threads)
    device = torch.device(options.device)
    options.dtype = options.dtype or ("float32" if device.type == "cpu" else "bfloat16")
    results = _measure(options, device)
    bandwidth = _bandwidth(device)
    config, branches = sizes.config(options.model), 1 if options.cfg == 1 else 2
    for result in results:
        size = {"int8": 1, "bfloat16": 2}.get(result.what.split()[-1], 4)
        cached = ENTRIES * options.slots
        result.bytes, _ = sizes.bytes_per_frame(config, size, cached, branches)
        result.floor = 1000 * result.bytes / bandwidth
    _print(results, options, device, bandwidth)
    mimi = _mimi(options, device)
    print(f"Mimi, {options.slots} slots: {mimi:.2f} ms a frame")
    if options.json:
        found = {
            "options": {key: str(value) for key, value in vars(options).items()},
            "device": _device_name(device),
            "torch": torch.__version__,
            "gigabytes_per_second": bandwidth / 1e9,
            "mimi": mimi,
            "rows": [result.summary() for result in results],
        }
        options.json.write_text(json.dumps(found, indent=2) + "\n")


def _measure(options: argparse.Namespace, device: torch.device) -> list[Result]:
    config = sizes.config(options.model)
    kinds = [("fast", options.dtype)]
    if device.type == "cuda":
        kinds.insert(0, ("graphs", options.dtype))
    if options.int8:
        kinds.append(("int8", "float32"))
    if options.baseline:
        kinds.append(("plain", "float32"))
    results, frames = [], []
    for kind, dtype in kinds:
        what = kind if kind == "int8" else f"{kind} {dtype}"
        results.append(Result(what))
        model = _model(config, kind, device, getattr(torch, dtype), options)
        frames.append(Speakers(model, options.cfg, results[-1]).frame)
        gc.collect()
    if options.baseline:
        compute = torch.bfloat16 if device.type == "cuda" else torch.float32
        # The readable network's weights once more: it keeps them as they are.
        with torch.device("meta"):
            network = Network(config, torch.float32)
        network.transformer, network.depformer = model.backbone, model.depformer
        results.append(Result("published float32"))
        frames.append(Published(config, network, compute).frame)
    for _ in range(WARM_UP):
        for frame in frames:
            frame()
    for result in results:
        result.phases.clear()
    for _ in range(-(-options.frames // BURST)):
        for frame, result in zip(frames, results, strict=True):
            for _ in range(BURST):
                begun, processor = _now(device), time.process_time()
                frame()
                result.frame.append(1000 * (_now(device) - begun))
                result.cpu.append(1000 * (time.process_time() - processor))
    return results


def _model(
    config: Dia2Config,
    kind: str,
    device: torch.device,
    dtype: torch.dtype,
    options: argparse.Namespace,
) -> Model:
    return NETWORKS["fast" if kind == "graphs" else kind](
        config,
        sizes.network(config, device, dtype),
        device=device,
        dtype=dtype,
        slots=options.slots,
        branches=1 if options.cfg == 1 else 2,
    )


def _bandwidth(device: torch.device) -> float:
    """Bytes a second that this device reads, at best of several times."""
    size = 1 << (28 if device.type == "cpu" else 32)
    numbers = torch.ones(size // 4, device=device)
    best = 0.0
    for _ in range(10):
        begun = _now(device)
        numbers.sum()
        best = max(best, size / (_now(device) - begun))
    return best


@torch.inference_mode()
def _mimi(options: argparse.Namespace, device: torch.device) -> float:
    """Milliseconds for the next frame of all slots."""
    if device.type != "cpu":
        torch.set_default_device(device)
    mimi, _ = random_mimi()
    decoder = mimi.decoder(options.slots)
    codes = torch.zeros((options.slots, mimi.codebooks, 1), dtype=torch.int64, device=device)
    step = Capture(device)(lambda: decoder.step(codes))
    took = []
    for _ in range(50):
        begun = _now(device)
        step()
        took.append(1000 * (_now(device) - begun))
    return statistics.median(took[10:])


def _print(
    results: list[Result], options: argparse.Namespace, device: torch.device, bandwidth: float
) -> None:
    print(
        f"{options.model}, {options.slots} slots, guidance {options.cfg}, {_device_name(device)}, "
        f"{torch.get_num_threads()} threads, {bandwidth / 1e9:.0f} GB/s, torch {torch.__version__}"
    )
    shown = ("median", "p99", "fast", "cpu", *PHASES, "MB", "x floor")
    print(f"{'ms per frame':20}" + "".join(f"{name:>11}" for name in shown) + "   of published")
    published = next((each for each in results if each.what.startswith("published")), None)
    for result in results:
        row = result.summary()
        cells = [row[name] for name in ("median", "p99", "fast", "cpu")]
        line = f"{result.what:20}" + "".join(f"{each:11.2f}" for each in cells)
        for name in PHASES:
            line += f"{row['phases'][name]:11.2f}" if name in row["phases"] else f"{'':11}"
        line += f"{row['megabytes']:11.0f}{row['median'] / result.floor:11.1f}"
        if published is not None:
            ratio = statistics.median(published.frame) / row["median"]
            line += f"{ratio:10.2f} x faster"
        print(line)


def _now(device: torch.device) -> float:
    if device.type == "cuda":
        torch.cuda.synchronize(device)
    return time.perf_counter()


def _share(values: list[float], share: float) -> float:
    """The value below which that share of `values` lies."""
    return sorted(values)[min(len(values) - 1, int(share * len(values)))]


def _device_name(device: torch.device) -> str:
    if device.type == "cuda":
        return torch.cuda.get_device_name(device)
    lines = Path("/proc/cpuinfo").read_text().splitlines() if platform.system() == "Linux" else []
    names = [line.partition(": ")[2] for line in lines if line.startswith("model name")]
    return names[0] if names else platform.processor()


if __name__ == "__main__":
    main()
