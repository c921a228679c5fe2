"""What is around the agent: a user, a speaker and a disk, none of them reliable."""

import errno
import os
import random
import threading
from collections.abc import Generator
from contextlib import contextmanager
from time import sleep
from typing import Any
from unittest import mock

import anyio
import numpy as np
from anyio.abc import TaskStatus

from agent.audio.playback import Playback
from agent.events import Audio
from bench.soak.engines import Chaos
from tests.agent.fakes import RATE, TTS_RATE

FAULTS = 0.33
"""Share of turns with a fault."""
BARGE_IN = 0.15
"""Share of turns in which the user cuts in."""
BLOCK = 0.1
"""Seconds of the microphone's blocks and the speaker's."""


class User:
    """A microphone's stage: a user who speaks turn after turn, and sometimes cuts in."""

    def __init__(self, chaos: Chaos, turns: int) -> None:
        self._chaos = chaos
        self._turns = turns

    async def __call__(self, _: Any, send: Any, /) -> None:
        """Speak all turns."""
        self._send = send
        dice = self._chaos.random
        await self._wait(0.5)
        for _ in range(self._turns):
            if dice.random() < FAULTS:
                self._chaos.plan()
            await self._sound(0.4, loud=True)
            if dice.random() < BARGE_IN:
                await self._wait(0.8)
                await self._sound(0.4, loud=True)
            if dice.random() < FAULTS / 10:
                self._chaos.struck["microphone gone"] += 1
                await anyio.sleep(dice.uniform(0.5, 5))
            await self._wait(2.5)
            if self._chaos.planned is None and dice.random() < FAULTS / 30:
                await self._wait(70.0)  # long enough for every limit
        await self._wait(130.0)

    async def _wait(self, seconds: float) -> None:
        await self._sound(seconds, loud=False)

    async def _sound(self, seconds: float, *, loud: bool) -> None:
        pcm = np.full(round(BLOCK * RATE), 0.5 if loud else 0.0, np.float32)
        for _ in range(round(seconds / BLOCK)):
            await anyio.sleep(BLOCK)
            await self._send.send(Audio(pcm, RATE))


class Loudspeaker:
    """A speaker that keeps time, and is gone for a while now and then."""

    def __init__(self, chaos: Chaos) -> None:
        self.playback = Playback(TTS_RATE)
        self.broken = 0
        """Samples that were none."""
        self._chaos = chaos

    async def run(self, *, task_status: TaskStatus[None] = anyio.TASK_STATUS_IGNORED) -> None:
        """Play until cancelled."""
        task_status.started()
        pcm = np.empty(round(BLOCK * TTS_RATE), np.float32)
        while True:
            await anyio.sleep(BLOCK)
            if self._chaos.random.random() < 0.0005:
                self._chaos.struck["speaker gone"] += 1
                await anyio.sleep(self._chaos.random.uniform(0.5, 5))
            self.playback.render(pcm, anyio.current_time())
            self.broken += int((~(np.abs(pcm) <= 1)).sum())


@contextmanager
def bad_disk(chaos: Chaos) -> Generator[None]:
    """Writing takes its time, or fails for want of room."""
    dice = random.Random(chaos.random.random())  # of its own: threads come in any order
    write = os.write

    def slow_write(descriptor: int, data: Any, /) -> int:
        if threading.current_thread() is not threading.main_thread() and dice.random() < 0.001:
            chaos.struck["disk"] += 1
            if dice.random() < 0.5:
                raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
            sleep(0.02)
        return write(descriptor, data)

    with mock.patch("os.write", slow_write):
        yield
