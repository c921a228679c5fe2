"""A quiet microphone wakes the program ten times a second, a loud one at once."""

from collections.abc import AsyncGenerator, Callable
from contextlib import asynccontextmanager
from typing import Any, ClassVar, Self

import anyio
import numpy as np
import pytest
from anyio.streams.memory import MemoryObjectReceiveStream
from numpy.typing import NDArray

from agent.audio import microphone
from agent.audio.microphone import DeviceMicrophone
from agent.config.sections import MicrophoneSettings
from agent.events import MICROPHONE_RATE, Audio
from agent.graph import Graph
from tests.soundcards import Reports

pytestmark = pytest.mark.anyio

BLOCK = MICROPHONE_RATE // 100


@pytest.fixture
def anyio_backend() -> str:
    """On asyncio, waiting until all tasks are blocked takes real time."""
    return "trio"


class Driver:
    """A sound card that calls back when the test says so, in no time."""

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
        self._time = 100.0
        Driver.opened = self

    async def __aenter__(self) -> Self:
        self._prepare(MICROPHONE_RATE)
        return self

    async def __aexit__(self, *_: object) -> None:
        """Nothing is open."""

    async def watch(self) -> None:
        await anyio.sleep_forever()

    async def capture(self, pcm: NDArray[np.float32]) -> None:
        """Call back with blocks of 10 ms, and let the program do what it will after each."""
        for start in range(0, len(pcm), BLOCK):
            self._callback(pcm[start : start + BLOCK, np.newaxis], self._time)
            self._time += BLOCK / MICROPHONE_RATE
            await anyio.wait_all_tasks_blocked()


@asynccontextmanager
async def listening(
    monkeypatch: pytest.MonkeyPatch,
) -> AsyncGenerator[tuple[Driver, MemoryObjectReceiveStream[Audio]], None]:
    monkeypatch.setattr(microphone, "DeviceStream", Driver)
    stage = DeviceMicrophone(MicrophoneSettings(), Reports())
    async with Graph(stage).open(buffer=1000) as (_, blocks):
        await anyio.wait_all_tasks_blocked()
        yield Driver.opened, blocks


def taken(blocks: MemoryObjectReceiveStream[Audio]) -> list[Audio]:
    return [blocks.receive_nowait() for _ in range(blocks.statistics().current_buffer_used)]


def noise(level: float, seconds: float) -> NDArray[np.float32]:
    samples = round(seconds * MICROPHONE_RATE)
    random = np.random.default_rng(1)
    return random.normal(0, 10 ** (level / 20), samples).astype(np.float32)


async def test_it_wakes_the_program_ten_times_a_second(monkeypatch: pytest.MonkeyPatch) -> None:
    async with listening(monkeypatch) as (driver, blocks):
        await driver.capture(noise(-62, 5))
        taken(blocks)
        await driver.capture(noise(-62, 10))
        assert len(taken(blocks)) == pytest.approx(100, abs=1)


async def test_what_is_loud_comes_at_once_and_all_of_it(monkeypatch: pytest.MonkeyPatch) -> None:
    quiet, loud = noise(-62, 6.05), noise(-40, 1)
    async with listening(monkeypatch) as (driver, blocks):
        await driver.capture(quiet)
        heard = taken(blocks)
        came = []
        for start in range(0, len(loud), BLOCK):
            await driver.capture(loud[start : start + BLOCK])
            came.append(taken(blocks))
        heard += [block for each in came for block in each]
        # Within a window of the gate, and from then on each block as it comes.
        first = next(n for n, each in enumerate(came) if each)
        assert first <= 3
        assert all(len(each) == 1 for each in came[first:])
    pcm = np.concatenate([block.pcm for block in heard])
    assert np.array_equal(pcm, np.concatenate((quiet, loud))[: len(pcm)])
    assert len(pcm) == len(quiet) + len(loud)
    assert [block.time for block in heard] == pytest.approx(
        100 + np.cumsum([0, *(len(block.pcm) for block in heard[:-1])]) / MICROPHONE_RATE
    )


async def test_a_pause_in_a_turn_is_no_quiet(monkeypatch: pytest.MonkeyPatch) -> None:
    async with listening(monkeypatch) as (driver, blocks):
        await driver.capture(noise(-62, 6))
        await driver.capture(noise(-40, 0.5))
        taken(blocks)
        await driver.capture(noise(-62, 3))
        assert len(taken(blocks)) == 300


async def test_samples_that_are_not_finite_come_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    async with listening(monkeypatch) as (driver, blocks):
        await driver.capture(noise(-62, 6))
        taken(blocks)
        await driver.capture(np.full(4 * BLOCK, np.nan, np.float32))
        assert taken(blocks)
