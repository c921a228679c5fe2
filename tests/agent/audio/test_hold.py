"""Replies that wait, that pause and that go on: held tracks, hold, release."""

import sys
from collections.abc import Iterator
from dataclasses import dataclass

import anyio
import anyio.lowlevel
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray
from trio.testing import MockClock

from agent.audio.gain import slope
from agent.audio.playback import Playback
from tests.agent.audio.test_playback import FADE, MS, RATE, STEP, Device, settle, steps, tone
from tests.agent.audio.test_playback_thread import CallbackThread

pytestmark = pytest.mark.anyio

virtual = pytest.mark.parametrize(
    "anyio_backend", [("trio", {"clock": MockClock(autojump_threshold=0)})]
)

SLOW = 1000
"""A sample rate at which a fade is five samples, so that all cases are tried in a few."""


@dataclass
class Model:
    """What must be heard of one track, sample by sample, whatever the blocks are."""

    pcm: NDArray[np.float32]
    position: int = 0
    held: bool = True
    sounding: bool = False
    last: float = 0.0
    risen: int = 0
    fallen: int = 5

    def __post_init__(self) -> None:
        self.rise, self.fall = slope(0.002, SLOW), slope(0.005, SLOW)[::-1]

    def hold(self) -> None:
        self.held = True
        if self.sounding:
            self.sounding, self.fallen = False, 0

    def next(self) -> np.float32:
        if self.sounding and self.position == len(self.pcm):
            self.sounding, self.fallen = False, 0
        if self.fallen < len(self.fall):
            self.fallen += 1
            return np.float32(self.fall[self.fallen - 1] * self.last)
        if not self.sounding:
            if self.held or self.position == len(self.pcm):
                return np.float32(0)
            self.sounding, self.risen = True, 0
        gain = self.rise[self.risen] if self.risen < len(self.rise) else np.float32(1)
        sample = np.float32(self.pcm[self.position] * gain)
        self.last = float(sample)
        self.position += 1
        self.risen += 1
        return sample


def play(playback: Playback, samples: int, block: int) -> list[np.float32]:
    out = np.full(samples, np.nan, np.float32)
    for start in range(0, samples, block):
        playback.render(out[start : start + block], 0.0)
    return list(out)


acts = st.one_of(
    st.tuples(st.just("play"), st.integers(1, 60)),
    st.tuples(st.just("hold"), st.just(0)),
    st.tuples(st.just("release"), st.integers(0, 100)),
)


@given(acts=st.lists(acts, max_size=30), block=st.integers(1, 40), length=st.integers(0, 400))
@settings(max_examples=200, deadline=None)
def test_every_sample_is_heard_once_but_for_what_is_taken_back(
    acts: list[tuple[str, int]], block: int, length: int
) -> None:
    async def run() -> None:
        pcm = np.linspace(0.5, 1, length, dtype=np.float32)
        playback = Playback(SLOW)
        track = playback.open(SLOW, held=True)
        model = Model(pcm)
        furthest = 0
        async with anyio.create_task_group() as tasks:
            await track.write(pcm)
            tasks.start_soon(track.drain)
            await anyio.wait_all_tasks_blocked()
            for act, number in acts:
                if act == "play":
                    heard = play(playback, number, block)
                    assert heard == [model.next() for _ in range(number)]
                elif act == "hold":
                    track.hold()
                    model.hold()
                else:
                    if model.held:
                        model.position = max(0, model.position - number)
                    model.held = False
                    track.release(number)
                furthest = max(furthest, model.position)
                assert (track.played, track.furthest) == (model.position, furthest)
                assert track.held == model.held
            track.stop()
        assert (track.played, track.furthest) == (model.position, furthest)
        assert playback.underruns == 0

    anyio.run(run, backend="trio")


@given(
    rate=st.sampled_from([16000, 22050, 24000, 48000]),
    device_rate=st.sampled_from([16000, 44100, 48000]),
    seconds=st.floats(0.1, 0.8),
    rewind=st.integers(0, 60000),
    seed=st.integers(0, 99),
)
@settings(max_examples=60, deadline=None)
def test_the_place_is_exact_at_any_two_rates(
    rate: int, device_rate: int, seconds: float, rewind: int, seed: int
) -> None:
    async def run() -> None:
        playback = Playback(device_rate)
        device = Device(playback, seed)
        track = playback.open(rate)
        await track.write((np.arange(rate) / rate).astype(np.float32))  # each says where it is
        device.play(int(seconds * device_rate))
        track.hold()
        held = track.played
        assert held == -(-int(seconds * device_rate) * rate // device_rate)
        device.play(device_rate // 10)
        assert track.played == track.furthest == held
        track.release(rewind)
        assert track.played == pytest.approx(max(0, held - rewind), abs=1)
        device.play(device_rate // 20)
        sounded = (device.out[-1] - device.out[-2]) > 0  # the ramp goes on
        assert sounded
        if track.played > 0.1 * rate:  # past the resampler's edge
            assert device.out[-1] == pytest.approx((track.played - 1) / rate, abs=1.1 / 16000)

    anyio.run(run, backend="trio")


@pytest.mark.long
async def test_what_is_kept_is_three_seconds() -> None:
    playback = Playback(RATE)
    device = Device(playback)
    track = playback.open(RATE)
    async with anyio.create_task_group() as tasks:
        tasks.start_soon(track.write, np.tile(tone(1), 6))
        for _ in range(100):
            device.play(50 * MS)
            await settle()
        track.hold()
        held = track.played
        assert held > 4 * RATE
        track.release(6 * RATE)
        assert track.played == held - 3 * RATE
        assert track.furthest == held
        tasks.cancel_scope.cancel()


async def test_a_held_track_is_prepared_while_another_plays() -> None:
    playback = Playback(RATE)
    device = Device(playback)
    old = playback.open(RATE)
    await old.write(np.full(RATE // 2, 0.8, np.float32))
    device.play(100 * MS)
    new = playback.open(RATE, held=True)
    await new.write(np.full(RATE // 2, -0.8, np.float32))
    assert (device.play(100 * MS, 10 * MS) > 0).all()
    assert (old.played, new.played) == (200 * MS, 0)
    new.release()
    out = device.play(10 * MS, 10 * MS)  # the very next block
    assert (out[FADE + 1 :] < 0).all()
    assert steps(device.out) < STEP
    assert old.played == 200 * MS
    assert new.played == 10 * MS - FADE
    await old.write(tone(0.1))  # stopped: nothing happens


async def test_a_held_track_that_is_stopped_disturbs_nobody() -> None:
    playback = Playback(RATE)
    device = Device(playback)
    old = playback.open(RATE)
    await old.write(np.full(RATE // 2, 0.8, np.float32))
    device.play(100 * MS)
    new = playback.open(RATE, held=True)
    await new.write(tone(0.2))
    new.stop()
    new.release()
    assert (device.play(100 * MS) > 0).all()
    assert new.played == 0
    assert await new.started() is None
    await new.drain()


async def test_a_released_track_still_waits_for_its_prebuffer() -> None:
    playback = Playback(RATE, prebuffer=0.08)
    device = Device(playback)
    track = playback.open(RATE, held=True)
    pcm = tone(0.5)
    await track.write(pcm[: 79 * MS])
    track.release()
    assert not device.play(50 * MS).any()
    await track.write(pcm[79 * MS :])
    assert device.play(10 * MS, 10 * MS)[1:].any()
    assert playback.underruns == 0


async def test_a_hold_between_two_blocks_does_not_click() -> None:
    playback = Playback(RATE)
    device = Device(playback)
    track = playback.open(RATE)
    await track.write(tone(0.8))
    device.play(400 * MS + 17)
    track.hold()
    track.release(7 * MS + 5)  # the driver has not noticed
    device.play(100 * MS)
    assert steps(device.out) < STEP
    assert track.played == 500 * MS + 17 - 7 * MS - 5 - FADE


async def test_a_gap_is_counted_once_and_a_hold_is_none() -> None:
    playback = Playback(RATE)
    device = Device(playback)
    track = playback.open(RATE)
    await track.write(tone(0.2))
    device.play(100 * MS)
    for _ in range(3):
        track.hold()
        device.play(20 * MS)
        track.release()
        device.play(10 * MS)
    assert playback.underruns == 0
    device.play(200 * MS)  # runs dry
    track.hold()
    track.release()
    await track.write(tone(0.2))
    device.play(10 * MS)
    assert playback.underruns == 1


async def test_started_and_drain_wait_for_the_release() -> None:
    playback = Playback(RATE)
    device = Device(playback)
    track = playback.open(RATE, held=True)
    done: list[object] = []

    async def announce() -> None:
        done.append(await track.started())

    async def drain() -> None:
        await track.drain()
        done.append("drained")

    await track.write(tone(0.1))
    with anyio.fail_after(5):
        async with anyio.create_task_group() as tasks:
            tasks.start_soon(announce)
            tasks.start_soon(drain)
            await settle()
            device.play(300 * MS)
            await settle()
            assert done == []
            track.release()
            device.play(10 * MS, 10 * MS)
            await settle()
            assert done == [0.3]
            device.play(300 * MS)
    assert done == [0.3, "drained"]


async def test_an_empty_track_is_over_once_it_is_released() -> None:
    track = Playback(RATE).open(RATE, held=True)
    done: list[str] = []

    async def wait() -> None:
        assert await track.started() is None
        await track.drain()
        done.append("done")

    with anyio.fail_after(5):
        async with anyio.create_task_group() as tasks:
            tasks.start_soon(track.drain)
            tasks.start_soon(wait)
            await settle()
            assert not done
            track.release()
    assert done


@virtual
async def test_held_while_its_last_samples_leave_it_is_not_drained() -> None:
    """All has been handed over, but the end is still on its way when it is taken back."""
    playback = Playback(RATE)
    track = playback.open(RATE)
    await track.write(tone(0.1))
    out = np.empty(RATE // 5, np.float32)
    drained = anyio.Event()

    async def drain() -> None:
        await track.drain()
        drained.set()

    async with anyio.create_task_group() as tasks:
        tasks.start_soon(drain)
        await anyio.wait_all_tasks_blocked()
        playback.render(out, anyio.current_time() + 0.5)
        await anyio.sleep(0.2)
        track.hold()
        await anyio.sleep(10)
        assert not drained.is_set()
        track.release(RATE // 20)
        playback.render(out, anyio.current_time() + 0.5)
        released = anyio.current_time()
        await drained.wait()
        assert anyio.current_time() == pytest.approx(released + 0.5 + 0.05)
    assert track.played == len(tone(0.1))


@pytest.fixture
def eager_threads() -> Iterator[None]:
    interval = sys.getswitchinterval()
    sys.setswitchinterval(1e-5)
    yield
    sys.setswitchinterval(interval)


@pytest.mark.usefixtures("eager_threads")
async def test_nothing_is_lost_against_a_thread() -> None:
    ramp = (np.arange(RATE) / RATE).astype(np.float32)
    for turn in range(10):
        playback = Playback(RATE, prebuffer=0.001)
        track = playback.open(RATE, held=True)
        await track.write(ramp)
        driver = CallbackThread(playback)
        random = np.random.default_rng(turn)
        while track.played < RATE // 2:
            track.release(200)  # more than a fade in, which disturbs the ramp
            for _ in range(random.integers(1, 20)):
                await anyio.lowlevel.checkpoint()
            track.hold()
            held = track.played
            await anyio.lowlevel.checkpoint()
            assert track.played == held
        track.stop()
        furthest = track.furthest
        heard = set(np.rint(driver.join().astype(np.float64) * RATE).astype(int).tolist())
        assert set(range(100, furthest)) <= heard
        assert max(heard) == furthest - 1
