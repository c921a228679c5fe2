"""Dia2's speed on this machine: milliseconds per frame (80 ms of speech), where they go, the floor.

    python -m bench.dia2 [--model 1b|2b|mid|tiny] [--device cpu|cuda] [--dtype float32|bfloat16]
                         [--slots N] [--cfg SCALE] [--frames N] [--int8] [--baseline] [--json FILE]

Random weights at the real dimensions, made in memory; every utterance has heard 16 seconds before.
On a GPU the steps come in graphs of PyTorch's own operations; for comparison, in graphs of Parley's
own kernels (if there is Triton) and without graphs. `--baseline` also runs, in the same
process and in turns of a few frames, so that all meet the same machine: the readable network in
float32, and the published runtime's way of going about a frame (`bench.dia2_published`). The floor
is the time in which this device, measured in the same run, reads what a frame has to read. Needs
torch, numpy and safetensors alone.
"""

import argparse
import gc
import json
import platform
import statistics
import time
from collections.abc import Callable
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path

import numpy as np
import torch

from bench import dia2_sizes as sizes
from bench.dia2_bundle import codec
from bench.dia2_networks import NETWORKS, FbgemmModel
from bench.dia2_published import Published
from bench.dia2_speakers import FILLED, PHASES, Result, Speakers, now, share
from tts.dia2.fast.gpu.mimi_graph import FrameDecoder
from tts.dia2.network.config import Dia2Config
from tts.dia2.network.model import Model, ReferenceModel

WARM_UP = 3
BURST = 2  # frames of one kind in a turn


@dataclass
class Run:
    """One row of the table as it is measured."""

    result: Result
    frame: Callable[[], None]
    wanted: int
    """Frames."""


def main() -> None:
    """Measure, print one table, and write it as JSON if asked to."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--model", choices=sizes.SIZES, default="mid")
    parser.add_argument("--device", default="cpu")
    parser.add_argument("--dtype", choices=("float32", "bfloat16"))
    parser.add_argument("--slots", type=int, default=1)
    parser.add_argument("--cfg", type=float, default=2.0, help="1 is without guidance")
    parser.add_argument("--frames", type=int, default=300, help="of each kind (%(default)s)")
    parser.add_argument("--slow-frames", type=int, help="of those without graphs, if fewer")
    parser.add_argument("--graphs", action="store_true", help="graphs on a CPU, called one by one")
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
        cached = FILLED * options.slots
        result.bytes, _ = sizes.bytes_per_frame(config, size, cached, branches)
        result.floor = 1000 * result.bytes / bandwidth
    _print(results, options, device, bandwidth)
    mimi = _mimi(options, device)
    print(
        f"Mimi, {options.slots} slots: {statistics.median(mimi):.2f} ms a frame, "
        f"p99 {share(mimi, 0.99):.2f}"
    )
    if options.json:
        found = {
            "options": {key: str(value) for key, value in vars(options).items()},
            "device": _device_name(device),
            "torch": torch.__version__,
            "gigabytes_per_second": bandwidth / 1e9,
            "mimi": statistics.median(mimi),
            "rows": [result.summary() for result in results],
        }
        options.json.write_text(json.dumps(found, indent=2) + "\n")


def _measure(options: argparse.Namespace, device: torch.device) -> list[Result]:
    config = sizes.config(options.model)
    kinds = [("fast", options.dtype)]
    if device.type == "cuda" or options.graphs:
        kinds.insert(0, ("graphs", options.dtype))
    if device.type == "cuda" and find_spec("triton"):
        kinds.insert(1, ("kernels", options.dtype))
    if options.int8:
        kinds += [("int8", "float32"), ("fbgemm", "float32")]
    if options.baseline:
        kinds.append(("plain", "float32"))
    runs, speakers = [], []
    for kind, dtype in kinds:
        what = {"int8": "int8", "fbgemm": "fbgemm int8"}.get(kind, f"{kind} {dtype}")
        model = _model(config, kind, device, getattr(torch, dtype), options)
        speakers.append(Speakers(model, options.cfg, Result(what)))
        slow = kind not in {"graphs", "kernels"} and options.slow_frames
        wanted = options.slow_frames if slow else options.frames
        runs.append(Run(speakers[-1].result, speakers[-1].frame, wanted))
        gc.collect()
    if options.baseline:
        compute = torch.bfloat16 if device.type == "cuda" else torch.float32
        assert isinstance(model, ReferenceModel)  # the last: its weights once more
        weights = dict(model.network.named_parameters())
        frame = Published(config, weights, compute).frame
        wanted = options.slow_frames or options.frames
        runs.append(Run(Result("published float32"), frame, wanted))
    for run in runs:
        for _ in range(WARM_UP):
            run.frame()
        run.result.phases.clear()
    for _ in range(-(-options.frames // BURST)):
        for run in runs:
            for _ in range(min(BURST, run.wanted - len(run.result.frame))):
                begun, processor = now(device), time.process_time()
                run.frame()
                run.result.frame.append(1000 * (now(device) - begun))
                run.result.cpu.append(1000 * (time.process_time() - processor))
    for each in speakers:
        each.replay()
    return [run.result for run in runs]


def _model(
    config: Dia2Config,
    kind: str,
    device: torch.device,
    dtype: torch.dtype,
    options: argparse.Namespace,
) -> Model:
    load = FbgemmModel if kind == "fbgemm" else NETWORKS["quickest" if kind == "graphs" else kind]
    return load(
        config,
        sizes.RandomWeights(config, device, dtype),
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
        begun = now(device)
        numbers.sum()
        best = max(best, size / (now(device) - begun))
    return best


def _mimi(options: argparse.Namespace, device: torch.device) -> list[float]:
    """Milliseconds for each next frame of all slots."""
    decoder = FrameDecoder(codec(options.model, device), options.slots)
    codes = np.zeros((options.slots, sizes.config(options.model).codebooks), np.int64)
    active = np.ones(options.slots, np.bool_)
    took = []
    for _ in range(60):
        begun = now(device)
        decoder.step(codes, active)
        took.append(1000 * (now(device) - begun))
    return took[10:]


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


def _device_name(device: torch.device) -> str:
    if device.type == "cuda":
        return torch.cuda.get_device_name(device)
    lines = Path("/proc/cpuinfo").read_text().splitlines() if platform.system() == "Linux" else []
    names = [line.partition(": ")[2] for line in lines if line.startswith("model name")]
    return names[0] if names else platform.processor()


if __name__ == "__main__":
    main()
