"""A speaker rests while nothing is to be played, on a device that does what it is told."""

from collections.abc import AsyncGenerator, Callable
from contextlib import asynccontextmanager
from typing import Any, ClassVar, Self

import anyio
import numpy as np
import pytest
from numpy.typing import NDArray
from trio.testing import MockClock

from agent.audio import speaker
from agent.audio.speaker import RESTS, DeviceSpeaker
from agent.config.sections import SpeakerSettings
from tests.soundcards import Reports, tone

RATE = 24000
BLOCK = RATE // 100

pytestmark = [
    pytest.mark.anyio,
    pytest.mark.parametrize(
        "anyio_backend", [("trio", {"clock": MockClock(autojump_threshold=0)})], scope="module"
    ),
]


class Driver:
    """A device that asks for 10 ms a hundred times a second while it runs."""

    opened: ClassVar["Driver"]

    def __init__(
        self,
        *_: Any,
        prepare: Callable[[int], None],
        callback: Callable[[NDArray[np.float32], float], None],
        **__: Any,
    ) -> None:
        self._prepare = prepare
        self._callback = callback
        self._runs = anyio.Event()
        self.callbacks = 0
        self.pauses = 0
        Driver.opened = self

    async def __aenter__(self) -> Self:
        self._prepare(RATE)
        self._runs.set()
        return self

    async def __aexit__(self, *_: object) -> None:
        """Nothing is open."""

    async def watch(self) -> None:
        block = np.empty((BLOCK, 1), np.float32)
        while True:
            await self._runs.wait()
            self.callbacks += 1
            self._callback(block, anyio.current_time())
            await anyio.sleep(0.01)

    async def pause(self) -> None:
        self.pauses += 1
        self._runs = anyio.Event()

    def resume(self) -> None:
        self._runs.set()


@asynccontextmanager
async def speaking(
    monkeypatch: pytest.MonkeyPatch,
) -> AsyncGenerator[tuple[DeviceSpeaker, Driver], None]:
    monkeypatch.setattr(speaker, "DeviceStream", Driver)
    device = DeviceSpeaker(SpeakerSettings(), Reports())
    async with anyio.create_task_group() as tasks:
        await tasks.start(device.run)
        yield device, Driver.opened
        tasks.cancel_scope.cancel()


async def test_nobody_calls_back_in_quiet(monkeypatch: pytest.MonkeyPatch) -> None:
    async with speaking(monkeypatch) as (_, driver):
        await anyio.sleep(RESTS + 1)
        before = driver.callbacks
        await anyio.sleep(3600)
        assert driver.callbacks <= before + 1
        assert driver.pauses == 1


async def test_a_reply_is_heard_at_once_and_whole(monkeypatch: pytest.MonkeyPatch) -> None:
    async with speaking(monkeypatch) as (device, driver):
        await anyio.sleep(RESTS + 5)
        begun = anyio.current_time()
        track = device.playback.open(RATE)
        await track.write(tone(440, 0.5, RATE))
        await track.drain()
        started = await track.started()
        assert started is not None
        assert started - begun < 0.02
        assert track.played == RATE // 2
        assert driver.pauses == 1
        await anyio.sleep(2 * RESTS + 1)
        assert driver.pauses == 2


async def test_a_reply_that_is_long_in_coming_is_waited_for(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    async with speaking(monkeypatch) as (device, driver):
        track = device.playback.open(RATE)
        await anyio.sleep(5 * RESTS)
        assert driver.pauses == 0
        track.stop()
        await anyio.sleep(2 * RESTS + 1)
        assert driver.pauses == 1


async def test_one_that_is_held_is_heard_when_it_is_released(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    async with speaking(monkeypatch) as (device, driver):
        track = device.playback.open(RATE, held=True)
        await track.write(tone(440, 0.5, RATE))
        await anyio.sleep(5 * RESTS)
        assert driver.pauses == 1
        released = anyio.current_time()
        track.release()
        await track.drain()
        started = await track.started()
        assert started is not None
        assert started - released < 0.02


async def test_who_is_roused_runs(monkeypatch: pytest.MonkeyPatch) -> None:
    async with speaking(monkeypatch) as (device, driver):
        await anyio.sleep(RESTS + 5)
        before = driver.callbacks
        device.playback.rouse()
        await anyio.sleep(1)
        assert driver.callbacks >= before + 99
        device.playback.chime(tone(440, 0.2, RATE))
        await anyio.sleep(RESTS - 0.5)
        assert driver.pauses == 1
