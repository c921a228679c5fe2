"""The depth transformer's frame in one call: all stages, and what each of them draws."""

from typing import Any, NamedTuple

import numpy as np

from tts.dia2.fast.cpu.draw_loops import NONE, Drawing, draw
from tts.dia2.fast.cpu.matrix_loops import Matrices, add_matrix, multiply
from tts.transformer.cpu.loops import (
    Floats,
    Integers,
    activate,
    attend_one,
    compiled,
    divide,
    kept,
    length,
)


class Depth(NamedTuple):
    """The weights; norms folded into the matrices but for a division by a length."""

    inputs: Matrices
    """[sets, decoder width, width]"""
    qkv: Matrices
    """[layers * sets, width, 3 * heads * dim]"""
    out: Matrices
    """[layers * sets, heads * dim, width]"""
    wi: Matrices
    """[layers, width, 2 * hidden]"""
    wo: Matrices
    """[layers, hidden, width]"""
    heads: Matrices
    """[stages, width, limit]"""
    audio: Floats
    """[stages, vocabulary, width]"""
    norms: Floats
    """[layers, 2, dim], of queries and keys"""
    ropes: Floats
    """[stages, 2, dim / 2], cosines and sines"""
    sets: Integers
    """[stages], the weight set of each"""
    hidden: int
    """Of the gated MLP."""
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


@kept
def column(
    stages: tuple[int, int],
    weights: tuple[Any, ...],
    parts: tuple[Any, ...],
    settings: tuple[Any, ...],
) -> bool:
    """The frame's stages from the first to before the last; the others are a `Depth`, a `Frame`
    and a `Drawing` as plain tuples. See `run_stages`.
    """
    return run_stages(stages, Depth(*weights), Frame(*parts), Drawing(*settings))


@compiled
def run_stages(stages: tuple[int, int], net: Depth, frame: Frame, drawing: Drawing) -> bool:
    """Each stage draws the token that the next one starts from.

    False if a draw needs the whole procedure (see `draw_loops.draw`).
    """
    hidden, tokens, width = frame.hidden, frame.tokens, net.audio.shape[2]
    rows, slots = len(hidden), len(tokens)
    branches = rows // slots
    sets = max(net.sets) + 1
    starts = np.zeros((sets, rows, width), np.float32)
    started = np.zeros(sets, np.bool_)
    x = np.empty((rows, width), np.float32)
    for stage in range(*stages):
        weights = net.sets[stage]
        if not started[weights]:
            started[weights] = True
            add_matrix(hidden, net.inputs, weights, starts[weights])
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
            token = draw(logits, slot, stage, NONE, drawing)
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
    layers, _, _, heads, _, dim = frame.seen.shape
    parts = np.empty((rows, 3 * heads * dim), np.float32)
    both = np.empty((rows, 2 * net.hidden), np.float32)
    for layer in range(layers):
        own = layer * (max(net.sets) + 1) + weights
        divide(x, net.eps, normed)
        multiply(normed, net.qkv, own, parts)
        read = attend(stage, layer, net, frame.seen[layer], parts)
        add_matrix(read, net.out, own, x)
        divide(x, net.eps, normed)
        multiply(normed, net.wi, layer, both)
        add_matrix(gate(both, net.first, net.second), net.wo, layer, x)
    divide(x, net.eps, normed)
    multiply(normed, net.heads, stage, frame.logits)


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
def attend(stage: int, layer: int, net: Depth, seen: Floats, parts: Floats) -> Floats:
    """Queries, keys and values [rows, 3 * heads * dim] to what is read [rows, heads * dim].

    `seen` [2, rows, heads, stages, dim] gets this stage's keys and values.
    """
    heads, dim = seen.shape[2], seen.shape[4]
    norms, rope = net.norms[layer], net.ropes[stage]
    read = np.zeros((len(parts), heads * dim), np.float32)
    for r in range(len(parts)):
        for head in range(heads):
            q, k, v = head * dim, (heads + head) * dim, (2 * heads + head) * dim
            point(parts[r, q : q + dim], norms[0], rope, net.eps)
            point(parts[r, k : k + dim], norms[1], rope, net.eps)
            keys, values = seen[0, r, head], seen[1, r, head]
            for i in range(dim):
                keys[stage, i] = parts[r, k + i]
                values[stage, i] = parts[r, v + i]
            here = slice(q, q + dim)
            attend_one(parts[r, here], (keys, values), stage, stage + 1, read[r, here])
    return read


@compiled
def point(head: Floats, norm: Floats, rope: Floats, eps: float) -> None:
    """Norm and rotate a query or key [dim] in place."""
    half = head.size // 2
    share = np.float32(1) / length(head, eps)
    for i in range(half):
        left, right = head[i] * share * norm[i], head[half + i] * share * norm[half + i]
        head[i] = left * rope[0, i] - right * rope[1, i]
        head[half + i] = right * rope[0, i] + left * rope[1, i]
