"""The time of samples, whatever the driver's time stamps do."""

import pytest

from agent.audio.clock import SampleClock

RATE = 16000
BLOCK = 160


def stamp(clock: SampleClock, blocks: range, origin: float, late: float = 0.0) -> None:
    for block in blocks:
        position = block * BLOCK
        clock.stamp(position, origin + position / RATE + late)


def test_counts_samples() -> None:
    clock = SampleClock(RATE)
    stamp(clock, range(10), origin=5.0)
    assert clock.time(0) == pytest.approx(5.0)
    assert clock.time(8000) == pytest.approx(5.5)


def test_stamps_that_come_late_in_a_burst_change_nothing() -> None:
    clock = SampleClock(RATE)
    stamp(clock, range(100), origin=5.0)
    for block in range(100, 130):  # all at the time of the last one
        clock.stamp(block * BLOCK, 5.0 + 1.3)
        assert clock.time(0) == pytest.approx(5.0)


def test_a_first_stamp_that_is_late_is_corrected_at_once() -> None:
    clock = SampleClock(RATE)
    stamp(clock, range(1), origin=5.0, late=0.05)
    assert clock.time(0) == pytest.approx(5.05)
    stamp(clock, range(1, 2), origin=5.0)
    assert clock.time(0) == pytest.approx(5.0)


def test_a_gap_is_believed_within_a_second() -> None:
    clock = SampleClock(RATE)
    stamp(clock, range(100), origin=5.0)
    stamp(clock, range(100, 200), origin=5.3)
    assert clock.time(0) == pytest.approx(5.3)


@pytest.mark.parametrize("drift", [200e-6, -200e-6])
def test_follows_a_card_that_runs_slow_or_fast(drift: float) -> None:
    clock = SampleClock(RATE)
    for block in range(6000):  # a minute
        clock.stamp(block * BLOCK, 5.0 + block * BLOCK / RATE * (1 + drift))
    assert clock.time(6000 * BLOCK) == pytest.approx(5.0 + 60 * (1 + drift), abs=3e-4)
