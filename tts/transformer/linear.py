"""Linear layers for a few rows at a time: their matrices packed once for that.

With so few rows a product takes as long as reading its matrix. In float32 the matrix is laid out in
the order in which oneDNN reads it; in int8 there is a quarter of it to read.
"""

import warnings
from collections.abc import Callable
from typing import TYPE_CHECKING, Protocol

import torch
from torch import Tensor
from torch.nn import functional

from tts.protocol import TextToSpeechError
from tts.transformer.packed import Packed, can_pack

if TYPE_CHECKING:
    from tts.transformer.cpu.helpers import Helpers

SMALL = 1 << 17  # numbers: to read fewer takes less time than to ask oneDNN for it
INT8 = 127  # the largest weight: each row of a matrix has its own scale


class Linear(Protocol):
    """y = x W' for x [rows, inputs] and W [outputs, inputs]; no bias."""

    def __call__(self, x: Tensor) -> Tensor: ...

    def add(self, x: Tensor, y: Tensor) -> Tensor:
        """y + x W', for y [rows, outputs]."""

    @property
    def bytes(self) -> int:
        """Of the matrix."""


Pack = Callable[[Tensor], Linear]
"""Makes a matrix ready to be multiplied with."""


def pack(weight: Tensor, *, quantize: bool = False, helpers: "Helpers | None" = None) -> Linear:
    """A matrix ready to be multiplied with; `quantize` makes it int8, on a CPU in float32 only.

    With `helpers` int8 products are compiled loops, which they take part in; else FBGEMM's.
    """
    if weight.device.type != "cpu" or weight.dtype != torch.float32:
        return Plain(weight)
    if quantize and helpers is not None:
        from tts.transformer.cpu.int8 import Int8

        return Int8(weight, helpers)
    if quantize:
        return Quantized(weight)
    return Packed(weight) if weight.numel() >= SMALL and can_pack(weight) else Plain(weight)


class Plain:
    """The matrix as it is."""

    def __init__(self, weight: Tensor) -> None:
        self.weight = weight.contiguous()
        self.bytes = weight.numel() * weight.element_size()

    def __call__(self, x: Tensor) -> Tensor:
        return functional.linear(x, self.weight)

    def add(self, x: Tensor, y: Tensor) -> Tensor:
        return torch.addmm(y, x, self.weight.t())


class Quantized:
    """int8 weights with a scale per output, times rows rounded to 8 bits as they come.

    Each row is divided by its own largest number, and a last row of ones, positive and negative,
    fixes the range that FBGEMM would otherwise take from all rows together: so no row's result
    depends on the rows beside it.
    """

    def __init__(self, weight: Tensor) -> None:
        """Raises TextToSpeechError where PyTorch has no such product."""
        self.weight = _quantized(weight)
        self.bytes = weight.numel()
        self.range = torch.ones(1, weight.shape[1])
        self.range[:, ::2] = -1
        # Without VNNI instructions two products are summed in 16 bits: they must fit.
        self.narrow = not torch.cpu._is_vnni_supported()

    def __call__(self, x: Tensor) -> Tensor:
        largest = torch.linalg.vector_norm(x, torch.inf, -1, keepdim=True).clamp_(min=1e-30)
        rows = torch.cat((x / largest, self.range))
        y: Tensor = torch.ops.quantized.linear_dynamic.default(rows, self.weight, self.narrow)
        return y[:-1].mul_(largest)

    def add(self, x: Tensor, y: Tensor) -> Tensor:
        return self(x).add_(y)


def int8_exists() -> bool:
    """Say whether PyTorch has int8 products for this processor."""
    engines = torch.backends.quantized.supported_engines
    return hasattr(torch, "quantize_per_channel") and "fbgemm" in engines


def _quantized(weight: Tensor) -> torch.ScriptObject:
    """int8 weights as FBGEMM reads them."""
    if not int8_exists():
        raise TextToSpeechError(
            f"PyTorch {torch.__version__} has no int8 products for this processor: "
            "leave out the quantisation"
        )
    scale = (weight.abs().amax(1).double() / INT8).clamp(min=1e-12)
    zero = torch.zeros(len(weight), dtype=torch.int64)
    before = torch.backends.quantized.engine
    torch.backends.quantized.engine = "fbgemm"
    try:
        with warnings.catch_warnings():
            warnings.filterwarnings("ignore", "torch.quantize_per", UserWarning)
            whole = torch.quantize_per_channel(weight, scale, zero, 0, torch.qint8)
        packed: torch.ScriptObject = torch.ops.quantized.linear_prepack(whole, None)
    finally:
        torch.backends.quantized.engine = before
    return packed
