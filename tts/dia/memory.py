"""How much memory a model takes, and whether there is so much."""

import math
from pathlib import Path

import torch

from tts.dia.network.config import DiaConfig
from tts.dia.network.tensors import places
from tts.protocol import TextToSpeechError
from tts.transformer.kv_cache import entries

_CODEC_BYTES = 320 << 20  # the codec (float32) and what a stream of it keeps
_WORK_BYTES = 512 << 20  # activations, and what PyTorch takes for itself


def needed(
    config: DiaConfig, dtype: torch.dtype, *, slots: int, branches: int, quantize: bool
) -> int:
    """Count the bytes for weights, caches, codec, and work."""
    numbers = sum(math.prod(place.shape) for place in places(config).values())
    weights = numbers * (1 if quantize else dtype.itemsize)
    shape, cross = config.decoder, config.cross
    entry = 2 * shape.layers * shape.kv_heads * shape.head_dim * branches
    heard = 2 * shape.layers * cross.kv_heads * cross.head_dim
    caches = slots * (entry * entries(config.max_steps) + heard * config.max_text)
    return weights + caches * dtype.itemsize + _CODEC_BYTES + _WORK_BYTES


def free(device: torch.device) -> int | None:
    """Count the bytes that are free, where that can be known."""
    if device.type == "cuda":
        return int(torch.cuda.mem_get_info(device)[0])
    try:
        lines = Path("/proc/meminfo").read_text("ascii").splitlines()
    except (OSError, ValueError):
        return None
    found = (int(line.split()[1]) << 10 for line in lines if line.startswith("MemAvailable:"))
    return next(found, None)


def check(
    wanted: int, dtype: torch.dtype, device: torch.device, *, slots: int, quantize: bool
) -> None:
    """Raise TextToSpeechError if a device has less free than is wanted, with what to do."""
    there = free(device)
    if there is None or wanted <= there:
        return
    on_gpu = device.type == "cuda"
    ways = []
    if not on_gpu and not quantize:
        ways.append("quantize int8")
    if on_gpu and dtype == torch.float32:
        ways.append("dtype bfloat16")
    if slots > 1:
        ways.append("fewer slots")
    ways.append("device cpu" if on_gpu else "another engine, such as espeak")
    kind = f"GPU memory ({device})" if on_gpu else "memory"
    raise TextToSpeechError(
        f"the model needs {wanted / 2**30:.1f} GiB of {kind} and {there / 2**30:.1f} GiB are free: "
        f"use {' or '.join(ways)}"
    )
