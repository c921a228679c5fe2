"""Short jobs of many callers share a thread, and its trips."""

import threading
from collections.abc import Callable

import anyio
import anyio.lowlevel
import pytest

from agent.turns.shared_thread import SharedThread

pytestmark = pytest.mark.anyio


async def test_one_caller_gets_what_the_job_gives() -> None:
    thread = SharedThread()
    assert await thread.run(threading.get_ident) != threading.get_ident()
    with pytest.raises(ZeroDivisionError):
        await thread.run(lambda: 1 // 0)
    assert await thread.run(lambda: 7) == 7


class Gated:
    """A thread that is held in its first job, so that the others gather."""

    def __init__(self) -> None:
        self.thread = SharedThread()
        self.order: list[int] = []
        self.go_on = threading.Event()
        self.begun = threading.Event()

    def first(self) -> None:
        self.begun.set()
        assert self.go_on.wait(10)

    def job(self, number: int) -> Callable[[], int]:
        def run() -> int:
            self.order.append(number)
            if number == 3:
                raise ValueError(number)
            return number

        return run

    async def all_wait(self) -> None:
        await anyio.wait_all_tasks_blocked()


async def test_those_that_wait_go_together_and_each_gets_its_own() -> None:
    gated = Gated()
    results: dict[int, object] = {}

    async def call(number: int) -> None:
        try:
            results[number] = await gated.thread.run(gated.job(number))
        except ValueError as error:
            results[number] = error

    with anyio.fail_after(20):
        async with anyio.create_task_group() as tasks:
            tasks.start_soon(gated.thread.run, gated.first)
            await anyio.wait_all_tasks_blocked()
            for number in range(6):
                tasks.start_soon(call, number)
            await gated.all_wait()
            gated.go_on.set()
    assert sorted(gated.order) == list(range(6))
    assert isinstance(results.pop(3), ValueError)
    assert results == {number: number for number in (0, 1, 2, 4, 5)}
    assert await gated.thread.run(lambda: "again") == "again"


@pytest.mark.parametrize("cancelled", [0, 1, 2])
async def test_whoever_is_cancelled_leaves_nobody_waiting(cancelled: int) -> None:
    gated = Gated()
    results: list[int] = []
    scopes = [anyio.CancelScope() for _ in range(3)]

    async def call(number: int) -> None:
        with scopes[number]:
            results.append(await gated.thread.run(gated.job(number)))

    with anyio.fail_after(20):
        async with anyio.create_task_group() as tasks:
            tasks.start_soon(gated.thread.run, gated.first)
            await anyio.wait_all_tasks_blocked()
            for number in range(3):
                tasks.start_soon(call, number)
                await anyio.wait_all_tasks_blocked()
            scopes[cancelled].cancel()
            await gated.all_wait()
            gated.go_on.set()
    assert sorted(results) == [number for number in range(3) if number != cancelled]
    with anyio.fail_after(20):
        assert await gated.thread.run(lambda: 1) == 1


async def test_the_traveller_is_cancelled() -> None:
    gated = Gated()
    scope = anyio.CancelScope()
    results: list[int] = []

    async def travel() -> None:
        with scope:
            await gated.thread.run(gated.first)

    async def call() -> None:
        results.append(await gated.thread.run(gated.job(1)))

    with anyio.fail_after(20):
        async with anyio.create_task_group() as tasks:
            tasks.start_soon(travel)
            await anyio.wait_all_tasks_blocked()
            tasks.start_soon(call)
            await anyio.wait_all_tasks_blocked()
            scope.cancel()
            await anyio.wait_all_tasks_blocked()
            gated.go_on.set()
    assert results == [1]


@pytest.mark.parametrize("steps", range(4))
async def test_the_next_traveller_is_cancelled_before_the_trip(steps: int) -> None:
    """The jobs that were to go along are done by another."""
    gated = Gated()
    scope = anyio.CancelScope()
    results: list[int] = []

    async def travel() -> None:
        await gated.thread.run(gated.first)
        for _ in range(steps):
            await anyio.lowlevel.checkpoint()
        scope.cancel()

    async def next_one() -> None:
        with scope:
            await gated.thread.run(gated.job(0))

    async def call(number: int) -> None:
        results.append(await gated.thread.run(gated.job(number)))

    with anyio.fail_after(20):
        async with anyio.create_task_group() as tasks:
            tasks.start_soon(travel)
            await anyio.wait_all_tasks_blocked()
            tasks.start_soon(next_one)
            await anyio.wait_all_tasks_blocked()
            for number in (1, 2):
                tasks.start_soon(call, number)
            await anyio.wait_all_tasks_blocked()
            gated.go_on.set()
    assert sorted(results) == [1, 2]
