"""Dia2's kernels for a GPU, one by one.

    python -m bench.dia2_kernels --device cuda [--model 2b|1b] [--slots N] [--entries N]
    python -m bench.dia2_kernels [--model 2b|1b] [--slots N] [--entries N]

On a GPU: all kernels checked against PyTorch, then each timed beside PyTorch's way at the sizes of
one frame: microseconds in a CUDA graph, the share of this GPU's own reading speed, and what a frame
of them comes to. Matrices are taken in turn, layer by layer, as in a frame.

Without one: all kernels of a frame compiled for an H200 all the same, with the registers and the
shared memory they take and what they spill; and how many there are in a frame, PyTorch's included,
with a prediction of its time. Nobody has checked it: these kernels have never been timed on a GPU.
"""

import argparse
import statistics
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial
from typing import Any

import torch
import triton
from torch import Tensor
from torch.nn import functional

from bench import dia2_sizes as sizes
from bench.dia2 import _bandwidth
from bench.dia2_launches import frame, resources
from tts.dia2.fast.depformer import Frame
from tts.dia2.fast.gpu.check import find_fault
from tts.dia2.fast.gpu.kernels.draw import draw
from tts.dia2.fast.gpu.kernels.embed import embed
from tts.dia2.fast.gpu.kernels.layer import KernelBlock, Seen
from tts.dia2.fast.gpu.kernels.project import Matrix, project
from tts.dia2.fast.gpu.model import KernelModel
from tts.dia2.network.config import Dia2Config
from tts.dia2.network.sampling import FIRST_CODEBOOK, Sampling, random_numbers
from tts.transformer.kv_cache import FixedStep
from tts.transformer.layers import ACTIVATIONS

H200 = 4.3e12  # bytes a second that a copy moves
GAP = 2.0e-6  # seconds that a kernel costs beside its reading, in a graph: a guess
REACHED = 0.75  # of the reading speed, by a kernel: a guess
CALLS, REPLAYS = 56, 20  # of a kernel in a graph, and of the graph


@dataclass(frozen=True)
class Case:
    """What a frame does `times` times; both ways take a number, that of a layer or a stage."""

    name: str
    times: int
    bytes: int
    """Read by each."""
    ours: Callable[[int], object]
    theirs: Callable[[int], object]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--model", choices=("1b", "2b"), default="2b")
    parser.add_argument("--device", default="cpu")
    parser.add_argument("--slots", type=int, default=1)
    parser.add_argument("--entries", type=int, default=200, help="in the cache (%(default)s)")
    options = parser.parse_args()
    config = sizes.config(options.model)
    if torch.device(options.device).type == "cuda":
        _on_gpu(config, options)
    else:
        _without_gpu(config, options)


def _without_gpu(config: Dia2Config, options: argparse.Namespace) -> None:
    launches, others = frame(config, options.slots, options.entries)
    print(f"{options.model}, {options.slots} slots, compiled by Triton {triton.__version__}")
    print(f"{'kernel':8}{'programs':>12}{'a frame':>9}{'MB read':>9}   resources")
    made = {(each.name, each.grid, each.read): each.compiled for each in launches}
    for key, count in Counter((each.name, each.grid, each.read) for each in launches).items():
        name, grid, read = key
        programs = " x ".join(map(str, grid))
        print(f"{name:8}{programs:>12}{count:>9}{read / 1e6:>9.1f}   {resources(made[key])}")
    read = sum(each.read for each in launches)
    count = len(launches) + others.total()
    seconds = count * GAP + read / (REACHED * H200)
    most = ", ".join(f"{name} {n}" for name, n in others.most_common(5))
    print(
        f"a frame: {len(launches)} kernels of ours, about {others.total()} of PyTorch's "
        f"({most} …), {read / 1e9:.2f} GB of matrices\n"
        f"floor on an H200 {1000 * read / H200:.2f} ms; predicted {1000 * seconds:.1f} ms, if a "
        f"kernel costs {GAP * 1e6:.0f} us beside reading at {REACHED:.0%} of {H200 / 1e12} TB/s.\n"
        "Not measured: that needs a GPU (python -m bench.dia2_kernels --device cuda)."
    )


@torch.inference_mode()
def _on_gpu(config: Dia2Config, options: argparse.Namespace) -> None:
    device, dtype = torch.device(options.device), torch.bfloat16
    weights = sizes.RandomWeights(config, device, dtype)
    model = KernelModel(config, weights, device=device, dtype=dtype, slots=options.slots)
    print(f"checked against PyTorch: {find_fault(model) or 'all kernels agree'}")
    speed = _bandwidth(device)
    name = torch.cuda.get_device_name(device)
    print(f"{options.model}, {options.slots} slots, bfloat16, {name}, {speed / 1e9:.0f} GB/s")
    print(f"{'':28}{'a frame':>8}{'us':>8}{'PyTorch':>9}{'GB/s':>7}{'of floor':>10}")
    ours_in_all = theirs_in_all = 0.0
    for case in _cases(model, options.entries):
        ours, theirs = _seconds(case.ours), _seconds(case.theirs)
        ours_in_all, theirs_in_all = (
            ours_in_all + case.times * ours,
            theirs_in_all + case.times * theirs,
        )
        reads = case.bytes / ours
        row = f"{case.name:28}{case.times:>8}{1e6 * ours:>8.1f}{1e6 * theirs:>9.1f}"
        print(row + f"{reads / 1e9:>7.0f}{reads / speed:>10.0%}" if case.bytes else row)
    print(f"a frame of them: {1000 * ours_in_all:.2f} ms, PyTorch's {1000 * theirs_in_all:.2f} ms")


def _seconds(call: Callable[[int], object]) -> float:
    """Of one call among many in a graph, the median."""
    cuda: Any = torch.cuda  # parts of it have no types
    for number in range(3):
        call(number)
    cuda.synchronize()
    graph = cuda.CUDAGraph()
    with cuda.graph(graph):
        for number in range(CALLS):
            call(number)
    took: list[float] = []
    for _ in range(REPLAYS):
        begun, ended = (cuda.Event(enable_timing=True) for _ in range(2))
        begun.record()
        graph.replay()
        ended.record()
        ended.synchronize()
        took.append(begun.elapsed_time(ended) / 1000 / CALLS)
    return statistics.median(took)


def _cases(model: KernelModel, entries: int) -> Iterator[Case]:
    config, rows = model.config, model.slots * model.branches
    stages, eps = len(model.heads), config.eps
    deep = [layer for number in model.sets for layer in model.depth[number]]
    times = stages * config.depformer.layers
    yield _embedding(model)
    yield from _layers("backbone", model, model.layers, len(model.layers))
    yield _attention(model, entries)
    yield _product("first head", model, [model.first_head], 1)
    yield _product("depformer inputs", model, [model.inputs], 1)
    yield from _layers("depformer", model, deep, times)
    yield _stage_attention(model, rows, times)
    yield _product("depformer heads", model, model.heads, stages, norm=eps)
    yield _draw(model, 1 + stages)


def _random(model: KernelModel, *shape: int) -> Tensor:
    return torch.randn(shape, device=model.device, dtype=model.dtype)


def _layers(name: str, model: KernelModel, layers: list[KernelBlock], times: int) -> Iterator[Case]:
    for part in ("qkv", "out", "wi", "wo"):
        matrices = [getattr(each, part) for each in layers]
        if part in {"qkv", "wi"}:
            yield _product(f"{name} {part}", model, matrices, times, norm=model.config.eps)
        else:
            yield _product(f"{name} {part}", model, matrices, times, adds=True)


def _product(
    name: str,
    model: KernelModel,
    matrices: list[Matrix],
    times: int,
    *,
    norm: float | None = None,
    adds: bool = False,
) -> Case:
    rows = model.slots * model.branches
    x = _random(model, rows, matrices[0].weight.shape[1])
    share = torch.full_like(x[0], x.shape[1] ** -0.5)  # the rest is in the matrix
    add = _random(model, rows, matrices[0].outputs) if adds else None

    def theirs(number: int) -> Tensor:
        matrix = matrices[number % len(matrices)]
        y = x if norm is None else functional.rms_norm(x, x.shape[1:], share, norm)
        if add is not None:
            return torch.addmm(add, y, matrix.weight.t())
        y = functional.linear(y, matrix.weight)
        if matrix.activations is None:
            return y
        first, second = (ACTIVATIONS[kind] for kind in matrix.activations)
        gate, up = y.chunk(2, 1)
        return first(gate) * second(up)

    def ours(number: int) -> Tensor:
        return project(x, matrices[number % len(matrices)], norm=norm, add=add)

    return Case(name, times, matrices[0].bytes, ours, theirs)


def _embedding(model: KernelModel) -> Case:
    shape = (model.slots * model.branches, 2 + model.config.codebooks)
    tokens = torch.randint(64, shape, device=model.device)
    read = tokens.numel() * model.config.decoder.width * model.cache.keys.element_size()
    return Case(
        "embedding",
        1,
        read,
        lambda _: embed(tokens, model.tables),
        lambda _: model.fused.embed(tokens),
    )


def _attention(model: KernelModel, entries: int) -> Case:
    """To so many entries in each slot."""
    shape, cache, slots, branches = (
        model.config.decoder,
        model.cache,
        model.slots,
        model.branches,
    )
    cache.lengths.fill_(entries - 1)
    span = next(each for each in model.spans if each >= entries)
    inner = (shape.heads + 2 * shape.kv_heads) * shape.head_dim
    qkv = _random(model, slots * branches, inner)
    cos, sin = model.rotary.angles(cache.lengths, torch.float32)
    rope = torch.complex(cos, sin).repeat_interleave(branches, 0)
    angles = cos.flatten(1), sin.flatten(1)
    active = torch.zeros(slots, device=model.device, dtype=torch.bool)
    step = FixedStep(cache, active, span)

    def theirs(number: int) -> Tensor:
        layer = number % shape.layers
        y = model.fused.blocks[layer].attention.heads(qkv.clone(), rope)
        y = y.view(slots, branches, -1, shape.head_dim)
        parts = torch.split(y, [shape.heads, shape.kv_heads, shape.kv_heads], 2)
        return step.attend(layer, *parts)

    def ours(number: int) -> Tensor:
        layer = number % shape.layers
        seen = Seen(cache.keys[layer], cache.values[layer], cache.lengths, branches, span)
        return model.layers[layer].read(qkv, angles, seen)

    entry = 2 * shape.kv_heads * shape.head_dim * cache.keys.element_size()
    read = slots * branches * entries * entry
    return Case(f"attention to {entries}", shape.layers, read, ours, theirs)


def _stage_attention(model: KernelModel, rows: int, times: int) -> Case:
    """In the depformer's middle stage."""
    shape, stage = model.config.depformer, len(model.heads) // 2
    frame = model.new_frame()
    assert isinstance(frame, Frame)
    qkv = _random(model, rows, 3 * shape.heads * shape.head_dim)
    ropes, fused = model.ropes, model.fused_depth
    assert fused is not None
    angles = None if ropes is None else (ropes[0][stage : stage + 1], ropes[1][stage : stage + 1])
    number = model.numbers[stage : stage + 1]

    def theirs(layer: int) -> Tensor:
        layer %= shape.layers
        heads = fused.blocks[0][layer].attention.heads(qkv.clone(), fused.ropes[stage])
        return frame.attend(layer, stage, heads)

    def ours(layer: int) -> Tensor:
        keys, values = frame.seen[layer % shape.layers]
        seen = Seen(keys, values, number, model.branches, len(model.heads))
        return model.depth[0][layer % shape.layers].read(qkv, angles, seen)

    return Case("depformer attention", times, 0, ours, theirs)


def _draw(model: KernelModel, times: int) -> Case:
    """One of the later codebooks."""
    slots, config = model.slots, model.config
    sampler = model.new_sampler()
    for slot in range(slots):
        sampler.assign(slot, Sampling(), random_numbers(slot, 2, config.codebooks))
    shape = (slots, model.branches, config.audio_limit)
    logits = 3 * torch.randn(shape, device=model.device)
    steps = torch.zeros(slots, device=model.device, dtype=torch.int64)
    tokens = steps.new_empty((slots, 1))
    number = FIRST_CODEBOOK + 1
    ours = partial(draw, sampler, logits, number, steps, tokens)
    return Case(
        "draw",
        times,
        0,
        lambda _: ours(),
        lambda _: sampler.sample(logits, number, steps),
    )


if __name__ == "__main__":
    main()
