"""The depth transformer's frame as one compiled call: a small network's time is Python's otherwise.

Compiled by Numba at the first call, and kept on disk from then on. Nothing here holds the
interpreter's lock. Numbers are float32; matrices are [inputs, outputs], so that the outputs of an
input lie side by side and a row of the matrix is used for all rows of x while it is at hand.
"""

import math
from collections.abc import Callable
from typing import Any, NamedTuple, TypeVar, cast

import numba
import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float32]
Integers = NDArray[np.int64]
F = TypeVar("F", bound=Callable[..., object])

ACTIVATIONS = ("linear", "silu", "gelu", "relu")  # by their numbers
# Sums in any order; but what is not finite stays so, and is noticed.
_FAST = {"reassoc", "contract", "nsz", "arcp"}


class Depth(NamedTuple):
    """The weights; norms folded into the matrices but for a division by a length."""

    inputs: Floats
    """[sets, decoder width, width]"""
    qkv: Floats
    """[layers, sets, width, 3 * heads * dim]"""
    out: Floats
    """[layers, sets, heads * dim, width]"""
    wi: Floats
    """[layers, width, 2 * hidden]"""
    wo: Floats
    """[layers, hidden, width]"""
    heads: Floats
    """[stages, width, limit]"""
    audio: Floats
    """[stages, vocabulary, width]"""
    norms: Floats
    """[layers, 2, dim], of queries and keys"""
    turns: Floats
    """[stages, 2, dim / 2], cosines and sines"""
    sets: Integers
    """[stages], the weight set of each"""
    eps: float
    first: int
    """The gate's activation."""
    second: int


class Frame(NamedTuple):
    """What a frame is made of, for `rows` = slots * branches."""

    hidden: Floats
    """[rows, decoder width]"""
    text: Floats
    """[slots, width], joins the first stage"""
    tokens: Integers
    """[slots, stages + 1]: those known, and then those drawn"""
    seen: Floats
    """[layers, 2, rows, heads, stages, dim], keys and values"""
    logits: Floats
    """[rows, limit], of the last stage"""


class Drawing(NamedTuple):
    """How each slot draws, as in `tts.dia2.sampling`; all [slots], `uniforms` [slots, stages]."""

    scale: Floats
    filter_k: Integers
    temperature: Floats
    top_k: Integers
    uniforms: NDArray[np.float64]


def compiled(function: F) -> F:
    """The function in machine code."""
    return cast(F, numba.njit(function, nogil=True, fastmath=_FAST))


def kept(function: F) -> F:
    """The same, kept beside this file or, failing that, in the user's cache.

    Its arguments are of types that will always be there: what is found on disk names them.
    """
    try:
        return cast(F, numba.njit(function, cache=True, nogil=True, fastmath=_FAST))
    except RuntimeError:  # there is no place to keep it
        return compiled(function)


@kept
def column(
    stages: tuple[int, int],
    weights: tuple[Any, ...],
    parts: tuple[Any, ...],
    settings: tuple[Any, ...],
) -> bool:
    """The frame's stages from the first to before the last; the others are a `Depth`, a `Frame`
    and a `Drawing` as plain tuples. See `speak`.
    """
    return speak(stages, Depth(*weights), Frame(*parts), Drawing(*settings))


@compiled
def speak(stages: tuple[int, int], net: Depth, frame: Frame, drawing: Drawing) -> bool:
    """Each stage draws the token that the next one starts from.

    False if a draw needs the whole procedure (see `tts.dia2.fast.draw`).
    """
    hidden, tokens, width = frame.hidden, frame.tokens, net.wi.shape[1]
    rows, slots = len(hidden), len(tokens)
    branches = rows // slots
    starts = np.zeros((len(net.inputs), rows, width), np.float32)
    started = np.zeros(len(net.inputs), np.bool_)
    x = np.empty((rows, width), np.float32)
    for stage in range(*stages):
        weights = net.sets[stage]
        if not started[weights]:
            started[weights] = True
            add_product(hidden, net.inputs[weights], starts[weights])
        for r in range(rows):
            slot = r // branches
            token = tokens[slot, stage]
            for i in range(width):
                x[r, i] = starts[weights, r, i] + net.audio[stage, token, i]
                if stage == 0:
                    x[r, i] += frame.text[slot, i]
        run_stage(stage, x, net, frame)
        for slot in range(slots if drawing.uniforms.size else 0):
            logits = frame.logits[slot * branches : (slot + 1) * branches]
            token = draw(logits, slot, stage, drawing)
            if token < 0:
                return False
            tokens[slot, stage + 1] = token
    return True


@compiled
def run_stage(stage: int, x: Floats, net: Depth, frame: Frame) -> None:
    """All layers over x [rows, width], which changes, to the frame's logits."""
    rows, width = x.shape
    weights = net.sets[stage]
    normed = np.empty((rows, width), np.float32)
    parts = np.empty((rows, net.qkv.shape[3]), np.float32)
    both = np.empty((rows, net.wi.shape[2]), np.float32)
    for layer in range(len(net.wi)):
        divide(x, net.eps, normed)
        multiply(normed, net.qkv[layer, weights], parts)
        read = attend(stage, layer, net, frame.seen[layer], parts)
        add_product(read, net.out[layer, weights], x)
        divide(x, net.eps, normed)
        multiply(normed, net.wi[layer], both)
        add_product(gate(both, net.first, net.second), net.wo[layer], x)
    divide(x, net.eps, normed)
    multiply(normed, net.heads[stage], frame.logits)


@compiled
def multiply(x: Floats, w: Floats, y: Floats) -> None:
    """y = x w."""
    for r in range(y.shape[0]):
        for j in range(y.shape[1]):
            y[r, j] = 0
    add_product(x, w, y)


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
def gate(both: Floats, first: int, second: int) -> Floats:
    """first(gate) * second(up), of [rows, 2 * hidden] the first half."""
    hidden = both.shape[1] // 2
    for r in range(both.shape[0]):
        activate(both[r, :hidden], first)
        activate(both[r, hidden:], second)
        for i in range(hidden):
            both[r, i] *= both[r, hidden + i]
    return both[:, :hidden]


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
def attend(stage: int, layer: int, net: Depth, seen: Floats, parts: Floats) -> Floats:
    """Queries, keys and values [rows, 3 * heads * dim] to what is read [rows, heads * dim].

    `seen` [2, rows, heads, stages, dim] gets this stage's keys and values.
    """
    heads, dim = seen.shape[2], seen.shape[4]
    norms, turn = net.norms[layer], net.turns[stage]
    read = np.zeros((len(parts), heads * dim), np.float32)
    chances = np.empty(stage + 1, np.float32)
    for r in range(len(parts)):
        for head in range(heads):
            q, k, v = head * dim, (heads + head) * dim, (2 * heads + head) * dim
            point(parts[r, q : q + dim], norms[0], turn, net.eps)
            point(parts[r, k : k + dim], norms[1], turn, net.eps)
            keys, values = seen[0, r, head], seen[1, r, head]
            for i in range(dim):
                keys[stage, i] = parts[r, k + i]
                values[stage, i] = parts[r, v + i]
            largest = -np.float32(np.inf)
            for n in range(stage + 1):
                score = np.float32(0)
                for i in range(dim):
                    score += parts[r, q + i] * keys[n, i]
                chances[n] = score
                largest = max(largest, score)
            total = np.float32(0)
            for n in range(stage + 1):
                chances[n] = np.exp(chances[n] - largest)
                total += chances[n]
            for n in range(stage + 1):
                chance = chances[n] / total
                for i in range(dim):
                    read[r, q + i] += chance * values[n, i]
    return read


@compiled
def point(head: Floats, norm: Floats, turn: Floats, eps: float) -> None:
    """Norm and turn a query or key [dim] in place."""
    half = head.size // 2
    share = np.float32(1) / length(head, eps)
    for i in range(half):
        left, right = head[i] * share * norm[i], head[half + i] * share * norm[half + i]
        head[i] = left * turn[0, i] - right * turn[1, i]
        head[half + i] = right * turn[0, i] + left * turn[1, i]


@compiled
def draw(logits: Floats, slot: int, stage: int, drawing: Drawing) -> int:
    """A token for logits [branches, vocabulary], or -1; see `tts.dia2.fast.draw`."""
    values, scale = logits[0], drawing.scale[slot]
    ids = np.arange(values.size)
    if len(logits) > 1 and scale != 1 and drawing.filter_k[slot] > 0:
        guided = np.empty(values.size, np.float32)
        for i in range(values.size):
            apart = values[i] - logits[1, i]
            # As PyTorch interpolates.
            near = values[i] - apart * (np.float32(1) - scale)
            guided[i] = logits[1, i] + scale * apart if abs(scale) < 0.5 else near
        lowest = kth_largest(guided, drawing.filter_k[slot])
        count = 0
        for i in range(values.size):
            if guided[i] >= lowest:
                ids[count] = i
                count += 1
        ids = ids[:count]
    if ids.size == 0:
        return -1
    best: int = ids[0]
    for i in ids:
        if not np.isfinite(values[i]):
            return -1
        if values[i] > values[best]:
            best = i
    if drawing.temperature[slot] <= 0:
        return best
    p = np.empty(ids.size, np.float32)
    heat = max(drawing.temperature[slot], np.float32(1e-6))
    for n in range(ids.size):
        p[n] = np.exp((values[ids[n]] - values[best]) / heat)
    keep(p, drawing.top_k[slot])
    token: int = ids[pick(p, drawing.uniforms[slot, stage])]
    return token


@compiled
def kth_largest(x: Floats, k: int) -> np.float32:
    """The k-th largest (the smallest if there are fewer), by halving where it can lie.

    Floats order as their bits do, once those of negative ones are turned over.
    """
    bits = x.view(np.int32)
    low, high = np.int64(-(1 << 31)), np.int64((1 << 31) - 1)
    while low < high:
        middle = (low + high + 1) >> 1
        edge, count = np.int32(middle), 0
        for i in range(bits.size):
            count += (bits[i] ^ ((bits[i] >> 31) & 0x7FFFFFFF)) >= edge
        if count >= min(k, x.size):
            low = middle
        else:
            high = middle - 1
    found = np.empty(1, np.int32)
    found[0] = np.int32(low if low >= 0 else low ^ 0x7FFFFFFF)
    largest: np.float32 = found.view(np.float32)[0]
    return largest


@compiled
def keep(p: Floats, k: int) -> None:
    """Exactly the k largest; of equal ones at the edge the first. Others become 0."""
    if not 0 < k < p.size:
        return
    lowest = kth_largest(p, k)
    equal = k
    for n in range(p.size):
        equal -= p[n] > lowest
    for n in range(p.size):
        if p[n] == lowest and equal > 0:
            equal -= 1
        elif p[n] <= lowest:
            p[n] = 0


@compiled
def pick(p: Floats, uniform: float) -> int:
    """The place at which the sum of p passes that share of it."""
    total = 0.0
    for each in p:
        total += np.float64(each)
    passed, last = 0.0, 0
    for n in range(p.size):
        passed += np.float64(p[n])
        if p[n] > 0:
            last = n
        if passed > uniform * total:
            return n
    return last
