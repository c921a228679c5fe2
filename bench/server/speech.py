"""What is said to the agent, and when it was answered."""

from collections.abc import AsyncGenerator, Sequence

import anyio
import numpy as np
from numpy.typing import NDArray

from agent.load_test.speech import BLOCK

TONES = (300, 800, 2000)
"""Hz, a block each in turn: what stays the same is taken for noise, and no constant gets through
Opus."""
SPEECH, SILENCE = 0.6, 1.4
"""Seconds of a turn: voice, then nothing, in which the answer comes."""
PHASES = 8
"""Turns after which their ends have fallen everywhere in the detector's windows of 32 ms."""


def block(number: int, rate: int, *, loud: bool = True) -> NDArray[np.float32]:
    """Block `number` of a voice, or nearly nothing."""
    time_s = np.arange(round(rate * BLOCK)) / rate
    tone = np.sin(2 * np.pi * TONES[number % len(TONES)] * time_s)
    return ((0.8 if loud else 1e-4) * tone).astype(np.float32)


def voice(seconds: float, rate: int) -> NDArray[np.float32]:
    """So much of it."""
    return np.concatenate([block(number, rate) for number in range(round(seconds / BLOCK))])


def stretches(turns: int) -> list[tuple[float, bool]]:
    """Seconds, loud or not, that make so many turns."""
    said = [(0.3, False)]
    for turn in range(turns):
        said += [(SPEECH, True), (SILENCE + turn % PHASES * BLOCK, False)]
    return said


async def talking(turns: int) -> AsyncGenerator[tuple[int, bool, float], None]:
    """Blocks of the user by number, loud or not, each when it is due."""
    began, sent = anyio.current_time(), 0
    for seconds, loud in stretches(turns):
        for _ in range(round(seconds / BLOCK)):
            sent += 1
            due = began + sent * BLOCK
            await anyio.sleep_until(due)
            yield sent, loud, due


def note(ends: list[float], *, loud: bool) -> None:
    """Keep when the latest block of speech was sent; a silent block closes a turn."""
    now = anyio.current_time()
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
