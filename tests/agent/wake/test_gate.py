"""The wake gate: asleep nothing passes, and of what follows the wake word not a sample is lost."""

import threading
from collections.abc import Sequence

import anyio
import anyio.from_thread
import anyio.lowlevel
import numpy as np
import pytest
from numpy.typing import NDArray

from agent.events import Audio, ErrorEvent, Event, WakeHeard
from agent.wake import gate as gate_module
from agent.wake.engine import WakeWord
from agent.wake.gate import FAILURES, PRE_ROLL, WakeGate

pytestmark = pytest.mark.anyio

RATE = 16000
MARKER = 0.9
"""A sample that the engine takes for the wake word's last."""


class MarkedEngine:
    """Hears the wake word end at a sample of `MARKER`, some samples later."""

    def __init__(self, failures: int = 0) -> None:
        self.heard = np.zeros(0, np.float32)
        self.resets = 0
        self.failures = failures

    def load(self) -> None:
        """Nothing to load."""

    def hear(self, pcm: NDArray[np.float32]) -> WakeWord | None:
        if self.failures:
            self.failures -= 1
            raise RuntimeError("broken")
        self.heard = np.concatenate((self.heard, pcm))
        found = np.flatnonzero(self.heard == np.float32(MARKER))
        if not len(found) or len(self.heard) - found[0] < RATE // 5:
            return None
        ago = len(self.heard) - int(found[0]) - 1
        self.heard = self.heard[:0]
        return WakeWord("hey parley", ago)

    def reset(self) -> None:
        self.resets += 1
        self.heard = self.heard[:0]


def speech(seconds: float) -> NDArray[np.float32]:
    """Something loud, of which each sample is another."""
    samples = round(seconds * RATE)
    return np.linspace(0.1, 0.5, samples, dtype=np.float32) * np.where(
        np.arange(samples) % 2, 1, -1
    ).astype(np.float32)


async def passed(
    gate: WakeGate, pcm: NDArray[np.float32], *, start: float = 10.0, rate: int = RATE
) -> Sequence[Audio]:
    """What passes of samples that come in blocks of 10 ms, the engine keeping up."""
    out: list[Audio] = []
    size = rate // 100
    for place in range(0, len(pcm), size):
        out += gate.pass_on(Audio(pcm[place : place + size], rate, start + place / rate))
        for _ in range(3):
            await anyio.wait_all_tasks_blocked()
            await anyio.sleep(0.0005 if place % (8 * size) == 0 else 0)
    return out


async def test_asleep_nothing_passes_and_silence_does_not_reach_the_engine() -> None:
    engine, told = MarkedEngine(), list[Event]()
    gate = WakeGate(engine, told.append)
    async with anyio.create_task_group() as tasks:
        tasks.start_soon(gate.run)
        assert await passed(gate, np.zeros(3 * RATE, np.float32)) == []
        silence = len(engine.heard)
        assert await passed(gate, speech(1)) == []
        tasks.cancel_scope.cancel()
    assert silence <= 1.1 * RATE
    assert len(engine.heard) > silence + 0.8 * RATE
    assert told == []
    assert gate.asleep


async def test_what_follows_the_wake_word_passes_whole_with_its_times() -> None:
    engine, told, woken = MarkedEngine(), list[Event](), list[bool]()
    gate = WakeGate(engine, told.append, lambda: woken.append(True))
    pcm = np.concatenate((np.zeros(RATE, np.float32), speech(2)))
    end = round(1.7 * RATE)
    pcm[end] = MARKER
    async with anyio.create_task_group() as tasks:
        tasks.start_soon(gate.run)
        heard = await passed(gate, pcm)
        tasks.cancel_scope.cancel()
    assert told == [WakeHeard("hey parley")]
    assert woken == [True]
    assert not gate.asleep
    assert np.array_equal(np.concatenate([block.pcm for block in heard]), pcm[end + 1 :])
    assert heard[0].time == pytest.approx(10 + (end + 1) / RATE)
    ends = [block.time + block.duration for block in heard if block.time is not None]
    assert [block.time for block in heard[1:]] == pytest.approx(ends[:-1])


async def test_it_sleeps_again_and_hears_anew() -> None:
    engine, told = MarkedEngine(), list[Event]()
    gate = WakeGate(engine, told.append)
    pcm = speech(1)
    pcm[RATE // 2] = MARKER
    async with anyio.create_task_group() as tasks:
        tasks.start_soon(gate.run)
        assert await passed(gate, pcm)
        gate.sleep()
        assert await passed(gate, speech(0.5), start=20) == []
        assert await passed(gate, pcm, start=30)
        tasks.cancel_scope.cancel()
    assert [type(event) for event in told] == [WakeHeard, WakeHeard]
    assert engine.resets == 2


async def test_a_microphone_of_another_rate_is_heard() -> None:
    engine, told = MarkedEngine(), list[Event]()
    gate = WakeGate(engine, told.append)
    async with anyio.create_task_group() as tasks:
        tasks.start_soon(gate.run)
        assert await passed(gate, speech(3), rate=48000) == []
        tasks.cancel_scope.cancel()
    assert len(engine.heard) > 0.8 * RATE


async def test_an_engine_that_fails_is_told_and_at_last_the_agent_listens_to_all() -> None:
    engine, told, woken = MarkedEngine(failures=FAILURES), list[Event](), list[bool]()
    gate = WakeGate(engine, told.append, lambda: woken.append(True))
    async with anyio.create_task_group() as tasks:
        tasks.start_soon(gate.run)
        heard = await passed(gate, speech(1))
        tasks.cancel_scope.cancel()
    errors = [event for event in told if isinstance(event, ErrorEvent)]
    assert [error.code for error in errors] == ["wake.failed"] * FAILURES
    assert "listens to everything" in errors[-1].message
    assert heard
    assert woken == [True]
    gate.sleep()
    assert not gate.asleep


async def test_an_engine_that_hangs_is_given_up_and_what_waits_for_it_has_a_limit(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    class Hanging(MarkedEngine):
        def hear(self, pcm: NDArray[np.float32]) -> WakeWord | None:
            called.set()
            go_on.wait(60)
            return super().hear(pcm)

    called, go_on = threading.Event(), threading.Event()
    engine, told, woken = Hanging(), list[Event](), anyio.Event()
    gate = WakeGate(engine, told.append, woken.set)
    with anyio.fail_after(30):
        async with anyio.create_task_group() as tasks:
            monkeypatch.setattr(gate_module, "LIMIT", 0.2)
            tasks.start_soon(gate.run)
            for second in range(5):
                assert gate.pass_on(Audio(speech(1), RATE, 10.0 + second)) == []
            await woken.wait()
            tasks.cancel_scope.cancel()
    (error,) = [event for event in told if isinstance(event, ErrorEvent)]
    assert "longer than 0.2 s" in error.message
    assert gate.pass_on(block := Audio(speech(0.01), RATE, 20.0)) == [block]
    go_on.set()
    assert called.is_set()


async def test_an_engine_that_is_slow_is_given_the_latest() -> None:
    class Asked(MarkedEngine):
        def hear(self, pcm: NDArray[np.float32]) -> WakeWord | None:
            word = super().hear(pcm)
            anyio.from_thread.run_sync(asked.set, token=token)
            return word

    asked, token = anyio.Event(), anyio.lowlevel.current_token()
    engine = Asked()
    gate = WakeGate(engine, list[Event]().append)
    for second in range(60):
        gate.pass_on(Audio(speech(1), RATE, 10.0 + second))
    async with anyio.create_task_group() as tasks:
        tasks.start_soon(gate.run)
        await asked.wait()
        tasks.cancel_scope.cancel()
    assert len(engine.heard) == pytest.approx(PRE_ROLL * RATE, abs=512)


async def test_who_holds_the_turn_wakes_it_and_a_recording_is_of_what_passes() -> None:
    gate, recorded = WakeGate(MarkedEngine(), list[Event]().append), list[Audio]()
    record = gate.unless_asleep(recorded.append)
    block = Audio(speech(0.01), RATE, 1.0)
    record(block)
    assert recorded == []
    mark = Audio(block.pcm[:0], RATE, 1.0, mark="open")
    assert gate.pass_on(mark) == [mark]
    record(block)
    assert recorded == [block]


def test_without_an_engine_everything_passes() -> None:
    gate = WakeGate(None, list[Event]().append)
    intake = gate.after(lambda block: [block])
    block = Audio(speech(0.01), RATE, 1.0)
    gate.sleep()
    assert list(intake(block)) == [block]
