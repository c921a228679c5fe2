"""Stages and the bounded streams between them.

A stage is an async callable with one receive stream and one send stream. Stages in a row make a
graph, and a graph is a stage again, so anything can be put anywhere:

    graph = Graph(microphone).then(denoise).then(agent).then(speaker)
    await graph.run()

The rules, the same for every stage:

- its input ends (`async for` stops) when the stage before it has returned;
- when it returns, its output ends, and what feeds it is cancelled: nobody would listen;
- when it raises, the whole graph is cancelled, and one StageError names it;
- however it ends, both of its streams are closed;
- a stage that is slow makes the one before it wait as soon as the stream between them is full.
"""

import math
from collections.abc import AsyncGenerator, Callable, Iterable
from contextlib import ExitStack, asynccontextmanager
from dataclasses import dataclass
from typing import Any, Generic, Protocol, TypeVar

import anyio
from anyio.abc import TaskGroup
from anyio.streams.memory import MemoryObjectReceiveStream, MemoryObjectSendStream

from agent.errors import StageError
from agent.guards.foreign import only

I = TypeVar("I")  # noqa: E741  (in, out and next: the names of every stage diagram)
O = TypeVar("O")  # noqa: E741
N = TypeVar("N")
I_contra = TypeVar("I_contra", contravariant=True)
O_co = TypeVar("O_co", covariant=True)


class Stage(Protocol[I_contra, O_co]):
    """Takes what comes in, sends what goes out, until its input ends or it has had enough."""

    async def __call__(
        self,
        receive: MemoryObjectReceiveStream[I_contra],
        send: MemoryObjectSendStream[O_co],
        /,
    ) -> None: ...


@dataclass(frozen=True, slots=True)
class _Node:
    stage: Stage[Any, Any]
    name: str
    buffer: int


class Graph(Generic[I, O]):
    """A row of stages, itself a stage. Immutable: `then` gives a longer one."""

    def __init__(self, stage: Stage[I, O], *, name: str | None = None) -> None:
        """A graph of one stage, called `name` in errors (by default its own name)."""
        self._nodes: tuple[_Node, ...] = (_Node(stage, name or _name(stage), 0),)

    def then(
        self, stage: Stage[O, N], *, name: str | None = None, buffer: int = 16
    ) -> "Graph[I, N]":
        """This graph with one more stage, at most `buffer` items waiting in front of it."""
        longer: Graph[I, N] = Graph.__new__(Graph)
        longer._nodes = (*self._nodes, _Node(stage, name or _name(stage), buffer))
        return longer

    async def __call__(
        self,
        receive: MemoryObjectReceiveStream[I],
        send: MemoryObjectSendStream[O],
        /,
    ) -> None:
        """Run all stages between `receive` and `send` until the last has returned.

        Raises StageError, with the failing stage's name and its exception as the cause.
        """
        run = _Run(self._nodes)
        # Clones, so that the neighbours see these streams end only after our failure is known.
        await run(receive.clone(), send.clone())
        if run.failure is not None:
            raise run.failure

    @asynccontextmanager
    async def open(
        self, *, buffer: float = 16
    ) -> AsyncGenerator[tuple[MemoryObjectSendStream[I], MemoryObjectReceiveStream[O]], None]:
        """Run the graph in the background of a block: its input to send to, its output to read.

        Close the input to let it finish; leaving the block cancels what is left of it.
        """
        outer, receive = anyio.create_memory_object_stream[I](buffer)
        send, results = anyio.create_memory_object_stream[O](buffer)
        run = _Run(self._nodes)

        async def run_or_cancel_the_block() -> None:
            await run(receive, send)
            if run.failure is not None:
                tasks.cancel_scope.cancel()

        try:
            async with anyio.create_task_group() as tasks:
                tasks.start_soon(run_or_cancel_the_block)
                async with outer, results:
                    yield outer, results
                tasks.cancel_scope.cancel()
        except BaseExceptionGroup as group:
            # A failed stage also ends the streams that the block is using: tell of the cause.
            raise run.failure or only(group) from None
        if run.failure is not None:
            raise run.failure

    async def run(self) -> None:
        """Run a graph that begins with a source and ends with a sink, until it is through."""
        outer, receive = anyio.create_memory_object_stream[I](0)
        outer.close()
        send, results = anyio.create_memory_object_stream[O](math.inf)
        with receive, send, results:
            await self(receive, send)


class _Run:
    """One run of a graph: who can be cancelled, and what failed first."""

    def __init__(self, nodes: tuple[_Node, ...]) -> None:
        self.failure: StageError | None = None
        self._nodes = nodes
        self._scopes = [anyio.CancelScope() for _ in nodes]

    async def __call__(
        self, receive: MemoryObjectReceiveStream[Any], send: MemoryObjectSendStream[Any]
    ) -> None:
        # A stage that is cancelled before it begins closes none of its streams.
        with ExitStack() as streams, receive, send:
            async with anyio.create_task_group() as tasks:
                for index, following in enumerate(self._nodes[1:]):
                    outlet, inlet = anyio.create_memory_object_stream[Any](following.buffer)
                    streams.enter_context(outlet)
                    streams.enter_context(inlet)
                    tasks.start_soon(self._stage, tasks, index, receive, outlet)
                    receive = inlet
                tasks.start_soon(self._stage, tasks, len(self._nodes) - 1, receive, send)

    async def _stage(
        self,
        tasks: TaskGroup,
        index: int,
        receive: MemoryObjectReceiveStream[Any],
        send: MemoryObjectSendStream[Any],
    ) -> None:
        node, scope = self._nodes[index], self._scopes[index]
        with receive, send, scope:
            try:
                await node.stage(receive, send)
            except Exception as error:  # noqa: BLE001  (whatever it is, it is named and re-raised)
                # Between the consumer's end and our cancellation a send may fail: no harm done.
                consumer_gone = scope.cancel_called or not send.statistics().open_receive_streams
                if not (consumer_gone and _is_broken_send(error)):
                    self._fail(tasks, node, error)
            for upstream in self._scopes[:index]:
                upstream.cancel()

    def _fail(self, tasks: TaskGroup, node: _Node, error: Exception) -> None:
        if self.failure is None:
            cause = only(error)
            inner = cause.stage if isinstance(cause, StageError) else None
            origin = cause.__cause__ if isinstance(cause, StageError) else cause
            name = f"{node.name}/{inner}" if inner else node.name
            self.failure = StageError(name, origin or cause)
            self.failure.__cause__ = origin or cause
        tasks.cancel_scope.cancel()


async def put(send: MemoryObjectSendStream[I], item: I) -> None:
    """Send an item, and wait only if there is no room, where `send` goes round the loop each time.

    For stages with many small items; they give others their turn where they receive.
    """
    try:
        send.send_nowait(item)
    except anyio.WouldBlock:
        await send.send(item)


def each(function: Callable[[I], Iterable[O]]) -> Stage[I, O]:
    """Return the stage that sends all that `function` makes of each item."""

    async def stage(
        receive: MemoryObjectReceiveStream[I], send: MemoryObjectSendStream[O], /
    ) -> None:
        async for item in receive:
            for made in function(item):
                await put(send, made)

    return stage


@asynccontextmanager
async def task_group() -> AsyncGenerator[TaskGroup, None]:
    """A task group that raises an error that is alone as it is, without a group around it."""
    try:
        async with anyio.create_task_group() as tasks:
            yield tasks
    except BaseExceptionGroup as group:
        raise only(group) from None


def _is_broken_send(error: Exception) -> bool:
    if isinstance(error, ExceptionGroup):
        return error.split(anyio.BrokenResourceError)[1] is None
    return isinstance(error, anyio.BrokenResourceError)


def _name(stage: object) -> str:
    return getattr(stage, "__name__", type(stage).__name__)
