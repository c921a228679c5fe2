"""What is faster on this processor, found out by trying: once a machine, in a second or two.

The depth transformer is there in loops compiled by Numba and in PyTorch's operations on packed
matrices. Which of them wins depends on the processor: float32 loops run on one core, and where its
share of the memory's speed is small, oneDNN's products on all of them are faster.
"""

import time
from collections.abc import Callable
from dataclasses import replace
from functools import partial
from typing import TYPE_CHECKING

import torch
from torch import Tensor

from tts import speed
from tts.dia2.fast.depformer import Depformer, Frame
from tts.dia2.network.config import Dia2Config
from tts.dia2.network.sampling import FIRST_CODEBOOK, Sampler, Sampling, random_numbers
from tts.transformer.layers import Rotary
from tts.transformer.linear import pack
from tts.transformer.weights import Weights

if TYPE_CHECKING:
    from tts.dia2.fast.cpu import depformer as compiled

SMALL = 1 << 22
"""Weights of a stage: with fewer, PyTorch's operations take longer to call than to compute."""

FRAME_S = 0.08
"""Seconds that a frame lasts."""

SHARE = 0.4
"""Of a frame's time that reading its weights may take: what is computed beside takes more."""

_TRIES = 5


def loops_are_faster(
    config: Dia2Config,
    weights: Weights,
    rotary: Rotary | None,
    branches: int,
    loops: "type[compiled.Depformer]",
    *,
    quantize: bool,
) -> bool:
    """Say whether the depth transformer is faster in compiled loops, by trying its first stage.

    What was measured is kept for this machine (`tts.speed`). Raises TextToSpeechError.
    """
    if stage_weights(config) < SMALL:
        return True
    shape = config.depformer
    size = f"{shape.layers}x{shape.width}x{shape.hidden}"
    kind = f"{'int8' if quantize else 'float32'} {torch.get_num_threads()} threads"
    name = f"dia2 depth loops {size} {kind}, times operations"
    ratio = speed.kept(name)
    if ratio is None:
        stage = replace(config, codebooks=2, schedule=config.schedule[:1])
        ours = _loops(stage, weights, rotary, branches, loops, quantize=quantize)
        ratio = ours / _operations(stage, weights, rotary, branches, quantize=quantize)
        speed.keep(name, ratio)
    return ratio <= 1


def int8_is_needed(config: Dia2Config) -> bool:
    """Say whether float32 weights are too many to be read in real time by this processor."""
    read = 4 * (backbone_weights(config) + (config.codebooks - 1) * stage_weights(config))
    return read > SHARE * FRAME_S * _bandwidth()


def backbone_weights(config: Dia2Config) -> int:
    """Count the weights that the backbone reads for a frame."""
    shape = config.decoder
    attention = 2 * shape.heads + 2 * shape.kv_heads
    layer = shape.width * (attention * shape.head_dim + 3 * shape.hidden)
    return shape.layers * layer + shape.width * config.audio_vocab


def stage_weights(config: Dia2Config) -> int:
    """Count the weights that the depth transformer reads for a codebook."""
    shape = config.depformer
    layer = shape.width * (4 * shape.heads * shape.head_dim + 3 * shape.hidden)
    return shape.layers * layer + shape.width * (config.decoder.width + config.audio_vocab)


def _loops(
    stage: Dia2Config,
    weights: Weights,
    rotary: Rotary | None,
    branches: int,
    loops: "type[compiled.Depformer]",
    *,
    quantize: bool,
) -> float:
    network = loops(stage, weights, rotary, branches, quantize=quantize)
    hidden, nothing, text = _inputs(stage, branches)
    frame = Frame(stage, 1, branches, hidden)

    def draw() -> None:
        network(0, hidden, nothing, text, frame)

    alone = _quickest(draw)
    if not network.helpers.count:
        return alone
    with network.helpers.at_work():
        return min(alone, _quickest(draw))


def _operations(
    stage: Dia2Config, weights: Weights, rotary: Rotary | None, branches: int, *, quantize: bool
) -> float:
    network = Depformer(stage, weights, rotary, partial(pack, quantize=quantize))
    hidden, nothing, text = _inputs(stage, branches)
    frame = Frame(stage, 1, branches, hidden)
    sampler = Sampler(1, 1, 2, (), torch.device("cpu"))
    sampler.assign(0, Sampling(), random_numbers(0, 1, 2))

    def draw() -> None:
        frame.starts.clear()
        logits = network(0, hidden, nothing, text, frame)
        sampler.sample(logits, FIRST_CODEBOOK + 1, nothing)

    return _quickest(draw)


def _inputs(stage: Dia2Config, branches: int) -> tuple[Tensor, Tensor, Tensor]:
    """Hidden states, a codebook's token, the text's tokens."""
    hidden = torch.ones(1, branches, stage.decoder.width)
    return hidden, torch.zeros(1, dtype=torch.int64), torch.zeros(1, 2, dtype=torch.int64)


def _quickest(call: Callable[[], object]) -> float:
    seconds = []
    with torch.inference_mode():
        for _ in range(_TRIES):
            begun = time.perf_counter()
            call()
            seconds.append(time.perf_counter() - begun)
    return min(seconds)


def _bandwidth() -> float:
    """Measure the bytes a second that this processor reads, at best."""
    numbers = torch.ones(1 << 25)
    return 4 * len(numbers) / _quickest(numbers.sum)
