"""The pieces both of Dia2's transformers are built from.

Weights and the residual stream are in the compute dtype; norms, rotary angles and heads (so all
logits) are in float32.
"""

import torch
from torch import Tensor, nn
from torch.nn import functional

from tts.dia2.network.config import Dia2Config
from tts.transformer.layers import ACTIVATIONS
from tts.transformer.shape import Transformer


class Norm(nn.Module):
    """Root-mean-square norm over the last axis: in float32, rounded once."""

    def __init__(self, width: int, eps: float) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.empty(width, dtype=torch.float32))
        self.eps = eps

    def forward(self, x: Tensor) -> Tensor:
        wide = x.float()
        scale = torch.rsqrt(wide.square().mean(-1, keepdim=True) + self.eps)
        return (wide * scale * self.weight).to(x.dtype)


class Linear(nn.Linear):
    """A projection without bias, in the compute dtype."""

    def __init__(self, inputs: int, outputs: int, dtype: torch.dtype) -> None:
        super().__init__(inputs, outputs, bias=False, dtype=dtype)


class Head(nn.Linear):
    """Hidden state to float32 logits: its weights stay in float32 whatever the compute dtype."""

    def __init__(self, inputs: int, outputs: int) -> None:
        super().__init__(inputs, outputs, bias=False, dtype=torch.float32)

    def forward(self, x: Tensor) -> Tensor:
        return functional.linear(x.float(), self.weight)


class Gated(nn.Module):
    """The MLP: `wo(first(gate) * second(up))`; `wi` holds gate and up, one above the other."""

    def __init__(self, shape: Transformer, dtype: torch.dtype) -> None:
        super().__init__()
        self.wi = Linear(shape.width, 2 * shape.hidden, dtype)
        self.wo = Linear(shape.hidden, shape.width, dtype)
        self.first, self.second = (ACTIVATIONS[name] for name in shape.activations)

    def forward(self, x: Tensor) -> Tensor:
        gate, up = self.wi(x).chunk(2, dim=-1)
        y: Tensor = self.wo(self.first(gate) * self.second(up))
        return y


class TextEmbedding(nn.Module):
    """Two text streams in one vector; a pad on the second stream adds nothing."""

    def __init__(self, config: Dia2Config, width: int, rank: int, dtype: torch.dtype) -> None:
        super().__init__()
        self.embedding = nn.Embedding(config.text_vocab, rank, dtype=dtype)
        self.main_proj = Linear(rank, width, dtype)
        self.second_proj = Linear(rank, width, dtype)
        self.pad = config.pad

    def forward(self, main: Tensor, second: Tensor) -> Tensor:
        """Ids [...] of both streams to vectors [..., width]."""
        silent = (second == self.pad).unsqueeze(-1)
        ahead = self.second_proj(self.embedding(second)).masked_fill(silent, 0)
        y: Tensor = self.main_proj(self.embedding(main)) + ahead
        return y
