"""What is said to the agent, and when it was answered."""

import time
from collections.abc import AsyncGenerator, Sequence

import anyio
import numpy as np
from numpy.typing import NDArray

RATE = 24000
BLOCK = 0.02
TONE = 300
"""Hz."""
SPEECH, SILENCE = 0.6, 1.4
"""Seconds of a turn: voice, then nothing, in which the answer comes."""
PHASES = 8
"""Turns after which their ends have fallen everywhere in the detector's windows of 32 ms."""


def hum(seconds: float, rate: int, level: float = 0.8) -> NDArray[np.float32]:
    """A tone, whose pieces of 20 ms follow each other: Opus lets no constant through."""
    time_s = np.arange(round(rate * seconds)) / rate
    return (level * np.sin(2 * np.pi * TONE * time_s)).astype(np.float32)


def block(*, loud: bool, rate: int) -> NDArray[np.float32]:
    """20 ms of the user."""
    return hum(BLOCK, rate, 0.8 if loud else 1e-4)


def stretches(turns: int) -> list[tuple[float, bool]]:
    """Seconds, loud or not, that make so many turns."""
    said = [(0.3, False)]
    for turn in range(turns):
        said += [(SPEECH, True), (SILENCE + turn % PHASES * BLOCK, False)]
    return said


async def talking(turns: int) -> AsyncGenerator[tuple[bool, float], None]:
    """Blocks of the user, loud or not, each when it is due."""
    began, sent = anyio.current_time(), 0
    for seconds, loud in stretches(turns):
        for _ in range(round(seconds / BLOCK)):
            sent += 1
            due = began + sent * BLOCK
            await anyio.sleep_until(due)
            yield loud, due


def note(ends: list[float], *, loud: bool) -> None:
    """Keep when the latest block of speech was sent; a silent block closes a turn."""
    now = time.perf_counter()
    if loud:
        if ends and ends[-1] > 0:
            ends[-1] = now
        else:
            ends.append(now)
    elif ends and ends[-1] > 0:
        ends.append(0.0)


def between(ends: Sequence[float], answers: Sequence[float]) -> list[float]:
    """From each end of speech to the first answer after it."""
    found = []
    for end in filter(None, ends):
        after = [each - end for each in answers if each > end]
        if after:
            found.append(min(after))
    return found
