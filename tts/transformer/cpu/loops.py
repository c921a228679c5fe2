"""Loops over numbers, compiled: where an operator of PyTorch's costs more than what it computes.

Compiled by Numba at the first call, and kept on disk from then on. Nothing here holds the
interpreter's lock. Numbers are float32; matrices are [inputs, outputs], so that the outputs of an
input lie side by side and a row of the matrix is used for all rows of x while it is at hand.
"""

import hashlib
import math
from collections.abc import Callable
from functools import cache
from pathlib import Path
from typing import TypeVar, cast

import numba
import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float32]
Integers = NDArray[np.int64]
F = TypeVar("F", bound=Callable[..., object])

ACTIVATIONS = ("linear", "silu", "gelu", "relu")  # by their numbers
# Sums in any order; but what is not finite stays so, and is noticed.
_FAST = {"reassoc", "contract", "nsz", "arcp"}


def compiled(function: F) -> F:
    """The function in machine code."""
    return cast(F, numba.njit(function, nogil=True, fastmath=_FAST))


def kept(function: F) -> F:
    """The same, kept beside its file or, failing that, in the user's cache.

    Its arguments are of types that will always be there: what is found on disk names them. What is
    found belongs to one version of all loops, by its name.
    """
    function.__qualname__ = f"{function.__name__}-{_version()}"
    try:
        return cast(F, numba.njit(function, cache=True, nogil=True, fastmath=_FAST))
    except RuntimeError:  # there is no place to keep it
        return compiled(function)


@cache
def _version() -> str:
    package = Path(__file__).parents[2]
    sources = [path.read_bytes() for path in sorted(package.rglob("*loops.py"))]
    return hashlib.sha256(b"".join(sources)).hexdigest()[:8]


@compiled
def add_product(x: Floats, w: Floats, y: Floats) -> None:
    """y += x w, for x [rows, inputs], w [inputs, outputs], y [rows, outputs].

    By four inputs and two rows at a time: what is loaded is used several times.
    """
    rows, inputs = x.shape
    fours = inputs - inputs % 4
    for i in range(0, fours, 4):
        w0, w1, w2, w3 = w[i], w[i + 1], w[i + 2], w[i + 3]
        for r in range(0, rows - 1, 2):
            y0, y1 = y[r], y[r + 1]
            a0, a1, a2, a3 = x[r, i], x[r, i + 1], x[r, i + 2], x[r, i + 3]
            b0, b1, b2, b3 = x[r + 1, i], x[r + 1, i + 1], x[r + 1, i + 2], x[r + 1, i + 3]
            for j in range(w.shape[1]):
                y0[j] += a0 * w0[j] + a1 * w1[j] + a2 * w2[j] + a3 * w3[j]
                y1[j] += b0 * w0[j] + b1 * w1[j] + b2 * w2[j] + b3 * w3[j]
        if rows % 2:
            y0 = y[rows - 1]
            a0, a1, a2, a3 = x[-1, i], x[-1, i + 1], x[-1, i + 2], x[-1, i + 3]
            for j in range(w.shape[1]):
                y0[j] += a0 * w0[j] + a1 * w1[j] + a2 * w2[j] + a3 * w3[j]
    for i in range(fours, inputs):
        for r in range(rows):
            a0 = x[r, i]
            for j in range(w.shape[1]):
                y[r, j] += a0 * w[i, j]


@compiled
def length(x: Floats, eps: float) -> np.float32:
    """Of a row, never 0."""
    squares = np.float32(x.size * eps)
    for i in range(x.size):
        squares += x[i] * x[i]
    root: np.float32 = np.sqrt(squares)
    return root


@compiled
def divide(x: Floats, eps: float, y: Floats) -> None:
    """y = x / its rows' lengths."""
    for r in range(x.shape[0]):
        share = np.float32(1) / length(x[r], eps)
        for i in range(x.shape[1]):
            y[r, i] = x[r, i] * share


@compiled
def activate(x: Floats, kind: int) -> None:
    """In place; see `ACTIVATIONS`."""
    if kind == 1:
        for i in range(x.size):
            x[i] /= np.float32(1) + np.exp(-x[i])
    elif kind == 2:
        for i in range(x.size):
            x[i] *= np.float32(0.5) * (np.float32(1) + math.erf(x[i] * np.float32(math.sqrt(0.5))))
    elif kind == 3:
        for i in range(x.size):
            x[i] = max(x[i], np.float32(0))


@compiled
def attend_one(
    query: Floats, entries: tuple[Floats, Floats], last: int, count: int, read: Floats
) -> None:
    """Attention of one head, with scale 1: add to `read` [dim] what `query` [dim] finds.

    It sees the `count` positions up to the `last` of keys and values [places, dim], which are a
    ring: a position lies at its remainder.
    """
    keys, values = entries
    places, dim = keys.shape
    chances = np.empty(count, np.float32)
    largest = -np.float32(np.inf)
    place = (last + 1 - count) % places
    for n in range(count):
        score = np.float32(0)
        for i in range(dim):
            score += query[i] * keys[place, i]
        chances[n] = score
        largest = max(largest, score)
        place = place + 1 if place + 1 < places else 0
    total = np.float32(0)
    for n in range(count):
        chances[n] = np.exp(chances[n] - largest)
        total += chances[n]
    place = (last + 1 - count) % places
    for n in range(count):
        chance = chances[n] / total
        for i in range(dim):
            read[i] += chance * values[place, i]
        place = place + 1 if place + 1 < places else 0
