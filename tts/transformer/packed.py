"""float32 matrices laid out once in the order in which oneDNN reads them, on a CPU.

By the operators that torch.compile itself uses for weights that do not change: few rows times a
matrix take as long as reading it.
"""

import torch
from torch import Tensor


def can_pack(weight: Tensor) -> bool:
    """Whether this PyTorch packs such a matrix."""
    on_cpu = weight.device.type == "cpu" and weight.dtype == torch.float32
    return on_cpu and hasattr(torch.ops.mkldnn, "_reorder_linear_weight")


class Packed:
    """A linear layer y = x W', for x [..., inputs] and W [outputs, inputs]."""

    def __init__(self, weight: Tensor) -> None:
        self.weight = torch.ops.mkldnn._reorder_linear_weight(weight.contiguous())
        self.bytes = weight.numel() * weight.element_size()

    def __call__(self, x: Tensor, bias: Tensor | None = None, then: str = "none") -> Tensor:
        """x W' + bias, and then perhaps an activation ("gelu")."""
        product = torch.ops.mkldnn._linear_pointwise.default
        y: Tensor = product(x, self.weight, bias, then, [], "none")
        return y

    def add(self, x: Tensor, y: Tensor) -> Tensor:
        """y + x W', for y [..., outputs]."""
        z: Tensor = torch.ops.mkldnn._linear_pointwise.binary(x, y, self.weight, None, "add")
        return z
