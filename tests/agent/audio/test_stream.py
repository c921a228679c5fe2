"""What drivers say of time and trouble, where a virtual card would tell only of itself."""

from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from types import SimpleNamespace

import anyio
import numpy as np
import pytest
from numpy.typing import NDArray

from agent.audio.devices import Kind
from agent.audio.stream import DeviceStream
from agent.audio.wakeup import Wakeup
from tests.soundcards import Reports, SoundCards

pytestmark = [pytest.mark.anyio, pytest.mark.usefixtures("soundcards")]

FINE = SimpleNamespace(input_overflow=False, output_underflow=False)
MARK = 0.123
"""In the first sample of a block: it is a test's own."""


@pytest.fixture
def anyio_backend() -> str:
    """Nothing here depends on the backend."""
    return "asyncio"


class Opened:
    """A stream on a real device, to be called as its driver calls it."""

    def __init__(self, kind: Kind) -> None:
        self.reports = Reports()
        self.times: list[float] = []
        self.called = 0
        self._wakeup = Wakeup()
        self.stream = DeviceStream(
            kind,
            None,
            latency=0.1,
            rates=(16000,),
            prepare=lambda _rate: None,
            callback=self._called,
            report=self.reports,
        )

    def _called(self, block: NDArray[np.float32], time: float) -> None:
        self.called += 1
        self._wakeup.set()
        if block[0, 0] == np.float32(MARK):
            self.times.append(time)
        else:
            block[:] = 0

    async def calls(self, count: int) -> None:
        """Return once the driver has called so many times more."""
        end = self.called + count
        while self.called < end:
            await self._wakeup.wait()


@asynccontextmanager
async def opened(kind: Kind) -> AsyncGenerator[Opened, None]:
    opened = Opened(kind)
    with anyio.fail_after(20):
        async with opened.stream, anyio.create_task_group() as tasks:
            tasks.start_soon(opened.stream.watch)
            yield opened
            tasks.cancel_scope.cancel()


def block(frames: int) -> NDArray[np.float32]:
    return np.full((frames, 1), MARK, np.float32)


@pytest.mark.parametrize(
    ("age", "expected"),
    [
        (0.03, 0.03),  # the first sample's, as it should be
        (0.0, 0.01),  # the last sample's
        (0.001, 0.011),
    ],
)
async def test_when_a_block_was_captured(age: float, expected: float) -> None:
    times = SimpleNamespace(currentTime=50.0, inputBufferAdcTime=50.0 - age)
    async with opened("input") as it:
        before = anyio.current_time()
        it.stream._record(block(160), 160, times, FINE)
        after = anyio.current_time()
    assert before - 0.002 < it.times[0] + expected < after + 0.002


@pytest.mark.parametrize(("said", "expected"), [(0.25, 0.25), (-3.0, 0.1), (1e9, 0.1), (0.0, 0.1)])
async def test_when_a_block_will_be_heard(said: float, expected: float) -> None:
    times = SimpleNamespace(currentTime=50.0, outputBufferDacTime=50.0 + said)
    async with opened("output") as it:
        before = anyio.current_time()
        it.stream._play(block(160), 160, times, FINE)
        after = anyio.current_time()
    # Without a believable time, the latency that the device has reported (we asked for 0.1 s).
    assert before - 0.002 < it.times[0] - expected < after + 0.002


async def test_audio_that_a_driver_has_lost_is_reported_once() -> None:
    times = SimpleNamespace(currentTime=50.0, outputBufferDacTime=50.1)
    trouble = SimpleNamespace(output_underflow=True)
    async with opened("output") as it:
        for _ in range(5):
            it.stream._play(block(160), 160, times, trouble)
        await it.reports.wait_for("speaker.xrun")
    assert it.reports.codes == ["speaker.xrun"]
    assert "5 times" in it.reports.messages[0]


async def test_a_device_that_is_paused_is_not_missed(soundcards: SoundCards) -> None:
    async with opened("output") as it:
        await it.calls(1)
        await it.stream.pause()
        assert not soundcards.speaker.used()
        before = it.called
        await anyio.sleep(1.2)  # longer than one that runs may be silent
        assert it.called == before
        it.stream.resume()
        await it.calls(5)
        assert it.reports.changes == []


async def test_one_that_is_unplugged_meanwhile_is_lost_when_it_is_needed(
    soundcards: SoundCards,
) -> None:
    async with opened("output") as it:
        await it.calls(1)
        await it.stream.pause()
        soundcards.speaker.unplug()
        it.stream.resume()
        await it.reports.wait_for("speaker.lost")
        soundcards.speaker.plug()
        await it.reports.wait_for("speaker.back")
        await it.calls(5)


async def test_one_that_is_lost_already_is_not_paused(soundcards: SoundCards) -> None:
    async with opened("output") as it:
        await it.calls(1)
        soundcards.speaker.unplug()
        await it.reports.wait_for("speaker.lost")
        await it.stream.pause()
        soundcards.speaker.plug()
        await it.reports.wait_for("speaker.back")
        it.stream.resume()
        await it.calls(5)
        assert it.reports.changes == ["speaker.lost", "speaker.back"]
