from typing import Any

import anyio
import anyio.lowlevel
import anyio.to_thread
import pytest

from agent.audio.wakeup import Wakeup

pytestmark = pytest.mark.anyio


async def settle() -> None:
    """Let what was posted to the loop arrive, and what it woke run."""
    await anyio.lowlevel.checkpoint()
    await anyio.wait_all_tasks_blocked()


async def test_another_thread_wakes_a_task() -> None:
    wakeup = Wakeup()
    with anyio.fail_after(5):
        async with anyio.create_task_group() as group:
            group.start_soon(wakeup.wait)
            await anyio.wait_all_tasks_blocked()
            await anyio.to_thread.run_sync(wakeup.set)


async def test_a_set_before_the_wait_is_kept() -> None:
    wakeup = Wakeup()
    wakeup.set()
    with anyio.fail_after(5):
        await wakeup.wait()


async def test_many_sets_are_one_and_every_wait_needs_a_new_one() -> None:
    wakeup = Wakeup()
    woken = 0

    async def listen() -> None:
        nonlocal woken
        while True:
            await wakeup.wait()
            woken += 1

    async with anyio.create_task_group() as group:
        group.start_soon(listen)
        await settle()
        for expected in (1, 2):
            for _ in range(100):
                wakeup.set()
            await settle()
            assert woken == expected
        group.cancel_scope.cancel()


async def test_several_tasks_may_wait() -> None:
    wakeup = Wakeup()
    with anyio.fail_after(5):
        async with anyio.create_task_group() as group:
            for _ in range(3):
                group.start_soon(wakeup.wait)
            await anyio.wait_all_tasks_blocked()
            wakeup.set()


@pytest.mark.parametrize("anyio_backend", ["asyncio"])  # the loops below are our own
@pytest.mark.parametrize("backend", ["asyncio", "trio"])
async def test_a_closed_loop_is_no_error(backend: str, anyio_backend: Any) -> None:  # noqa: ARG001
    async def make() -> Wakeup:
        return Wakeup()

    wakeup = await anyio.to_thread.run_sync(lambda: anyio.run(make, backend=backend))
    wakeup.set()
    wakeup.set()
