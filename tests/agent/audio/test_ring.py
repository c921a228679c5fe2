import sys
from collections.abc import Iterator
from threading import Thread

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from agent.audio.ring import Ring

steps = st.lists(st.tuples(st.sampled_from(["write", "read", "rewind"]), st.integers(0, 20)))


@settings(deadline=None)
@given(capacity=st.integers(1, 16), keep=st.integers(0, 16), steps=steps)
def test_behaves_like_a_bounded_tape(
    capacity: int, keep: int, steps: list[tuple[str, int]]
) -> None:
    ring = Ring(capacity, keep=keep)
    written = position = furthest = 0
    for step, size in steps:
        if step == "write":
            pcm = np.arange(written, written + size, dtype=np.float32)
            accepted = ring.write(pcm)
            assert accepted == min(size, capacity - (written - furthest))
            written += accepted
        elif step == "read":
            out = np.full(size, -1, np.float32)
            count = ring.read(out)
            assert count == min(size, written - position)
            assert list(out[:count]) == list(range(position, position + count))
            assert (out[count:] == -1).all()
            position += count
            furthest = max(furthest, position)
        else:
            count = ring.rewind(size)
            assert count == min(size, position - max(0, furthest - keep))
            position -= count
        assert (ring.written, ring.position, ring.furthest) == (written, position, furthest)
        assert ring.readable == written - position
        assert ring.writable == capacity - (written - furthest)


def test_reads_into_one_channel_of_a_device_block() -> None:
    ring = Ring(8)
    ring.write(np.array([1, 2, 3], np.float32))
    block = np.zeros((4, 2), np.float32)
    assert ring.read(block[:, 0]) == 3
    assert block[:, 0].tolist() == [1, 2, 3, 0]
    assert not block[:, 1].any()


def test_a_rewind_is_never_forward() -> None:
    ring = Ring(4, keep=4)
    ring.write(np.ones(3, np.float32))
    assert ring.rewind(-2) == 0
    assert ring.position == 0


def test_needs_room() -> None:
    with pytest.raises(ValueError, match="at least one sample"):
        Ring(0)


@pytest.fixture
def eager_threads() -> Iterator[None]:
    interval = sys.getswitchinterval()
    sys.setswitchinterval(1e-5)
    yield
    sys.setswitchinterval(interval)


@pytest.mark.usefixtures("eager_threads")
def test_two_threads_lose_and_repeat_nothing() -> None:
    ring = Ring(499)
    signal = np.arange(100_000, dtype=np.float32)

    def produce() -> None:
        sizes = np.random.default_rng(1)
        sent = 0
        while sent < len(signal):
            sent += ring.write(signal[sent : sent + int(sizes.integers(1, 300))])

    producer = Thread(target=produce)
    producer.start()
    sizes = np.random.default_rng(2)
    received = np.zeros_like(signal)
    count = 0
    while count < len(signal):
        count += ring.read(received[count : count + int(sizes.integers(1, 300))])
    producer.join()
    assert (received == signal).all()
    assert ring.readable == 0
