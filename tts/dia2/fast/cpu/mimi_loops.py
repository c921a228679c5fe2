"""Attention in Mimi's transformer, of a few positions."""

import numpy as np

from tts.dia2.fast.cpu.loops import Floats, Integers, compiled, kept


@kept
def angles(positions: Integers, time: int, frequencies: Floats) -> Floats:
    """Cosines and sines [slots * time, 2, dim / 2]."""
    turns = np.empty((len(positions) * time, 2, frequencies.size), np.float32)
    for r in range(len(turns)):
        position = np.float32(positions[r // time] + r % time)
        for i in range(frequencies.size):
            turns[r, 0, i] = np.cos(position * frequencies[i])
            turns[r, 1, i] = np.sin(position * frequencies[i])
    return turns


@kept
def attend(parts: Floats, ring: Floats, positions: Integers, window: int, turns: Floats) -> Floats:
    """Queries, keys and values [slots * time, 3 * heads * dim] to what is read [.., heads * dim].

    `ring` [2, slots, heads, places, dim] gets the keys and values before anything is read.
    """
    _, slots, heads, places, dim = ring.shape
    time, inner = len(parts) // slots, heads * dim
    for r in range(len(parts)):
        slot, place = r // time, (positions[r // time] + r % time) % places
        for head in range(heads):
            here = head * dim
            turn(parts[r, here : here + dim], turns[r])
            turn(parts[r, inner + here : inner + here + dim], turns[r])
            for i in range(dim):
                ring[0, slot, head, place, i] = parts[r, inner + here + i]
                ring[1, slot, head, place, i] = parts[r, 2 * inner + here + i]
    read = np.zeros((len(parts), inner), np.float32)
    for r in range(len(parts)):
        slot, last = r // time, positions[r // time] + r % time
        for head in range(heads):
            here = slice(head * dim, (head + 1) * dim)
            memory = ring[0, slot, head], ring[1, slot, head]
            look(parts[r, here], memory, last, min(last + 1, window), read[r, here])
    return read


@compiled
def turn(head: Floats, angle: Floats) -> None:
    """The pairs of a query or key [dim], by [2, dim / 2], in place."""
    for i in range(head.size // 2):
        left, right = head[2 * i], head[2 * i + 1]
        head[2 * i] = left * angle[0, i] - right * angle[1, i]
        head[2 * i + 1] = right * angle[0, i] + left * angle[1, i]


@compiled
def look(query: Floats, memory: tuple[Floats, Floats], last: int, count: int, read: Floats) -> None:
    """Add to `read` [dim] what `query` [dim] finds at the `count` positions up to the `last`."""
    keys, values = memory
    places, dim = keys.shape
    chances = np.empty(count, np.float32)
    scale = np.float32(1 / np.sqrt(dim))
    largest = -np.float32(np.inf)
    place = (last + 1 - count) % places
    for n in range(count):
        score = np.float32(0)
        for i in range(dim):
            score += query[i] * keys[place, i]
        chances[n] = score * scale
        largest = max(largest, chances[n])
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
