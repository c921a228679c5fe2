import sys
from collections import deque
from collections.abc import Iterator
from threading import Thread

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from agent.audio.ring import Ring

steps = st.lists(st.tuples(st.sampled_from(["write", "read", "skip"]), st.integers(0, 20)))


@settings(deadline=None)
@given(capacity=st.integers(1, 16), steps=steps)
def test_behaves_like_a_bounded_queue(capacity: int, steps: list[tuple[str, int]]) -> None:
    ring = Ring(capacity)
    model: deque[float] = deque()
    written = 0
    for step, size in steps:
        if step == "write":
            pcm = np.arange(written, written + size, dtype=np.float32)
            accepted = ring.write(pcm)
            assert accepted == min(size, capacity - len(model))
            model.extend(pcm[:accepted])
            written += accepted
        elif step == "read":
            out = np.full(size, -1, np.float32)
            count = ring.read(out)
            assert count == min(size, len(model))
            assert list(out[:count]) == [model.popleft() for _ in range(count)]
            assert (out[count:] == -1).all()
        else:
            count = ring.skip(size)
            assert count == min(size, len(model))
            for _ in range(count):
                model.popleft()
        assert ring.readable == len(model)
        assert ring.writable == capacity - len(model)


def test_reads_into_one_channel_of_a_device_block() -> None:
    ring = Ring(8)
    ring.write(np.array([1, 2, 3], np.float32))
    block = np.zeros((4, 2), np.float32)
    assert ring.read(block[:, 0]) == 3
    assert block[:, 0].tolist() == [1, 2, 3, 0]
    assert not block[:, 1].any()


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
