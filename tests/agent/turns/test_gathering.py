"""Blocks that have piled up are joined, and nothing of them is lost or moved."""

from typing import Any

import anyio
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from agent.events import Audio
from agent.turns.gathering import LONGEST, Gathering

pytestmark = pytest.mark.anyio


def block(number: int, time: float | None, *, rate: int = 1000, mark: Any = None) -> Audio:
    """20 ms of one number."""
    return Audio(np.full(rate // 50, number / 100, np.float32), rate, time, mark)


async def gathered(blocks: list[Audio]) -> list[Audio]:
    send, receive = anyio.create_memory_object_stream[Audio](100)
    with receive:
        with send:
            for each in blocks:
                send.send_nowait(each)
        source, found = Gathering(receive), []
        while True:
            try:
                found.append(await source.receive())
            except anyio.EndOfStream:
                return found


async def test_what_follows_is_joined_up_to_a_limit() -> None:
    found = await gathered([block(n, n * 0.02) for n in range(25)])
    assert [each.time for each in found] == pytest.approx([0.0, 0.2, 0.4])
    assert [each.duration for each in found] == pytest.approx([LONGEST, LONGEST, 0.1])
    assert np.array_equal(
        np.concatenate([each.pcm for each in found]),
        np.concatenate([block(n, 0).pcm for n in range(25)]),
    )


async def test_a_gap_another_rate_and_a_mark_end_a_block() -> None:
    blocks = [
        *(block(0, 0.0), block(1, 0.02)),
        *(block(2, 0.5), block(3, 0.52, rate=500)),
        block(4, 0.54, rate=500, mark="commit"),
        *(block(5, 0.56, rate=500), block(6, None)),
    ]
    found = await gathered(blocks)
    assert [len(each.pcm) for each in found] == [40, 20, 20, 10, 20]
    assert [each.mark for each in found] == [None, None, "commit", None, None]


@given(st.lists(st.sampled_from([0.02, 0.0201, 0.3]), max_size=40))
def test_no_sample_is_lost(steps: list[float]) -> None:
    times = np.cumsum([0.0, *steps])
    blocks = [block(n, float(time)) for n, time in enumerate(times)]
    found = anyio.run(gathered, blocks)
    assert np.array_equal(
        np.concatenate([each.pcm for each in found]), np.concatenate([b.pcm for b in blocks])
    )
    starts = {round(float(time), 6) for time in times}
    assert all(round(each.time or 0, 6) in starts for each in found)


async def test_one_that_waits_for_the_next_passes_it_on_at_once() -> None:
    send, receive = anyio.create_memory_object_stream[Audio](0)
    source = Gathering(receive)
    with send, receive, anyio.fail_after(5):
        async with anyio.create_task_group() as tasks:
            tasks.start_soon(send.send, block(1, 0.0))
            assert (await source.receive()).duration == pytest.approx(0.02)
