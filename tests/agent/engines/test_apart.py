"""Calls in a task apart: what they give and raise, and what becomes of one that hangs."""

import anyio
import anyio.lowlevel
import pytest

from agent.engines import apart
from agent.engines.apart import CallerApart
from agent.engines.telling import borders
from agent.events import nobody

pytestmark = pytest.mark.anyio


async def test_one_call_after_the_other_gives_and_raises() -> None:
    caller = CallerApart()
    tasks: set[int] = set()

    async def seven() -> int:
        tasks.add(anyio.get_current_task().id)
        await anyio.lowlevel.checkpoint()
        return 7

    async def fail() -> int:
        raise ValueError("no")

    with anyio.fail_after(10):
        async with borders(nobody):
            assert await caller.call(seven) == 7
            with pytest.raises(ValueError, match="no"):
                await caller.call(fail)
            assert await caller.call(seven) == 7
    assert len(tasks) == 1
    assert anyio.get_current_task().id not in tasks


async def test_without_a_conversation_each_has_a_task() -> None:
    caller = CallerApart()

    async def task() -> int:
        return anyio.get_current_task().id

    assert await caller.call(task) != anyio.get_current_task().id


async def test_one_that_is_awaited_no_longer_is_left_and_the_next_has_another_task(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(apart, "STOP", 0.01)
    caller = CallerApart()
    go_on = anyio.Event()

    async def hang() -> None:
        with anyio.CancelScope(shield=True):  # as a thread would that cannot be stopped
            await go_on.wait()

    async def seven() -> int:
        return 7

    with anyio.fail_after(10):
        async with borders(nobody):
            with anyio.move_on_after(0.01) as patience:
                await caller.call(hang)
            assert patience.cancelled_caught
            assert await caller.call(seven) == 7
            go_on.set()
