from collections.abc import Callable
from typing import Any

import anyio
import anyio.lowlevel
import numpy as np
import pytest
import soxr
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray
from trio.testing import MockClock

from agent.audio.playback import Playback

pytestmark = pytest.mark.anyio

RATE = 48000
MS = RATE // 1000
FADE = 5 * MS
STEP = 0.07  # a 440 Hz tone and every fade stay below this from sample to sample

virtual = pytest.mark.parametrize(
    "anyio_backend", [("trio", {"clock": MockClock(autojump_threshold=0)})]
)


def tone(seconds: float, rate: int = RATE) -> NDArray[np.float32]:
    """A tone that begins and, mostly, ends far from zero."""
    phase = 2 * np.pi * 440 * np.arange(int(seconds * rate)) / rate
    return (0.8 * np.cos(phase)).astype(np.float32)


class Device:
    """Renders blocks on demand and keeps them; its sample k is heard at k / rate seconds."""

    def __init__(self, playback: Playback, seed: int = 0) -> None:
        self.playback = playback
        self.out = np.zeros(0, np.float32)
        self._sizes = np.random.default_rng(seed)

    def play(self, samples: int, block: int | None = None) -> NDArray[np.float32]:
        """The next `samples` in blocks of `block` samples, or of random sizes."""
        start = len(self.out)
        while len(self.out) < start + samples:
            size = block or int(self._sizes.integers(1, 20 * MS))
            out = np.full(min(size, start + samples - len(self.out)), np.nan, np.float32)
            self.playback.render(out, len(self.out) / self.playback.sample_rate)
            self.out = np.append(self.out, out)
        return self.out[start:]


def steps(out: NDArray[np.float32]) -> float:
    """The largest change between neighbouring samples."""
    return float(np.abs(np.diff(out, prepend=0)).max())


async def test_silence_while_idle() -> None:
    playback = Playback(RATE)
    playback.open(RATE)
    assert not Device(playback).play(RATE).any()
    assert playback.underruns == 0


async def test_a_track_waits_for_the_prebuffer() -> None:
    playback = Playback(RATE, prebuffer=0.08)
    device = Device(playback)
    track = playback.open(RATE)
    pcm = tone(0.5)
    await track.write(pcm[: 79 * MS])
    assert not device.play(100 * MS).any()
    assert track.played == 0
    await track.write(pcm[79 * MS :])
    out = device.play(400 * MS)
    np.testing.assert_array_equal(out[2 * MS :], pcm[2 * MS : 400 * MS])
    assert track.played == 400 * MS
    assert steps(device.out) < STEP
    assert await track.started() == 0.1


@given(block=st.integers(1, 3000), gap=st.integers(0, 300 * MS))
@settings(max_examples=30, deadline=None)
def test_an_underrun_fades_counts_and_rebuffers(block: int, gap: int) -> None:
    async def run() -> None:
        playback = Playback(RATE, prebuffer=0.08)
        device = Device(playback)
        track = playback.open(RATE)
        pcm = tone(0.4)
        await track.write(pcm[: 100 * MS + 5])
        dry = device.play(100 * MS + FADE + 5 + gap, block)
        assert not dry[100 * MS + FADE + 5 :].any()
        await track.write(pcm[100 * MS + 5 : 150 * MS])  # not enough to go on
        assert not device.play(10 * MS, block).any()
        assert playback.underruns == 0
        await track.write(pcm[150 * MS :])
        again = device.play(200 * MS, block)
        np.testing.assert_array_equal(again[2 * MS :], pcm[102 * MS + 5 : 300 * MS + 5])
        assert playback.underruns == 1
        assert track.played == 300 * MS + 5
        assert steps(device.out) < STEP

    anyio.run(run, backend="trio")


async def test_the_end_of_a_reply_is_no_underrun() -> None:
    playback = Playback(RATE)
    device = Device(playback)
    track = playback.open(RATE)
    await track.write(tone(0.1))
    device.play(200 * MS)
    await track.drain()
    device.play(200 * MS)
    assert playback.underruns == 0
    assert steps(device.out) < STEP


@given(
    rate=st.sampled_from([16000, 22050, 24000, 44100, 48000]),
    device_rate=st.sampled_from([16000, 44100, 48000]),
    seconds=st.floats(0, 0.9),
    seed=st.integers(0, 99),
)
@settings(max_examples=60, deadline=None)
def test_stop_is_exact_and_final(rate: int, device_rate: int, seconds: float, seed: int) -> None:
    async def run() -> None:
        playback = Playback(device_rate)
        device = Device(playback, seed)
        track = playback.open(rate)
        slope = (np.arange(rate) / rate).astype(np.float32)  # each sample says where it is
        await track.write(slope)
        before = int(seconds * device_rate)
        device.play(before)
        track.stop()
        played = track.played
        assert played == min(rate, -(-before * rate // device_rate))
        await track.write(slope)
        out = device.play(device_rate)
        fade = device_rate // 200
        last = device.out[before - 1] if before else 0.0
        assert not out[fade:].any()
        assert (np.diff(np.abs(out[:fade]), prepend=abs(last)) <= 0).all()
        assert track.played == played
        if before > device_rate // 10:  # past the fade in and the resampler's edge
            assert last == pytest.approx((played - 1) / rate, abs=1.1 / min(rate, device_rate))

    anyio.run(run, backend="trio")


@given(
    rate=st.sampled_from([16000, 22050, 24000, 44100, 48000]),
    device_rate=st.sampled_from([16000, 44100, 48000]),
    sizes=st.lists(st.integers(0, 3000), max_size=8),
    seed=st.integers(0, 99),
)
@settings(max_examples=60, deadline=None)
def test_played_never_exceeds_what_was_written_and_ends_there(
    rate: int, device_rate: int, sizes: list[int], seed: int
) -> None:
    async def run() -> None:
        playback = Playback(device_rate, prebuffer=0)
        device = Device(playback, seed)
        track = playback.open(rate)
        pcm = np.random.default_rng(seed).uniform(-1, 1, sum(sizes)).astype(np.float32)
        written = 0
        for size in sizes:
            await track.write(pcm[written : written + size])
            written += size
            before = track.played
            device.play(size)
            assert before <= track.played <= written
        async with anyio.create_task_group() as group:
            group.start_soon(track.drain)
            await anyio.wait_all_tasks_blocked()
            device.play(device_rate)
        assert track.played == written
        track.stop()
        assert track.played == written

    anyio.run(run, backend="trio")


async def test_what_is_heard_is_the_resampled_whole() -> None:
    playback = Playback(RATE)
    device = Device(playback)
    track = playback.open(22050)
    pcm = tone(3, 22050)
    written = False

    async def speak() -> None:
        nonlocal written
        for part in np.array_split(pcm, 7):
            await track.write(part)
        written = True
        await track.drain()

    async with anyio.create_task_group() as group:
        group.start_soon(speak)
        await anyio.wait_all_tasks_blocked()
        device.play(50 * MS)
        await settle()
        assert not written  # at most about a second lies ahead
        for _ in range(60):
            device.play(50 * MS)
            for _ in range(10):  # the writer goes on
                await anyio.lowlevel.checkpoint()
    whole = soxr.resample(pcm, 22050, RATE)
    np.testing.assert_allclose(device.out[2 * MS : len(whole)], whole[2 * MS :], atol=1e-6)
    assert playback.underruns == 0


async def test_back_pressure_holds_one_second() -> None:
    playback = Playback(RATE, prebuffer=0.08)
    track = playback.open(RATE)
    async with anyio.create_task_group() as group:
        group.start_soon(track.write, tone(3))
        await settle()
        device = Device(playback)
        out = device.play(3 * RATE, 3 * RATE)  # all at once: nothing can be written meanwhile
        assert np.flatnonzero(out)[-1] < (1.08 + 0.005) * RATE
        assert np.flatnonzero(out)[-1] >= 1.0 * RATE
        track.stop()


async def settle() -> None:
    """Let what was posted to the loop arrive, and what it woke run."""
    await anyio.lowlevel.checkpoint()
    await anyio.wait_all_tasks_blocked()


@pytest.mark.parametrize("prepare", ["write", "drain", "started"])
async def test_stop_lets_go_of_whoever_waits(prepare: str) -> None:
    track = Playback(RATE).open(RATE)
    wait: dict[str, Callable[[], Any]] = {
        "write": lambda: track.write(tone(3)),
        "drain": track.drain,
        "started": track.started,
    }
    if prepare == "drain":
        await track.write(tone(0.5))
    with anyio.fail_after(5):
        async with anyio.create_task_group() as group:
            group.start_soon(wait[prepare])
            await settle()
            track.stop()
            track.stop()
    assert await track.started() is None
    await track.drain()
    assert track.played == 0


async def test_an_empty_track_drains_without_a_device() -> None:
    track = Playback(RATE).open(16000)
    with anyio.fail_after(5):
        await track.write([])
        await track.drain()
        assert await track.started() is None
    assert track.played == 0


async def test_a_new_track_lets_the_old_one_fade() -> None:
    playback = Playback(RATE)
    device = Device(playback)
    old = playback.open(RATE)
    await old.write(np.full(RATE // 2, 0.8, np.float32))
    device.play(100 * MS)
    new = playback.open(RATE)
    await new.write(np.full(RATE // 2, -0.8, np.float32))
    await old.write(tone(0.1))
    out = device.play(300 * MS, 10 * MS)
    assert (out[: FADE - 1] > 0).all()
    assert (out[FADE + 1 :] < 0).all()
    assert steps(device.out) < STEP
    assert old.played == 100 * MS
    assert new.played == 300 * MS - FADE
    assert await new.started() == pytest.approx((100 * MS + FADE) / RATE)


async def test_a_stop_caught_in_the_act_is_silence() -> None:
    playback = Playback(RATE)
    device = Device(playback)
    old = playback.open(RATE)
    await old.write(np.full(RATE // 2, 0.8, np.float32))
    device.play(100 * MS)
    new = playback.open(RATE)
    await new.write(np.full(RATE // 2, 0.8, np.float32))
    with new._handing:  # another thread is inside stop()
        out = device.play(10 * MS, 10 * MS)
    assert not out[FADE:].any()
    assert new.played == 0


@virtual
async def test_times_are_those_of_the_speaker() -> None:
    playback = Playback(RATE, prebuffer=0.08)
    latency = 0.03
    began = anyio.current_time()

    async def drive() -> None:
        out = np.empty(10 * MS, np.float32)
        for block in range(1000):
            when = began + 0.01 * block
            await anyio.sleep_until(when)
            playback.render(out, when + latency)

    async def time_of(wait: Callable[[], Any], times: list[float]) -> None:
        await wait()
        times.append(anyio.current_time() - began)

    drained: list[float] = []
    async with anyio.create_task_group() as group:
        group.start_soon(drive)
        track = playback.open(24000)
        await anyio.sleep_until(began + 0.205)
        await track.write(tone(0.05, 24000))  # less than the prebuffer
        await anyio.sleep_until(began + 0.505)
        async with anyio.create_task_group() as waiting:
            waiting.start_soon(time_of, track.drain, drained)
            started = await track.started()
        assert started == pytest.approx(began + 0.51 + latency)
        assert drained == [pytest.approx(0.51 + latency + 0.05)]

        second = playback.open(RATE)
        await second.write(tone(0.2))
        await second.started()
        async with anyio.create_task_group() as waiting:
            waiting.start_soon(second.drain)
            await anyio.sleep(0.105)
            second.stop()
            stopped = anyio.current_time()
        assert anyio.current_time() == stopped
        assert second.played == 11 * 10 * MS
        group.cancel_scope.cancel()


async def test_a_monitor_gives_what_was_rendered() -> None:
    playback = Playback(RATE)
    device = Device(playback)
    device.play(100)  # not tapped
    monitor = playback.monitor()
    track = playback.open(RATE)
    device.play(30 * MS)
    await track.write(tone(0.2))
    device.play(500 * MS)
    monitor.close()
    device.play(100)  # no more
    heard = [audio async for audio in monitor]
    times = np.cumsum([100, *(len(audio.pcm) for audio in heard)]) / RATE
    assert [audio.time for audio in heard] == pytest.approx(times[:-1])
    assert {audio.sample_rate for audio in heard} == {RATE}
    pcm = np.concatenate([audio.pcm for audio in heard])
    np.testing.assert_array_equal(pcm, device.out[100:-100])


async def test_a_monitor_hears_while_it_waits_and_ends_when_closed() -> None:
    playback = Playback(RATE)
    monitor = playback.monitor()
    heard = []

    async def listen() -> None:
        heard.extend([audio async for audio in monitor])

    with anyio.fail_after(5):
        async with anyio.create_task_group() as group:
            group.start_soon(listen)
            await settle()
            Device(playback).play(480, 480)
            await settle()
            monitor.close()
    assert len(heard) == 1


async def test_a_monitor_that_nobody_reads_is_bounded_and_its_times_say_so() -> None:
    playback = Playback(RATE)
    monitor = playback.monitor()
    Device(playback).play(10 * RATE, RATE)
    monitor.close()
    assert [audio.time async for audio in monitor] == [0, 1, 2, 3]
