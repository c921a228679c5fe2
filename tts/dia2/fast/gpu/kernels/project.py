"""Norm, product and what follows it in one kernel: y = x W' / |x|, for few rows.

With so few rows a product takes as long as reading its matrix, so what counts is that all of the
GPU reads, in long pieces, and that nothing else is a kernel of its own. The norm's weight is in the
matrix already (`tts.transformer.fused`) and its length is a number per row, so rows are divided
after the product: the squares are summed on the way. A gated MLP's two halves are computed by the
same program, which is why its activation is free.

One or two rows, which is one slot, go as plain sums: each program reads a few rows of the matrix
from end to end. A matrix of few outputs gets fewer rows per program rather than several programs
per row, so that there is one order of summation and no second pass. More rows go through tensor
cores. Sums are in float32 either way.

The sizes of blocks are a function of shapes alone: what is captured in a graph never depends on a
measurement. They are reasoned, not measured: these kernels have never been timed on a GPU
(`python -m bench.dia2_kernels` does that).
"""

from dataclasses import dataclass

import torch
import triton
import triton.language as tl
from torch import Tensor

INT8 = 127  # the largest weight
LANE: tl.constexpr = tl.constexpr(8)  # numbers that a thread reads at once: 16 bytes of bfloat16


@dataclass(frozen=True)
class Matrix:
    """W [outputs, inputs], or gates above as many ups [2 outputs, inputs]."""

    weight: Tensor
    """float32, bfloat16 or int8."""
    scale: Tensor | None = None
    """Of int8 weights, float32 [rows of W]: what a row is to be multiplied with."""
    activations: tuple[str, str] | None = None
    """Of gate and up: y = first(gate) * second(up). Names as in `Transformer.activations`."""

    @property
    def outputs(self) -> int:
        return self.weight.shape[0] // (1 if self.activations is None else 2)

    @property
    def bytes(self) -> int:
        return self.weight.numel() * self.weight.element_size()

    def quantized(self) -> "Matrix":
        """The same in int8, each row with a scale of its own."""
        wide = self.weight.float()
        scale = (wide.abs().amax(1) / INT8).clamp(min=1e-12)
        weight = (wide / scale[:, None]).round_().to(torch.int8)
        return Matrix(weight, scale, self.activations)


@dataclass(frozen=True)
class Blocks:
    """How a product is cut: programs of so many rows and outputs, so many inputs at a time."""

    rows: int
    outputs: int
    inputs: int
    warps: int
    stages: int


def blocks(rows: int, outputs: int, inputs: int, *, gated: bool) -> Blocks:
    """Enough programs for some 130 multiprocessors, and 8 to 16 kB under way in each of them."""
    most = triton.next_power_of_2(inputs)
    if rows <= 2:
        each = 4 if gated or outputs <= 3072 else 8
        return Blocks(rows, each, min(max(LANE.value, most), 1024), 4, 1)
    height = min(128, max(16, triton.next_power_of_2(rows)))
    each = 16 if outputs <= 2048 else 32
    depth = min(max(16, most), 128 if height <= 32 else 64)
    return Blocks(height, each, depth, 4 if height <= 64 else 8, 4)


def project(
    x: Tensor,
    matrix: Matrix,
    *,
    norm: float | None = None,
    add: Tensor | None = None,
    dtype: torch.dtype | None = None,
) -> Tensor:
    """x [rows, inputs] to y [rows, outputs] in x's dtype or another.

    `norm` is a norm's epsilon: x is divided by sqrt(x x + inputs epsilon) first. `add` [rows,
    outputs] is added at the end. Each row of `x` and of `matrix` lies in one piece.
    """
    rows, inputs = x.shape
    y = x.new_empty((rows, matrix.outputs), dtype=dtype or x.dtype)
    first, second = matrix.activations or ("linear", "linear")
    gated = matrix.activations is not None
    cut = blocks(rows, matrix.outputs, inputs, gated=gated)
    kernel, more = (gemv, ()) if rows <= 2 else (gemm, (rows,))
    grid = (triton.cdiv(matrix.outputs, cut.outputs), triton.cdiv(rows, cut.rows))
    kernel[grid](
        y,
        x,
        matrix.weight,
        matrix.scale,
        add,
        matrix.outputs,
        0.0 if norm is None else inputs * norm,
        *more,
        inputs=inputs,
        normed=norm is not None,
        scaled=matrix.scale is not None,
        added=add is not None,
        gated=gated,
        first=first,
        second=second,
        block_rows=cut.rows,
        block_outputs=cut.outputs,
        block_inputs=cut.inputs,
        num_warps=cut.warps,
        enable_fp_fusion=True,
        num_stages=cut.stages,
    )
    return y


@triton.jit
def activate(x: tl.tensor, kind: tl.constexpr) -> tl.tensor:
    """One of `tts.transformer.layers.ACTIVATIONS`."""
    if kind == "silu":
        x = x / (1 + tl.exp(-x))
    elif kind == "gelu":
        x = 0.5 * x * (1 + tl.erf(x * 0.7071067811865476))
    elif kind == "relu":
        x = tl.maximum(x, 0)
    return x


@triton.jit
def lanes(x: tl.tensor) -> tl.tensor:
    """Sums of the numbers that are one thread's."""
    return tl.sum(tl.reshape(x, (x.shape[0], x.shape[1] // LANE, LANE)), 2)


@triton.jit
def gemv(
    y: tl.tensor,
    x: tl.tensor,
    weight: tl.tensor,
    scale: tl.tensor,
    add: tl.tensor,
    outputs: tl.tensor,
    floor: tl.tensor,
    inputs: tl.constexpr,
    normed: tl.constexpr,
    scaled: tl.constexpr,
    added: tl.constexpr,
    gated: tl.constexpr,
    first: tl.constexpr,
    second: tl.constexpr,
    block_rows: tl.constexpr,
    block_outputs: tl.constexpr,
    block_inputs: tl.constexpr,
) -> None:
    """One row or (`block_rows` = 2) two: all of them.

    A thread reads `LANE` numbers that lie side by side and adds their products at once, so that its
    registers are there for what is under way.
    """
    n = tl.program_id(0) * block_outputs + tl.arange(0, block_outputs)
    real = n < outputs
    lines = weight + n[:, None] * inputs
    k = tl.arange(0, block_inputs)[None, :]
    size: tl.constexpr = (block_outputs, block_inputs // LANE)
    sum0 = tl.zeros(size, tl.float32)
    sum1 = tl.zeros(size, tl.float32)
    up0 = tl.zeros(size, tl.float32)
    up1 = tl.zeros(size, tl.float32)
    square0 = tl.zeros((1, block_inputs // LANE), tl.float32)
    square1 = tl.zeros((1, block_inputs // LANE), tl.float32)
    for start in tl.static_range(0, inputs, block_inputs):
        here = start + k
        inside = here < inputs
        both = real[:, None] & inside
        # Bytes, too, come eight to a thread: as x does, or they would have to change hands.
        these = tl.max_contiguous(lines + here, (1, LANE))
        w = tl.load(these, mask=both, other=0).to(tl.float32)
        x0 = tl.load(x + here, mask=inside, other=0).to(tl.float32)
        sum0 += lanes(w * x0)
        square0 += lanes(x0 * x0)
        if block_rows == 2:
            x1 = tl.load(x + inputs + here, mask=inside, other=0).to(tl.float32)
            sum1 += lanes(w * x1)
            square1 += lanes(x1 * x1)
        if gated:
            below = tl.max_contiguous(lines + outputs * inputs + here, (1, LANE))
            w = tl.load(below, mask=both, other=0).to(tl.float32)
            up0 += lanes(w * x0)
            if block_rows == 2:
                up1 += lanes(w * x1)
    for row in tl.static_range(block_rows):
        part = sum0 if row == 0 else sum1
        z = tl.sum(part, 1)
        square = tl.sum(tl.sum(square0 if row == 0 else square1, 1), 0)
        length = tl.sqrt(square + floor) if normed else 1.0
        if scaled:
            z *= tl.load(scale + n, mask=real, other=0)
        z = z / length
        if gated:
            u = tl.sum(up0 if row == 0 else up1, 1)
            if scaled:
                u *= tl.load(scale + outputs + n, mask=real, other=0)
            z = activate(z, first) * activate(u / length, second)
        if added:
            z += tl.load(add + row * outputs + n, mask=real, other=0).to(tl.float32)
        tl.store(y + row * outputs + n, z, mask=real)


@triton.jit(do_not_specialize=["rows"])
def gemm(
    y: tl.tensor,
    x: tl.tensor,
    weight: tl.tensor,
    scale: tl.tensor,
    add: tl.tensor,
    outputs: tl.tensor,
    floor: tl.tensor,
    rows: tl.tensor,
    inputs: tl.constexpr,
    normed: tl.constexpr,
    scaled: tl.constexpr,
    added: tl.constexpr,
    gated: tl.constexpr,
    first: tl.constexpr,
    second: tl.constexpr,
    block_rows: tl.constexpr,
    block_outputs: tl.constexpr,
    block_inputs: tl.constexpr,
) -> None:
    """Any number of rows, in blocks for tensor cores."""
    r = tl.program_id(1) * block_rows + tl.arange(0, block_rows)
    n = tl.program_id(0) * block_outputs + tl.arange(0, block_outputs)
    k = tl.arange(0, block_inputs)
    used, real = r < rows, n < outputs
    xs = x + r[:, None] * inputs
    lines = weight + n[None, :] * inputs
    total = tl.zeros((block_rows, block_outputs), tl.float32)
    ups = tl.zeros((block_rows, block_outputs), tl.float32)
    square = tl.zeros((block_rows,), tl.float32)
    for start in range(0, inputs, block_inputs):
        here = start + k
        inside = here < inputs
        a = tl.load(xs + here[None, :], mask=used[:, None] & inside[None, :], other=0)
        both = inside[:, None] & real[None, :]
        b = tl.load(lines + here[:, None], mask=both, other=0).to(a.dtype)
        total = tl.dot(a, b, total, input_precision="ieee")
        if normed:
            wide = a.to(tl.float32)
            square += tl.sum(wide * wide, 1)
        if gated:
            below = lines + outputs * inputs + here[:, None]
            b = tl.load(below, mask=both, other=0).to(a.dtype)
            ups = tl.dot(a, b, ups, input_precision="ieee")
    if scaled:
        total *= tl.load(scale + n, mask=real, other=0)[None, :]
    length = tl.sqrt(square + floor) if normed else tl.full((block_rows,), 1, tl.float32)
    total = total / length[:, None]
    if gated:
        if scaled:
            ups *= tl.load(scale + outputs + n, mask=real, other=0)[None, :]
        total = activate(total, first) * activate(ups / length[:, None], second)
    place = r[:, None] * outputs + n[None, :]
    both = used[:, None] & real[None, :]
    if added:
        total += tl.load(add + place, mask=both, other=0).to(tl.float32)
    tl.store(y + place, total, mask=both)
