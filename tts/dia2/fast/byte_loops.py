"""Products with int8 matrices, for processors that sum four products of bytes in one instruction.

Weights have a scale per output; each row of x is rounded to 8 bits by its own largest number.
"""

from typing import Any

import numpy as np
import torch
from llvmlite import binding, ir
from numba import types
from numba.extending import intrinsic
from numpy.typing import NDArray
from torch import Tensor

from tts.dia2.fast.loops import Bytes, Floats, compiled

LARGEST = 127
PANEL = 512  # outputs whose weights lie together, in the order in which they are read
_BLOCK = 16  # inputs, and outputs, of one step


def supported() -> bool:
    """Whether this processor has the instruction."""
    return bool(binding.get_host_cpu_features().get("avx512vnni"))


def to_bytes(weight: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    """A matrix [outputs, inputs] as weights, scales and sums of weights; see `Bytes`.

    A panel is [inputs / 16, outputs / 16, 4, 16, 4]: four inputs of 16 outputs are one instruction.
    """
    scale = (weight.abs().amax(1) / LARGEST).clamp(min=1e-12)
    whole = (weight / scale[:, None]).round_().to(torch.int8)
    outputs, inputs = whole.shape
    padded = torch.zeros(outputs + -outputs % _BLOCK, inputs + -inputs % _BLOCK, dtype=torch.int8)
    padded[:outputs, :inputs] = whole
    panels = [
        panel.view(len(panel) // _BLOCK, _BLOCK, -1, 4, 4).permute(2, 0, 3, 1, 4).flatten()
        for panel in torch.split(padded, PANEL)
    ]
    return torch.cat(panels), scale, whole.sum(1, dtype=torch.int32)


def _add_fours(typing: Any, y: Any, w: Any, places: Any, x: Any) -> Any:
    """y[n] += w[4 n : 4 n + 4] x for 16 n, from two places on; x is four unsigned bytes."""
    del typing

    def generate(context: Any, builder: Any, signature: Any, values: Any) -> Any:
        into, weights = (
            context.make_array(signature.args[n])(context, builder, values[n]).data for n in (0, 1)
        )
        here, there = (builder.extract_value(values[2], n) for n in (0, 1))
        sixteen = ir.VectorType(ir.IntType(32), 16)
        into = builder.bitcast(builder.gep(into, [here]), sixteen.as_pointer())
        weights = builder.bitcast(builder.gep(weights, [there]), sixteen.as_pointer())
        nothing = ir.Constant(sixteen, ir.Undefined)
        four = builder.insert_element(nothing, values[3], ir.Constant(ir.IntType(32), 0))
        fours = builder.shuffle_vector(four, nothing, ir.Constant(sixteen, [0] * 16))
        kind = ir.FunctionType(sixteen, [sixteen] * 3)
        name = "llvm.x86.avx512.vpdpbusd.512"
        instruction = builder.module.declare_intrinsic(name, (), kind)
        sums = builder.load(into, align=4)
        builder.store(
            builder.call(instruction, [sums, fours, builder.load(weights, align=1)]), into, align=4
        )
        return context.get_dummy_value()

    return types.void(y, w, places, x), generate


add_fours: Any = intrinsic(_add_fours)


@compiled
def add_byte_product(x: Floats, w: Bytes, number: int, y: Floats) -> None:
    """y += x w[number]."""
    weights, scales, sums = w[0][number], w[1][number], w[2][number]
    rows, outputs = y.shape
    words, shares = rounded(x)
    blocks = words.shape[1] // 4
    found = np.empty((2, PANEL), np.int32)
    for first in range(0, outputs, PANEL):
        last = min(first + PANEL, outputs)
        for r in range(0, rows, 2):
            for j in range(PANEL):
                found[0, j] = 0
                found[1, j] = 0
            start = first * blocks * _BLOCK
            add_panel(words[r : r + 2], weights, start, last - first, found)
            for each in range(min(2, rows - r)):
                for j in range(last - first):
                    total = found[each, j] - (LARGEST + 1) * sums[first + j]
                    y[r + each, first + j] += total * (shares[r + each] * scales[first + j])


@compiled
def rounded(x: Floats) -> tuple[NDArray[np.uint32], Floats]:
    """Rows [inputs] as words of four bytes each, 128 for 0; an even number; and what 1 is worth."""
    rows, inputs = x.shape
    width = inputs + -inputs % _BLOCK
    even = rows + rows % 2
    whole = np.full(even * width, LARGEST + 1, np.uint8)
    shares = np.empty(rows, np.float32)
    for r in range(rows):
        largest = np.float32(1e-30)
        for i in range(inputs):
            largest = max(largest, abs(x[r, i]))
        times = np.float32(LARGEST) / largest
        shares[r] = largest / np.float32(LARGEST)
        for i in range(inputs):
            whole[r * width + i] = np.uint8(np.int32(np.rint(x[r, i] * times)) + LARGEST + 1)
    return whole.view(np.uint32).reshape(even, width // 4), shares


@compiled
def add_panel(
    x: NDArray[np.uint32], w: NDArray[np.int8], start: int, outputs: int, y: NDArray[np.int32]
) -> None:
    """y [2, outputs] += x [2, inputs / 4] times the panel at w[start]."""
    a, b, y0, y1 = x[0], x[1], y[0], y[1]
    at = start
    for i in range(0, a.size, 4):
        for j in range(0, outputs, _BLOCK):
            for n in range(4):
                add_fours(y0, w, (j, at + 64 * n), a[i + n])
                add_fours(y1, w, (j, at + 64 * n), b[i + n])
            at += 256
