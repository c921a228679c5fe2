"""Linear layers with int8 weights by compiled loops, beside `tts.transformer.linear`'s."""

import torch
from torch import Tensor

from tts.transformer.cpu.helpers import Helpers
from tts.transformer.cpu.int8_loops import Matrix
from tts.transformer.cpu.shared_loops import multiply_add


class Int8:
    """A linear layer y = x W', for x [rows, inputs] and W [outputs, inputs]."""

    def __init__(self, weight: Tensor, helpers: Helpers) -> None:
        self.matrix, self.helpers = Matrix(weight, helpers.room), helpers
        self.outputs = len(weight)
        self.bytes = weight.numel()

    def __call__(self, x: Tensor) -> Tensor:
        return self._add(x, torch.zeros(len(x), self.outputs))

    def add(self, x: Tensor, y: Tensor) -> Tensor:
        """y + x W', for y [rows, outputs]."""
        return self._add(x, y.clone())

    def _add(self, x: Tensor, y: Tensor) -> Tensor:
        with self.helpers.at_work():
            rows, into = x.contiguous().numpy(), y.numpy()
            multiply_add(rows, self.matrix.table, into, self.helpers.team)
        return y
