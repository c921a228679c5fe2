"""Products with several matrices of one size, in float32 or int8."""

from typing import Any

from numba import types
from numba.extending import overload

from tts.transformer.cpu.loops import Floats, Integers, add_product, compiled
from tts.transformer.cpu.shared_loops import add_bytes
from tts.transformer.cpu.team_loops import Team

Bytes = tuple[Integers, Team]
"""The `table` of each int8 matrix, [n, 5], and who multiplies."""
Matrices = Floats | Bytes
"""[n, inputs, outputs]"""


def add_matrix(x: Floats, w: Matrices, number: int, y: Floats) -> None:
    """y += x w[number], for x [rows, inputs] and y [rows, outputs]."""


@compiled
def add_numbered(x: Floats, w: Floats, number: int, y: Floats) -> None:
    """The same for floats."""
    add_product(x, w[number], y)


@compiled
def add_numbered_bytes(x: Floats, w: Bytes, number: int, y: Floats) -> None:
    """The same for bytes."""
    add_bytes(x, w[0][number], y, w[1])


@overload(add_matrix, strict=False)
def _add_matrix(x: Any, w: Any, number: Any, y: Any) -> Any:
    del x, number, y
    chosen: Any = add_numbered_bytes if isinstance(w, types.BaseTuple) else add_numbered
    return chosen.py_func


@compiled
def multiply(x: Floats, w: Matrices, number: int, y: Floats) -> None:
    """y = x w[number]."""
    for r in range(y.shape[0]):
        for j in range(y.shape[1]):
            y[r, j] = 0
    add_matrix(x, w, number, y)
