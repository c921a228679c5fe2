import math
import re
import sys
from collections.abc import AsyncGenerator, Sequence
from contextlib import asynccontextmanager

import anyio
import numpy as np
import pytest
from anyio.streams.memory import MemoryObjectReceiveStream, MemoryObjectSendStream
from numpy.typing import NDArray
from trio.testing import MockClock

from agent.audio.echo.canceller import DELAY
from agent.audio.echo.stage import GUARD, START_BARGE_IN, EchoStage
from agent.audio.playback import Playback
from agent.config.sections import EchoMode
from agent.errors import AudioError
from agent.events import MICROPHONE_RATE, Audio, Event
from tts.extras import pip_install

RATE = 24000

pytestmark = pytest.mark.anyio

virtual = pytest.mark.parametrize(
    "anyio_backend", [("trio", {"clock": MockClock(autojump_threshold=0)})]
)


class Bench:
    """An echo stage with its microphone and its speaker in our hands."""

    def __init__(self, mode: EchoMode) -> None:
        self.events: list[Event] = []
        self.playback = Playback(RATE, prebuffer=0.0)
        self.echo = EchoStage(mode, self.playback, self.events.append)

    @property
    def codes(self) -> list[str]:
        return [event.record()["code"] for event in self.events]

    @asynccontextmanager
    async def run(
        self,
    ) -> AsyncGenerator[
        tuple[MemoryObjectSendStream[Audio], MemoryObjectReceiveStream[Audio]], None
    ]:
        outlet, inlet = anyio.create_memory_object_stream[Audio](1000)
        sink, cleaned = anyio.create_memory_object_stream[Audio](1000)

        async def clean() -> None:
            with inlet, sink:
                await self.echo(inlet, sink)

        async with anyio.create_task_group() as tasks:
            tasks.start_soon(clean)
            await anyio.wait_all_tasks_blocked()
            with outlet, cleaned:
                yield outlet, cleaned
            tasks.cancel_scope.cancel()

    async def play(self, seconds: float, when: float, level: float = 0.3) -> None:
        """Render noise that leaves the speaker from `when` on."""
        size = round(0.01 * RATE)
        noise = np.random.default_rng(0).standard_normal((round(100 * seconds), size))
        track = self.playback.open(RATE)
        for number, block in enumerate(level * noise.astype(np.float32)):
            await track.write(block)
            self.playback.render(np.empty(size, np.float32), when + number * 0.01)
        await self.settle()

    def silence(self, seconds: float, when: float) -> None:
        """Render nothing."""
        size = round(0.01 * RATE)
        for number in range(round(100 * seconds)):
            self.playback.render(np.empty(size, np.float32), when + number * 0.01)

    async def settle(self) -> None:
        await anyio.wait_all_tasks_blocked()


def microphone(seconds: float, when: float, size: int = 320) -> list[Audio]:
    """Blocks of noise."""
    count = round(seconds * MICROPHONE_RATE)
    pcm = 0.1 * np.random.default_rng(1).standard_normal(count).astype(np.float32)
    return [
        Audio(pcm[start : start + size], MICROPHONE_RATE, when + start / MICROPHONE_RATE)
        for start in range(0, count, size)
    ]


def joined(blocks: Sequence[Audio]) -> NDArray[np.float32]:
    return np.concatenate([block.pcm for block in blocks])


async def drain(cleaned: MemoryObjectReceiveStream[Audio]) -> list[Audio]:
    await anyio.wait_all_tasks_blocked()
    blocks = []
    while cleaned.statistics().current_buffer_used:
        blocks.append(await cleaned.receive())
    return blocks


async def test_off_touches_nothing() -> None:
    bench = Bench("off")
    async with bench.run() as (outlet, cleaned):
        sent = microphone(0.3, 10.0, 137)
        for block in sent:
            await outlet.send(block)
        assert await drain(cleaned) == sent
    assert bench.echo.threshold(10.1, 0.5) == 0.5


@pytest.mark.parametrize("mode", ["cancel", "half_duplex", "auto"])
@pytest.mark.parametrize("size", [137, 160, 320, 1000])
async def test_while_the_agent_is_silent_the_microphone_passes(mode: EchoMode, size: int) -> None:
    bench = Bench(mode)
    async with bench.run() as (outlet, cleaned):
        bench.silence(2.0, 9.5)
        await bench.settle()
        sent = microphone(1.0, 10.0, size)
        for block in sent:
            await outlet.send(block)
        blocks = await drain(cleaned)
    assert bench.events == []
    end = 10.0 - DELAY / MICROPHONE_RATE
    for block in blocks:  # one after the other, every sample at its time
        assert block.time == pytest.approx(end)
        end += block.duration
    pcm, original = joined(blocks), joined(sent)
    assert len(pcm) > len(original) - 160
    np.testing.assert_allclose(pcm[DELAY:], original[: len(pcm) - DELAY], atol=1e-6)


async def test_blocks_without_a_time_and_at_another_rate() -> None:
    bench = Bench("cancel")
    async with bench.run() as (outlet, cleaned):
        for _ in range(50):
            await outlet.send(Audio(np.zeros(480, np.float32), 48000))
        blocks = await drain(cleaned)
    assert {block.sample_rate for block in blocks} == {MICROPHONE_RATE}
    assert sum(len(block.pcm) for block in blocks) == pytest.approx(50 * 160, abs=320)
    assert all(block.time is not None for block in blocks)


async def test_half_duplex_is_deaf_from_the_first_sample_until_the_room_is_still() -> None:
    bench = Bench("half_duplex")
    async with bench.run() as (outlet, cleaned):
        bench.silence(1.0, 9.5)
        await bench.play(0.5, 10.5)
        bench.silence(1.0, 11.0)
        await bench.settle()
        for block in microphone(1.9, 10.0):
            await outlet.send(block)
        blocks = await drain(cleaned)
    pcm = joined(blocks)
    times = 10.0 + (np.arange(len(pcm)) - DELAY) / MICROPHONE_RATE
    deaf = times[np.flatnonzero(pcm == 0)]
    deaf = deaf[deaf > 10.0]
    assert deaf.min() == pytest.approx(10.5 - 0.01, abs=0.015)
    assert deaf.max() == pytest.approx(11.0 + 0.25, abs=0.03)  # and the fade of the playback
    assert np.all(pcm[(times > 10.5) & (times < 11.25)] == 0)
    assert bench.echo.mode == "half_duplex"


async def test_a_speaker_that_is_gone_does_not_hold_the_microphone() -> None:
    """No render for seconds: it is lost, and the microphone goes on in silence, without delay."""
    bench = Bench("cancel")
    async with bench.run() as (outlet, cleaned):
        bench.silence(0.5, 9.5)
        await bench.settle()
        sent = microphone(3.0, 10.0)
        for part in (sent[:50], sent[50:100], sent[100:]):
            for block in part:
                await outlet.send(block)
            assert len(joined(await drain(cleaned))) == len(joined(part))
        bench.silence(1.0, 13.1)  # it is back
        await bench.settle()
        for block in microphone(0.5, 13.0):
            await outlet.send(block)
        assert len(joined(await drain(cleaned))) == 8000


async def test_a_gap_in_the_microphone_stays_a_gap() -> None:
    bench = Bench("cancel")
    async with bench.run() as (outlet, cleaned):
        bench.silence(10.0, 9.0)
        await bench.settle()
        for block in [*microphone(0.5, 10.0), *microphone(0.5, 14.0)]:
            await outlet.send(block)
        blocks = await drain(cleaned)
    times = [block.time for block in blocks if block.time is not None]
    jumps = np.diff(times) - [block.duration for block in blocks[:-1]]
    assert np.flatnonzero(jumps > 1e-6).size == 1
    assert jumps.max() == pytest.approx(3.5, abs=0.02)


async def test_the_threshold_rises_and_the_beginning_is_guarded_while_it_cancels() -> None:
    bench = Bench("cancel")
    async with bench.run():
        bench.silence(1.0, 9.0)
        await bench.play(1.0, 10.0)
    echo = bench.echo
    assert echo.threshold(9.9, 0.5) == echo.threshold(11.5, 0.5) == 0.5
    assert echo.threshold(10.01, 0.5) == echo.threshold(10 + GUARD - 0.01, 0.5) == math.inf
    assert echo.threshold(10 + GUARD + 0.01, 0.5) == echo.threshold(11.1, 0.5) == START_BARGE_IN
    assert echo.threshold(10.5, 0.8) == 0.8
    assert echo.activity.started(10.7) == pytest.approx(10.0)


async def test_without_the_extra(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "pywebrtc_audio", None)
    bench = Bench("auto")
    assert bench.echo.mode == "half_duplex"
    assert bench.codes == ["echo.half_duplex"]
    install = pip_install("parley-voice[echo]")
    assert install in bench.events[0].record()["message"]
    with pytest.raises(AudioError, match=re.escape(install)):
        Bench("cancel")
    assert Bench("half_duplex").events == []
    assert Bench("off").events == []


@virtual
async def test_two_interruptions_without_words_end_the_cancelling() -> None:
    bench = Bench("cancel")
    bench.echo.self_interrupted()
    assert bench.codes == []
    await anyio.sleep(30)
    bench.echo.self_interrupted()
    assert bench.echo.mode == "half_duplex"
    assert bench.codes == ["echo.half_duplex"]
    bench.echo.self_interrupted()
    assert len(bench.events) == 1


@virtual
async def test_one_now_and_then_does_not() -> None:
    bench = Bench("cancel")
    for _ in range(5):
        bench.echo.self_interrupted()
        await anyio.sleep(600)
    assert bench.echo.mode == "cancel"


async def test_nobody_listens_any_more() -> None:
    bench = Bench("cancel")
    outlet, inlet = anyio.create_memory_object_stream[Audio](10)
    sink, cleaned = anyio.create_memory_object_stream[Audio](0)
    cleaned.close()
    await outlet.send(Audio(np.zeros(320, np.float32), MICROPHONE_RATE))
    with outlet, inlet, sink, pytest.RaisesGroup(anyio.BrokenResourceError):
        await bench.echo(inlet, sink)
    assert bench.playback._monitors == ()
