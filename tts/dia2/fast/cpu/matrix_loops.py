"""Products with one of several matrices, of whichever kind they are."""

from typing import Any

from numba import types
from numba.extending import overload

from tts.dia2.fast.cpu.int8_loops import add_byte_product
from tts.dia2.fast.cpu.loops import Bytes, Floats, add_product, compiled

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
