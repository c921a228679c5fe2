"""Products with int8 matrices, for processors that sum four products of bytes in one instruction.

Weights have a scale per output; each row of x is rounded to 8 bits by its own largest number. They
stand beside FBGEMM's because they read a matrix faster (bench/README), and are called from within a
compiled loop, where PyTorch's operators cannot be.
"""

from typing import Any

import numpy as np
import torch
from llvmlite import binding, ir
from numba import config, types
from numba.extending import intrinsic
from numba.np.numpy_support import carray
from numpy.typing import NDArray
from torch import Tensor

from tts.transformer.cpu.loops import Floats, Integers, compiled
from tts.transformer.cpu.team_loops import JOB, Team, pointer

LARGEST = 127
PANEL = 64  # outputs whose weights lie together, in the order in which they are read
MANY = 6  # rows that are multiplied at a time, where there are so many
_LANES = PANEL // 16
_PAGE, _BLOCK = 2 << 20, 128 << 20  # bytes: a large page, and what is asked for at a time
_AHEAD = 4096  # bytes: what will be read next is asked for, across the pages' ends

WEIGHTS, SCALES, SUMS, OUTPUTS, WORDS = range(5)
"""What a `Matrix` is to the loops: addresses; outputs, and inputs by fours."""


class Room:
    """Memory in large pages, in which matrices are read faster: NumPy asks for them."""

    def __init__(self) -> None:
        self._free: NDArray[np.int8] = np.empty(0, np.int8)

    def take(self, size: int) -> NDArray[np.int8]:
        """So many bytes, not shared with others."""
        if size > len(self._free):
            block = np.empty(max(size, _BLOCK) + _PAGE, np.int8)
            self._free = block[-block.ctypes.data % _PAGE :]
        taken, self._free = self._free[:size], self._free[size + -size % 64 :]
        return taken


class Matrix:
    """An int8 matrix [outputs, inputs], as the loops read it."""

    def __init__(self, weight: Tensor, room: Room) -> None:
        outputs, inputs = weight.shape
        panels, words = -(-outputs // PANEL), -(-inputs // 4)
        scale = (weight.abs().amax(1) / LARGEST).clamp(min=1e-12)
        whole = torch.zeros(panels * PANEL, words * 4, dtype=torch.int8)
        whole[:outputs, :inputs] = (weight / scale[:, None]).round_()
        self.weights = room.take(whole.numel()).reshape(panels, words, PANEL, 4)
        torch.from_numpy(self.weights).copy_(whole.view(panels, PANEL, words, 4).transpose(1, 2))
        self.scales: Floats = scale.numpy()
        self.sums: NDArray[np.int32] = whole[:outputs].sum(1, dtype=torch.int32).numpy()
        parts = (self.weights, self.scales, self.sums)
        self.table: Integers = np.array([*(each.ctypes.data for each in parts), outputs, words])
        """See `WEIGHTS` and what follows."""


def supported() -> bool:
    """Whether the processor that Numba compiles for, this one or a lesser, has the instruction."""
    wanted: str | None = vars(config)["CPU_FEATURES"]  # of NUMBA_CPU_FEATURES
    if wanted is not None:
        return "+avx512vnni" in wanted.split(",")
    return bool(binding.get_host_cpu_features().get("avx512vnni"))


def _tile(rows: int) -> Any:
    """What multiplies so many rows with a panel, its sums in registers."""
    byte, whole, wide = ir.IntType(8), ir.IntType(32), ir.IntType(64)
    sixteen = ir.VectorType(whole, 16)
    zeros, nothing = ir.Constant(sixteen, [0] * 16), ir.Constant(sixteen, ir.Undefined)

    def multiply(typing: Any, x: Any, panel: Any, words: Any, y: Any) -> Any:
        """y [rows, PANEL] = x [rows, words] times a panel [words, PANEL], by their addresses."""
        del typing, x, panel, words, y

        def generate(context: Any, builder: Any, signature: Any, values: Any) -> Any:
            del signature
            x, panel, words, y = values
            x, y = (builder.inttoptr(each, whole.as_pointer()) for each in (x, y))
            panel = builder.inttoptr(panel, byte.as_pointer())
            kind = ir.FunctionType(sixteen, [sixteen] * 3)
            fours = builder.module.declare_intrinsic("llvm.x86.avx512.vpdpbusd.512", (), kind)
            kind = ir.FunctionType(ir.VoidType(), [byte.as_pointer(), whole, whole, whole])
            fetch = builder.module.declare_intrinsic("llvm.prefetch.p0i8", (), kind)
            before = builder.block
            loop, behind = (builder.append_basic_block(name) for name in ("tile", "tiled"))
            builder.branch(loop)
            builder.position_at_end(loop)
            word = builder.phi(wide)
            word.add_incoming(ir.Constant(wide, 0), before)
            sums = [[builder.phi(sixteen) for _ in range(_LANES)] for _ in range(rows)]
            here = builder.gep(panel, [builder.mul(word, ir.Constant(wide, 4 * PANEL))])
            weights = []
            for lane in range(_LANES):
                ahead = builder.gep(here, [ir.Constant(wide, _AHEAD + 64 * lane)])
                builder.call(fetch, [ahead, *(ir.Constant(whole, n) for n in (0, 2, 1))])
                place = builder.gep(here, [ir.Constant(wide, 64 * lane)])
                weights.append(builder.load(builder.bitcast(place, sixteen.as_pointer()), align=1))
            found = []
            for row, before_it in enumerate(sums):
                start = builder.mul(words, ir.Constant(wide, row))
                four = builder.load(builder.gep(x, [builder.add(start, word)]))
                first = builder.insert_element(nothing, four, ir.Constant(whole, 0))
                same = builder.shuffle_vector(first, nothing, zeros)
                pairs = zip(before_it, weights, strict=True)
                found.append([builder.call(fours, [total, same, each]) for total, each in pairs])
            following = builder.add(word, ir.Constant(wide, 1))
            word.add_incoming(following, loop)
            for row in range(rows):
                for lane in range(_LANES):
                    sums[row][lane].add_incoming(zeros, before)
                    sums[row][lane].add_incoming(found[row][lane], loop)
            builder.cbranch(builder.icmp_signed("<", following, words), loop, behind)
            builder.position_at_end(behind)
            for n, total in enumerate(total for row in found for total in row):
                place = builder.gep(y, [ir.Constant(wide, 16 * n)])
                builder.store(total, builder.bitcast(place, sixteen.as_pointer()), align=4)
            return context.get_dummy_value()

        return types.void(*[types.int64] * 4), generate

    return intrinsic(multiply)


_two: Any = _tile(2)
_many: Any = _tile(MANY)


@compiled
def rounded(x: Floats) -> tuple[NDArray[np.uint32], Floats]:
    """Rows [inputs] as words of four bytes each, 128 for 0; an even number; and what 1 is worth."""
    rows, inputs = x.shape
    width = inputs + -inputs % 4
    even = rows + rows % 2
    whole = np.full(even * width, LARGEST + 1, np.uint8)
    shares = np.empty(rows, np.float32)
    for r in range(rows):
        largest, nothing = np.float32(1e-30), np.float32(0)
        for i in range(inputs):
            largest = max(largest, abs(x[r, i]))
            nothing += x[r, i] * np.float32(0)
        times = np.float32(LARGEST) / largest
        shares[r] = largest / np.float32(LARGEST) + nothing  # what is no number stays so
        for i in range(inputs):
            whole[r * width + i] = np.uint8(np.int32(np.rint(x[r, i] * times)) + LARGEST + 1)
    return whole.view(np.uint32).reshape(even, width // 4), shares


@compiled
def multiply_panel(team: Team, panel: int) -> None:
    """Add a panel's outputs to y, as the team's job says (`shared_loops.add_bytes`)."""
    x, shares_at, y_at, rows = team[JOB + 1], team[JOB + 2], team[JOB + 3], team[JOB + 4]
    matrix = JOB + 5
    outputs, words = team[matrix + OUTPUTS], team[matrix + WORDS]
    shares = carray(pointer(shares_at), (rows,), np.float32)
    scales = carray(pointer(team[matrix + SCALES]), (outputs,), np.float32)
    sums = carray(pointer(team[matrix + SUMS]), (outputs,), np.int32)
    y = carray(pointer(y_at), (rows, outputs), np.float32)
    first = panel * PANEL
    weights = team[matrix + WEIGHTS] + first * words * 4
    found = np.empty((MANY, PANEL), np.int32)
    r = 0
    while r < rows:
        here, into = x + r * words * 4, found.ctypes.data
        count = MANY if rows - r >= MANY else 2
        if count == MANY:
            _many(here, weights, words, into)
        else:
            _two(here, weights, words, into)
        for each in range(min(count, rows - r)):
            for j in range(min(PANEL, outputs - first)):
                total = found[each, j] - (LARGEST + 1) * sums[first + j]
                y[r + each, first + j] += total * (shares[r + each] * scales[first + j])
        r += count
