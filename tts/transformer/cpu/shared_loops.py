"""Work that several threads share: panels of an int8 product, and heads of attention."""

import numpy as np
from numba.np.numpy_support import carray

from tts.transformer.cpu.int8_loops import OUTPUTS, PANEL, WORDS, multiply_panel, rounded
from tts.transformer.cpu.loops import Floats, Integers, compiled, kept
from tts.transformer.cpu.team_loops import DONE, JOB, STOP, TICKETS, Team, add, get, pointer, put

_PRODUCT, _ATTENTION = 0, 1
HEAD = 5
"""What tells a head of attention: addresses of its queries, keys, values and of what is read, and
how many keys there are."""


@kept
def multiply_add(x: Floats, matrix: Integers, y: Floats, team: Team) -> None:
    """y [rows, outputs] += x [rows, inputs] times a matrix, by its `table`."""
    add_bytes(x, matrix, y, team)


@kept
def help_out(team: Team) -> None:
    """Take part in whatever is done, until there will be no more."""
    while get(team, STOP) == 0:
        if get(team, TICKETS) > 0:
            take_part(team)


@compiled
def add_bytes(x: Floats, matrix: Integers, y: Floats, team: Team) -> None:
    """The same from within a loop."""
    words, shares = rounded(x)
    team[JOB], team[JOB + 1] = _PRODUCT, words.ctypes.data
    team[JOB + 2], team[JOB + 3], team[JOB + 4] = shares.ctypes.data, y.ctypes.data, len(y)
    for n in range(WORDS + 1):
        team[JOB + 5 + n] = matrix[n]
    share(team, -(-matrix[OUTPUTS] // PANEL))
    # What the addresses are of must live until here.
    shares[0] += words[0, 0]


@compiled
def attend_heads(heads: Integers, group: int, dim: int, team: Team) -> None:
    """Attention with scale 1 of so many key-value heads [heads, `HEAD`], each for a group of
    queries [group, dim], to what they read [group, dim].
    """
    team[JOB], team[JOB + 1], team[JOB + 2], team[JOB + 3] = (
        _ATTENTION,
        heads.ctypes.data,
        group,
        dim,
    )
    share(team, len(heads))


@compiled
def share(team: Team, tickets: int) -> None:
    """Do the job that stands in the team, with whoever helps."""
    put(team, DONE, 0)
    put(team, TICKETS, tickets)
    take_part(team)
    while get(team, DONE) < tickets:
        pass


@compiled
def take_part(team: Team) -> None:
    """Take tickets, while there are any that nobody has taken."""
    while True:
        ticket = add(team, TICKETS, -1)
        if ticket <= 0:
            return
        if team[JOB] == _PRODUCT:
            multiply_panel(team, ticket - 1)
        else:
            _attend_head(team, ticket - 1)
        add(team, DONE, 1)


@compiled
def _attend_head(team: Team, number: int) -> None:
    head = carray(pointer(team[JOB + 1] + 8 * HEAD * number), (HEAD,), np.int64)
    group, dim, count = team[JOB + 2], team[JOB + 3], head[4]
    queries = carray(pointer(head[0]), (group, dim), np.float32)
    keys = carray(pointer(head[1]), (count, dim), np.float32)
    values = carray(pointer(head[2]), (count, dim), np.float32)
    read = carray(pointer(head[3]), (group, dim), np.float32)
    chances = np.empty((group, count), np.float32)
    for n in range(count):
        for g in range(group):
            score = np.float32(0)
            for i in range(dim):
                score += queries[g, i] * keys[n, i]
            chances[g, n] = score
    for g in range(group):
        largest, total = -np.float32(np.inf), np.float32(0)
        for n in range(count):
            largest = max(largest, chances[g, n])
        for n in range(count):
            chances[g, n] = np.exp(chances[g, n] - largest)
            total += chances[g, n]
        for n in range(count):
            chances[g, n] /= total
        for i in range(dim):
            read[g, i] = 0
    for n in range(count):
        for g in range(group):
            for i in range(dim):
                read[g, i] += chances[g, n] * values[n, i]
