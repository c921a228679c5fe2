"""The graph's promises, on asyncio and on trio."""

from typing import Any

import anyio
import pytest
from anyio.streams.memory import MemoryObjectReceiveStream, MemoryObjectSendStream

from agent.errors import StageError
from agent.graph import Graph, task_group

pytestmark = pytest.mark.anyio

Receive = MemoryObjectReceiveStream[Any]
Send = MemoryObjectSendStream[Any]


async def count(_: Receive, send: Send) -> None:
    for number in range(10):
        await send.send(number)


async def count_for_ever(_: Receive, send: Send) -> None:
    number = 0
    while True:
        await send.send(number)
        number += 1


async def double(receive: Receive, send: Send) -> None:
    async for number in receive:
        await send.send(2 * number)


async def fail_at_three(receive: Receive, send: Send) -> None:
    async for number in receive:
        if number == 3:
            raise ValueError("three is too much")
        await send.send(number)


class Collect:
    def __init__(self, most: int | None = None) -> None:
        self.items: list[Any] = []
        self._most = most

    async def __call__(self, receive: Receive, _: Send) -> None:
        async for item in receive:
            self.items.append(item)
            if len(self.items) == self._most:
                return


class Closing:
    """Notes that it was closed, however it ends."""

    def __init__(self, stage: Any) -> None:
        self._stage = stage
        self.closed = False

    async def __call__(self, receive: Receive, send: Send) -> None:
        try:
            await self._stage(receive, send)
        finally:
            self.closed = True


async def test_items_flow_in_order_to_the_end() -> None:
    sink = Collect()
    await Graph(count).then(double).then(sink).run()
    assert sink.items == [2 * n for n in range(10)]


async def test_a_graph_is_a_stage() -> None:
    sink = Collect()
    fourfold = Graph(double).then(double)
    await Graph(count).then(fourfold).then(sink).run()
    assert sink.items == [4 * n for n in range(10)]


async def test_a_stage_that_has_had_enough_ends_what_feeds_it() -> None:
    source, sink = Closing(count_for_ever), Collect(most=3)
    await Graph(source).then(double).then(sink).run()
    assert sink.items == [0, 2, 4]
    assert source.closed


async def test_an_enough_in_the_middle_lets_the_rest_finish() -> None:
    async def three(receive: Receive, send: Send) -> None:
        for _ in range(3):
            await send.send(await receive.receive())

    sink = Collect()
    await Graph(count_for_ever).then(three).then(double).then(sink).run()
    assert sink.items == [0, 2, 4]


async def test_a_source_that_waits_is_ended_too() -> None:
    async def wait_for_ever(_: Receive, send: Send) -> None:
        await send.send("only")
        await anyio.sleep_forever()

    sink = Collect(most=1)
    with anyio.fail_after(1):
        await Graph(wait_for_ever).then(sink).run()
    assert sink.items == ["only"]


async def test_an_exception_cancels_all_and_surfaces_once_with_its_stage() -> None:
    source, sink = Closing(count_for_ever), Closing(Collect())
    with pytest.raises(StageError, match=r"^fail_at_three: three is too much$") as caught:
        await Graph(source).then(fail_at_three).then(sink).run()
    assert caught.value.stage == "fail_at_three"
    assert isinstance(caught.value.__cause__, ValueError)
    assert source.closed
    assert sink.closed


async def test_a_nested_stage_is_named_by_its_path() -> None:
    inner = Graph(double).then(fail_at_three, name="picky")
    with pytest.raises(StageError) as caught:
        # 2 * 1.5 is the three that the inner stage refuses.
        await Graph(half_steps).then(inner, name="agent").then(Collect()).run()
    assert caught.value.stage == "agent/picky"
    assert isinstance(caught.value.__cause__, ValueError)


async def half_steps(_: Receive, send: Send) -> None:
    for number in (0.5, 1.0, 1.5, 2.0):
        await send.send(number)


async def test_an_exception_from_a_stages_own_task_group_is_unwrapped() -> None:
    async def explode() -> None:
        raise ValueError("inside")

    async def with_tasks(_: Receive, __: Send) -> None:
        async with anyio.create_task_group() as tasks:
            tasks.start_soon(explode)

    with pytest.raises(StageError, match=r"^with_tasks: inside$"):
        await Graph(with_tasks).run()


async def test_cancellation_closes_every_stage() -> None:
    stages = [Closing(count_for_ever), Closing(double), Closing(Collect())]
    with anyio.move_on_after(0.01) as scope:
        await Graph(stages[0]).then(stages[1]).then(stages[2]).run()
    assert scope.cancelled_caught
    assert [stage.closed for stage in stages] == [True] * 3


async def test_a_slow_sink_slows_the_source() -> None:
    sent = 0
    gate = anyio.Event()

    async def source(_: Receive, send: Send) -> None:
        nonlocal sent
        for number in range(100):
            await send.send(number)
            sent += 1

    async def sink(receive: Receive, _: Send) -> None:
        await gate.wait()
        async for _number in receive:
            pass

    graph = Graph(source).then(double, buffer=4).then(sink, buffer=4)
    async with anyio.create_task_group() as tasks:
        tasks.start_soon(graph.run)
        await anyio.wait_all_tasks_blocked()
        # Two buffers of four, and one item in the hands of the stage between them.
        assert sent == 9
        gate.set()
    assert sent == 100


async def test_open_gives_the_two_ends() -> None:
    async with Graph(double).open() as (send, receive):
        await send.send(21)
        assert await receive.receive() == 42
        await send.aclose()
        with pytest.raises(anyio.EndOfStream):
            await receive.receive()


async def test_open_raises_the_stages_failure_in_the_block() -> None:
    async def use() -> None:
        async with Graph(fail_at_three).open() as (send, receive):
            await send.send(3)
            await receive.receive()

    with pytest.raises(StageError, match="fail_at_three"):
        await use()


async def test_open_lets_the_blocks_own_exception_through() -> None:
    with pytest.raises(KeyError):
        async with Graph(double).open():
            raise KeyError("mine")


async def test_leaving_open_cancels_the_graph() -> None:
    source = Closing(count_for_ever)
    async with Graph(source).then(double).open() as (_, receive):
        assert await receive.receive() == 0
    assert source.closed


async def fail() -> None:
    raise KeyError("a task's")


async def test_a_task_groups_only_error_comes_as_it_is() -> None:
    async def nested() -> None:
        async with task_group(), anyio.create_task_group() as inner:
            inner.start_soon(fail)
            await anyio.sleep_forever()

    async def alone() -> None:
        async with task_group():
            raise ValueError("the block's")

    with pytest.raises(KeyError, match="a task's"):
        await nested()
    with pytest.raises(ValueError, match="the block's"):
        await alone()


async def test_a_task_groups_errors_stay_together() -> None:
    async def both() -> None:
        async with task_group() as tasks:
            tasks.start_soon(fail)
            try:
                await anyio.sleep_forever()
            except anyio.get_cancelled_exc_class():
                raise ValueError("the block's") from None

    with pytest.raises(ExceptionGroup) as caught:
        await both()
    assert {type(error) for error in caught.value.exceptions} == {KeyError, ValueError}
