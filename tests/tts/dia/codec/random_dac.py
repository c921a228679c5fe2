"""A codec of random weights, of any size."""

from typing import Any

import torch
from torch import Tensor

from tts.dia.codec.codec import Dac
from tts.dia.codec.config import DacConfig
from tts.dia.codec.weights import DacWeights


class RandomWeights(DacWeights):
    """A checkpoint that has every tensor one asks for, of a useful size."""

    def __init__(self, seed: int = 0) -> None:
        self._random = torch.Generator().manual_seed(seed)

    def take(self, name: str, *shape: int) -> Tensor:
        noise = torch.randn(shape, generator=self._random)
        if name.endswith("alpha"):
            return noise.abs_() / 4 + 1
        if name.endswith("bias"):
            return noise / 10
        if "codebook" in name:
            return noise
        inputs = shape[0] * 2 if "conv_t" in name else noise[0].numel()
        return noise.mul_((0.4 / inputs) ** 0.5)


def random_dac(seed: int = 0, **sizes: Any) -> Dac:
    """A codec; `sizes` as in its config.json."""
    with torch.inference_mode():
        return Dac(RandomWeights(seed), DacConfig(**sizes))
