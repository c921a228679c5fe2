"""The codec's residual quantiser: latents to codes, and back.

Every codebook describes, in few dimensions of its own, what the ones before it left over.
"""

import torch
from torch import Tensor
from torch.nn import functional

from tts.codec.layers import Linear
from tts.dia.codec.config import DacConfig
from tts.dia.codec.weights import DacWeights


class Quantizer:
    """All codebooks in one table, all their projections in one matrix."""

    def __init__(self, weights: DacWeights, config: DacConfig) -> None:
        width, dim, self.size = config.hidden_size, config.codebook_dim, config.codebook_size
        names = [f"quantizer.quantizers.{each}" for each in range(config.n_codebooks)]
        self.tables = [weights.take(f"{name}.codebook.weight", self.size, dim) for name in names]
        self.inputs = [_projection(weights, f"{name}.in_proj", width, dim) for name in names]
        self.outputs = [_projection(weights, f"{name}.out_proj", dim, width) for name in names]
        self.table = torch.cat(self.tables)
        self.offsets = torch.arange(len(names), device=self.table.device)[:, None] * self.size
        matrices, biases = zip(*self.outputs, strict=True)
        self.output = Linear(torch.cat(matrices, 1), torch.stack(biases).sum(0))

    def decode(self, codes: Tensor) -> Tensor:
        """Codes [codebooks, time], in range, to latents [1, time, hidden_size]."""
        rows = functional.embedding((codes + self.offsets).t(), self.table)
        return self.output(rows.flatten(1)[None])

    def encode(self, latents: Tensor) -> Tensor:
        """Latents [time, hidden_size] to codes [codebooks, time]: the nearest by direction."""
        codes: list[Tensor] = []
        for table, inner, outer in zip(self.tables, self.inputs, self.outputs, strict=True):
            directions = functional.normalize(table)
            codes.append(
                functional.linear(functional.linear(latents, *inner), directions).argmax(-1)
            )
            latents = latents - functional.linear(functional.embedding(codes[-1], table), *outer)
        return torch.stack(codes)


def _projection(weights: DacWeights, name: str, inputs: int, outputs: int) -> tuple[Tensor, Tensor]:
    matrix = weights.take(f"{name}.weight", outputs, inputs, 1)[:, :, 0]
    return matrix.contiguous(), weights.take(f"{name}.bias", outputs)
