"""A model with the inputs and outputs of Smart-Turn v3 that only weighs its features.

It is written as ONNX, byte by byte: a message of a few fields needs no package for that.
"""

from collections.abc import Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

FLOAT = 1  # ONNX's name of the type


def make(
    path: Path,
    weights: NDArray[np.float32],
    *,
    name: str = "input_features",
    shape: Sequence[int | str] = ("batch", 80, 800),
) -> Path:
    """Write the model sigmoid(sum(features * weights)); `weights`: float32[80 * 800, 1]."""
    graph = (
        _node("Flatten", [name], "flat")
        + _node("MatMul", ["flat", "weights"], "sum")
        + _node("Sigmoid", ["sum"], "logits")
        + _field(2, b"tiny")
        + _field(5, _tensor("weights", weights))
        + _field(11, _value(name, shape))
        + _field(12, _value("logits", ("batch", 1)))
    )
    operators = _field(1, b"") + _number(2, 17)
    path.write_bytes(_number(1, 8) + _field(7, graph) + _field(8, operators))
    return path


def _node(operator: str, inputs: list[str], output: str) -> bytes:
    named = b"".join(_field(1, each.encode()) for each in inputs)
    return _field(1, named + _field(2, output.encode()) + _field(4, operator.encode()))


def _tensor(name: str, values: NDArray[np.float32]) -> bytes:
    sizes = b"".join(_number(1, size) for size in values.shape)
    return sizes + _number(2, FLOAT) + _field(8, name.encode()) + _field(9, values.tobytes())


def _value(name: str, shape: Sequence[int | str]) -> bytes:
    sizes = b"".join(
        _field(1, _number(1, size) if isinstance(size, int) else _field(2, size.encode()))
        for size in shape
    )
    return _field(1, name.encode()) + _field(2, _field(1, _number(1, FLOAT) + _field(2, sizes)))


def _number(field: int, value: int) -> bytes:
    return _varint(field << 3) + _varint(value)


def _field(field: int, data: bytes) -> bytes:
    return _varint(field << 3 | 2) + _varint(len(data)) + data


def _varint(value: int) -> bytes:
    low, high = value & 0x7F, value >> 7
    return bytes([low | 0x80]) + _varint(high) if high else bytes([low])
