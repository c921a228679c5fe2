"""Products with int8 matrices, for processors that sum four products of bytes in one instruction.

Weights have a scale per output; each row of x is rounded to 8 bits by its own largest number. They
stand beside FBGEMM's because they are called from within a compiled loop, where PyTorch's operators
cannot be: the depth transformer takes 1.7 to 5 times as long by those (bench/README).

Two threads may be at the panels of one product: each takes the next one that nobody has taken. So
no thread waits for work that another has not begun: on a busy machine, where the second one may not
run at all, the first does everything.
"""

from typing import Any

import numpy as np
import torch
from llvmlite import binding, ir
from numba import config, types
from numba.extending import intrinsic, overload
from numba.np.numpy_support import carray
from numpy.typing import NDArray
from torch import Tensor

from tts.dia2.fast.cpu.loops import Bytes, Floats, add_product, compiled, kept

LARGEST = 127
PANEL = 512  # outputs whose weights lie together, in the order in which they are read
_BLOCK = 16  # inputs, and outputs, of one step

Team = NDArray[np.int64]
"""What the threads tell each other; the first three are in cache lines of their own."""

TICKETS, DONE, STOP, JOB = 0, 8, 16, 24  # places in it; from JOB on what is to be done
SIZE = 48


def new_team() -> Team:
    """Nobody at work yet."""
    return np.zeros(SIZE, np.int64)


def _place(context: Any, builder: Any, signature: Any, values: Any) -> Any:
    team = context.make_array(signature.args[0])(context, builder, values[0])
    return builder.gep(team.data, [values[1]])


def _add(typing: Any, team: Any, place: Any, value: Any) -> Any:
    """Add to a number that others add to; what it was."""
    del typing, value

    def generate(context: Any, builder: Any, signature: Any, values: Any) -> Any:
        where = _place(context, builder, signature, values)
        return builder.atomic_rmw("add", where, values[2], "seq_cst")

    return types.int64(team, place, types.int64), generate


def _put(typing: Any, team: Any, place: Any, value: Any) -> Any:
    """Set a number, after all that was written before."""
    del typing, value

    def generate(context: Any, builder: Any, signature: Any, values: Any) -> Any:
        where = _place(context, builder, signature, values)
        builder.store_atomic(values[2], where, "seq_cst", 8)
        return context.get_dummy_value()

    return types.void(team, place, types.int64), generate


def _get(typing: Any, team: Any, place: Any) -> Any:
    """A number as it is now, before all that is read after."""
    del typing

    def generate(context: Any, builder: Any, signature: Any, values: Any) -> Any:
        return builder.load_atomic(_place(context, builder, signature, values), "seq_cst", 8)

    return types.int64(team, place), generate


def _pointer(typing: Any, address: Any) -> Any:
    """What lies at an address (`x.ctypes.data`), for `numba.carray`."""
    del typing

    def generate(context: Any, builder: Any, signature: Any, values: Any) -> Any:
        del context, signature
        return builder.inttoptr(values[0], ir.IntType(8).as_pointer())

    return types.voidptr(address), generate


add: Any = intrinsic(_add)
put: Any = intrinsic(_put)
get: Any = intrinsic(_get)
pointer: Any = intrinsic(_pointer)


def supported() -> bool:
    """Whether the processor that Numba compiles for, this one or a lesser, has the instruction."""
    wanted: str | None = vars(config)["CPU_FEATURES"]  # of NUMBA_CPU_FEATURES
    if wanted is not None:
        return "+avx512vnni" in wanted.split(",")
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
    """y += x w[number]; panel by panel, of which others may take some (`help_out`)."""
    weights, scales, sums, team = w[0][number], w[1][number], w[2][number], w[3]
    words, shares = rounded(x)
    for n, address in enumerate(
        (words.ctypes.data, shares.ctypes.data, weights.ctypes.data, scales.ctypes.data)
    ):
        team[JOB + n] = address
    team[JOB + 4], team[JOB + 5] = sums.ctypes.data, y.ctypes.data
    team[JOB + 6], team[JOB + 7], team[JOB + 8] = y.shape[0], y.shape[1], words.shape[1]
    panels = -(-y.shape[1] // PANEL)
    put(team, DONE, 0)
    put(team, TICKETS, panels)
    take_panels(team)
    while get(team, DONE) < panels:
        pass
    # What the addresses are of must live until here.
    shares[0] += words[0, 0]


@kept
def help_out(team: Team) -> None:
    """Take panels of whatever is multiplied, until there will be no more."""
    while get(team, STOP) == 0:
        if get(team, TICKETS) > 0:
            take_panels(team)


@compiled
def take_panels(team: Team) -> None:
    """Multiply panels, while there are any that nobody has taken."""
    found = np.empty((2, PANEL), np.int32)
    while True:
        ticket = add(team, TICKETS, -1)
        if ticket <= 0:
            return
        rows, outputs, width = team[JOB + 6], team[JOB + 7], team[JOB + 8]
        first = (ticket - 1) * PANEL
        count = min(PANEL, outputs - first)
        start = first * width * 4
        words = carray(pointer(team[JOB]), (rows + rows % 2, width), np.uint32)
        shares = carray(pointer(team[JOB + 1]), (rows,), np.float32)
        weights = carray(
            pointer(team[JOB + 2]), (start + (count + -count % _BLOCK) * width * 4,), np.int8
        )
        scales = carray(pointer(team[JOB + 3]), (outputs,), np.float32)
        sums = carray(pointer(team[JOB + 4]), (outputs,), np.int32)
        y = carray(pointer(team[JOB + 5]), (rows, outputs), np.float32)
        for r in range(0, rows, 2):
            for j in range(PANEL):
                found[0, j] = 0
                found[1, j] = 0
            add_panel(words[r : r + 2], weights, start, count, found)
            for each in range(min(2, rows - r)):
                for j in range(count):
                    total = found[each, j] - (LARGEST + 1) * sums[first + j]
                    y[r + each, first + j] += total * (shares[r + each] * scales[first + j])
        add(team, DONE, 1)


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


Matrices = Floats | Bytes
"""[n, inputs, outputs]"""


def add_matrix(x: Floats, w: Matrices, number: int, y: Floats) -> None:
    """y += x w[number], for x [rows, inputs] and y [rows, outputs]."""


@compiled
def add_numbered(x: Floats, w: Floats, number: int, y: Floats) -> None:
    """The same for floats."""
    add_product(x, w[number], y)


@overload(add_matrix, strict=False)
def _add_matrix(x: Any, w: Any, number: Any, y: Any) -> Any:
    del x, number, y
    chosen: Any = add_byte_product if isinstance(w, types.BaseTuple) else add_numbered
    return chosen.py_func


@compiled
def multiply(x: Floats, w: Matrices, number: int, y: Floats) -> None:
    """y = x w[number]."""
    for r in range(y.shape[0]):
        for j in range(y.shape[1]):
            y[r, j] = 0
    add_matrix(x, w, number, y)
