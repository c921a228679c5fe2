"""Mimi's split residual quantiser: features to codes, and back.

The first codebooks (semantic) and the others (acoustic) each describe the same features, each in a
projection of their own; within either, every codebook describes what the ones before it left over.
"""

import torch
from torch import Tensor
from torch.nn import functional

from tts.codec.layers import Linear
from tts.codec.weights import Weights
from tts.dia2.mimi.config import MimiConfig

SMALLEST_USAGE = 1e-5
PARTS = ("semantic", "acoustic")


class Quantizer:
    """All codebooks in one table, both parts' projections in one matrix each."""

    def __init__(self, weights: Weights, config: MimiConfig, codebooks: int) -> None:
        semantic = config.num_semantic_quantizers
        self.codebooks = codebooks
        self.split = semantic
        self.size = config.codebook_size
        counts = (semantic, config.num_quantizers - semantic)
        wanted = (min(semantic, codebooks), max(codebooks - semantic, 0))
        tables: list[Tensor] = []
        inputs: list[Tensor] = []
        outputs: list[Tensor] = []
        for part, count, take in zip(PARTS, counts, wanted, strict=True):
            name = f"quantizer.{part}_residual_vector_quantizer"
            tables += [_codebook(weights, f"{name}.layers.{each}", config) for each in range(take)]
            for each in range(count):
                weights.ignore(f"{name}.layers.{each}.codebook.")
            if config.codebook_dim != config.hidden_size:
                dims = (config.codebook_dim, config.hidden_size)
                inputs.append(weights.take(f"{name}.input_proj.weight", *dims, 1)[:, :, 0])
                outputs.append(weights.take(f"{name}.output_proj.weight", *dims[::-1], 1)[:, :, 0])
        self.table = torch.cat(tables)
        self.offsets = torch.arange(codebooks, device=self.table.device)[:, None] * self.size
        self.input = Linear(torch.cat(inputs)) if inputs else None
        self.output = Linear(torch.cat(outputs, 1)) if outputs else None
        # |x - c|^2 is smallest where x c - |c|^2 / 2 is largest
        self.halves = self.table.square().sum(1) / -2

    def decode(self, codes: Tensor) -> Tensor:
        """Codes [slots, codebooks, time], in range, to features [slots, time, hidden_size]."""
        rows = functional.embedding(codes + self.offsets, self.table)
        if self.output is None:
            return rows.sum(1)
        parts = (rows[:, : self.split].sum(1), rows[:, self.split :].sum(1))
        return self.output(torch.cat(parts, -1))

    def encode(self, features: Tensor) -> Tensor:
        """Features [time, hidden_size] to codes [codebooks, time]."""
        if self.input is None:
            parts = [features, features]
        else:
            parts = list(self.input(features).chunk(2, -1))
        codes: list[Tensor] = []
        tables = zip(
            torch.split(self.table, self.size), torch.split(self.halves, self.size), strict=True
        )
        for each, (centroids, halves) in enumerate(tables):
            part = int(each >= self.split)
            codes.append(functional.linear(parts[part], centroids, halves).argmax(-1))
            parts[part] = parts[part] - functional.embedding(codes[-1], centroids)
        return torch.stack(codes)


def _codebook(weights: Weights, name: str, config: MimiConfig) -> Tensor:
    """Centroids [codebook_size, codebook_dim]: the checkpoint holds sums and how many went in."""
    sums = weights.take(f"{name}.codebook.embed_sum", config.codebook_size, config.codebook_dim)
    usage = weights.take(f"{name}.codebook.cluster_usage", config.codebook_size)
    return sums / usage.clamp(min=SMALLEST_USAGE)[:, None]
