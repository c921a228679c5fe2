"""Draws by numbers that are made in advance: nothing is looked at on the host."""

import torch
from torch import Tensor


def pick(p: Tensor, uniform: Tensor) -> Tensor:
    """Token [...] at which the sum of p [..., n], in order of ids, passes `uniform` [...]."""
    sums = p.double().cumsum(-1)
    passed = sums <= uniform[..., None] * sums[..., -1:]
    return passed.sum(-1).clamp(max=p.shape[-1] - 1)


def uniforms(seed: int, steps: int, draws: int) -> Tensor:
    """Uniforms [steps, draws] (float64, in [0, 1)) for a whole utterance, on the CPU.

    Made in advance and on the CPU: one seed means the same numbers on every device, whichever
    draws are skipped and whatever runs in the other slots.
    """
    generator = torch.Generator().manual_seed(seed)
    return torch.rand((steps, draws), generator=generator, dtype=torch.float64)
