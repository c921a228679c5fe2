"""A step of the decoder in one compiled call, with int8 matrices."""

from typing import Any, NamedTuple

import numpy as np

from tts.transformer.cpu.loops import Floats, Integers, activate, compiled, divide, kept
from tts.transformer.cpu.shared_loops import HEAD, add_bytes, attend_heads
from tts.transformer.cpu.team_loops import Team

QKV, OUT, QUERY, HEARD, WI, WO = range(6)
"""The matrices of a layer."""


class Net(NamedTuple):
    """The weights; norms folded into the matrices but for a division by a length."""

    matrices: Integers
    """[layers, 6, 5], each a `Matrix.table`"""
    head: Integers
    """[5]"""
    table: Floats
    """[codebooks * ids, width]"""
    frequencies: Floats
    """[dim / 2], by which positions turn queries and keys"""
    widths: Integers
    """Of an MLP's hidden layer; heads of the self attention."""
    eps: float
    first: int
    """The gate's activation."""
    second: int
    team: Team


class State(NamedTuple):
    """What a step reads and writes. Of all slots, those in `slots` make it."""

    slots: Integers
    columns: Integers
    """[slots, codebooks], rows of the table"""
    filled: Integers
    """[slots], entries of the cache"""
    keys: Floats
    """[layers, slots, branches, kv_heads, entries, dim]"""
    values: Floats
    heard_keys: Floats
    """[layers, slots, heads, bytes, dim]"""
    heard_values: Floats
    heard: Integers
    """[slots], bytes of text"""
    reads: Floats
    """[layers, slots, branches, heads, dim]: what is read of the text; without text always this"""
    logits: Floats
    """[slots, branches, codebooks * ids]"""


@kept
def step(weights: tuple[Any, ...], state: tuple[Any, ...]) -> None:
    """A `Net` and a `State` as plain tuples."""
    run(Net(*weights), State(*state))


@compiled
def run(net: Net, state: State) -> None:
    """One entry for each of the slots that make the step, and their logits."""
    slots, branches, width = state.slots, state.keys.shape[2], net.table.shape[1]
    rows = len(slots) * branches
    if rows == 0:
        return
    hidden, own = net.widths
    kv_heads, dim = state.keys.shape[3], state.keys.shape[5]
    cross, cross_dim = state.reads.shape[3], state.reads.shape[4]
    x, normed = embed(net.table, state, rows), np.empty((rows, width), np.float32)
    ropes = turns(net.frequencies, state)
    qkv = np.empty((rows, own + 2 * kv_heads, dim), np.float32)
    read = np.empty((rows, own, dim), np.float32)
    query = np.empty((rows, cross, cross_dim), np.float32)
    heard = np.empty((rows, cross, cross_dim), np.float32)
    both = np.empty((rows, 2 * hidden), np.float32)
    gated = np.empty((rows, hidden), np.float32)
    heads = np.empty((rows, kv_heads, HEAD), np.int64)
    text = np.empty((len(slots), state.heard_keys.shape[2], HEAD), np.int64)
    for layer in range(len(net.matrices)):
        matrices = net.matrices[layer]
        divide(x, net.eps, normed)
        multiply(normed, matrices[QKV], qkv.reshape(rows, -1), net.team)
        remember(layer, (qkv, read), ropes, state, heads)
        attend_heads(heads.reshape(-1, HEAD), own // kv_heads, dim, net.team)
        add_bytes(read.reshape(rows, -1), matrices[OUT], x, net.team)
        divide(x, net.eps, normed)
        multiply(normed, matrices[QUERY], query.reshape(rows, -1), net.team)
        listen(layer, query, state, heard, text)
        attend_heads(text.reshape(-1, HEAD), cross // text.shape[1], cross_dim, net.team)
        add_bytes(heard.reshape(rows, -1), matrices[HEARD], x, net.team)
        divide(x, net.eps, normed)
        multiply(normed, matrices[WI], both, net.team)
        gate(both, net.first, net.second, gated)
        add_bytes(gated, matrices[WO], x, net.team)
    divide(x, net.eps, normed)
    logits = np.empty((rows, state.logits.shape[2]), np.float32)
    multiply(normed, net.head, logits, net.team)
    for n in range(len(slots)):
        for branch in range(branches):
            state.logits[slots[n], branch] = logits[n * branches + branch]


@compiled
def multiply(x: Floats, matrix: Integers, y: Floats, team: Team) -> None:
    """y = x times a matrix."""
    y[:] = 0
    add_bytes(x, matrix, y, team)


@compiled
def embed(table: Floats, state: State, rows: int) -> Floats:
    """The sum of a column's codebooks, [rows, width]; all branches have the same."""
    branches = rows // len(state.slots)
    x = np.zeros((rows, table.shape[1]), np.float32)
    for row in range(rows):
        for code in state.columns[state.slots[row // branches]]:
            for i in range(table.shape[1]):
                x[row, i] += table[code, i]
    return x


@compiled
def turns(frequencies: Floats, state: State) -> Floats:
    """Cosines and sines of each slot's position, [slots that make the step, 2, dim / 2]."""
    ropes = np.empty((len(state.slots), 2, frequencies.size), np.float32)
    for n, slot in enumerate(state.slots):
        for i in range(frequencies.size):
            angle = np.float32(state.filled[slot]) * frequencies[i]
            ropes[n, 0, i], ropes[n, 1, i] = np.cos(angle), np.sin(angle)
    return ropes


@compiled
def remember(
    layer: int, rows: tuple[Floats, Floats], ropes: Floats, state: State, heads: Integers
) -> None:
    """Turn queries and keys, write keys and values to the cache, and say what attends to what.

    `rows` are queries, keys and values, and what will be read.
    """
    qkv, read = rows
    branches, kv_heads, dim = state.keys.shape[2], state.keys.shape[3], qkv.shape[2]
    own = qkv.shape[1] - 2 * kv_heads
    for row in range(len(qkv)):
        slot, branch, rope = state.slots[row // branches], row % branches, ropes[row // branches]
        for each in range(own + kv_heads):
            turn(qkv[row, each], rope)
        last = state.filled[slot]
        for each in range(kv_heads):
            keys, values = (
                state.keys[layer, slot, branch, each],
                state.values[layer, slot, branch, each],
            )
            for i in range(dim):
                keys[last, i] = qkv[row, own + each, i]
                values[last, i] = qkv[row, own + kv_heads + each, i]
            first = each * (own // kv_heads)
            head = heads[row, each]
            head[0], head[1] = qkv[row, first:].ctypes.data, keys.ctypes.data
            head[2], head[3] = values.ctypes.data, read[row, first:].ctypes.data
            head[4] = last + 1


@compiled
def turn(head: Floats, rope: Floats) -> None:
    """Rotate a query or key [dim] in place; the halves are interleaved."""
    for i in range(head.size // 2):
        left, right = head[2 * i], head[2 * i + 1]
        head[2 * i] = left * rope[0, i] - right * rope[1, i]
        head[2 * i + 1] = left * rope[1, i] + right * rope[0, i]


@compiled
def listen(layer: int, query: Floats, state: State, heard: Floats, text: Integers) -> None:
    """Say what attends to the text; the branches without one read what they always do."""
    branches, kv_heads = state.keys.shape[2], text.shape[1]
    group = query.shape[1] // kv_heads
    for n, slot in enumerate(state.slots):
        for branch in range(1, branches):
            heard[n * branches + branch] = state.reads[layer, slot, branch]
        for each in range(kv_heads):
            row, first, head = n * branches, each * group, text[n, each]
            head[0] = query[row, first:].ctypes.data
            head[1] = state.heard_keys[layer, slot, each].ctypes.data
            head[2] = state.heard_values[layer, slot, each].ctypes.data
            head[3], head[4] = heard[row, first:].ctypes.data, state.heard[slot]


@compiled
def gate(both: Floats, first: int, second: int, gated: Floats) -> None:
    """first(gate) * second(up), of [rows, 2 * hidden] to [rows, hidden]."""
    hidden = gated.shape[1]
    for r in range(len(both)):
        activate(both[r, :hidden], first)
        activate(both[r, hidden:], second)
        for i in range(hidden):
            gated[r, i] = both[r, i] * both[r, hidden + i]
