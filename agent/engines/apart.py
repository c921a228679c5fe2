"""Tasks apart: an engine is called in a task of its own, which can be left behind.

A thread cannot be stopped, and a task that waits for one cannot be cancelled. Whoever waits for
such a task goes on without it. It is still a child of the conversation, which ends after it.
"""

from collections import deque
from collections.abc import AsyncGenerator, Awaitable, Callable, Coroutine, Generator
from contextlib import AsyncExitStack, asynccontextmanager, contextmanager
from contextvars import ContextVar
from typing import Any, Generic, TypeVar

import anyio
from anyio.abc import TaskGroup

from agent.guards.foreign import foreign

T = TypeVar("T")

STOP = 5.0
"""Seconds that a task has to stop in; then it is left behind."""

_tasks: ContextVar[TaskGroup | None] = ContextVar("tasks", default=None)


@contextmanager
def children_of(tasks: TaskGroup) -> Generator[None]:
    """Have tasks apart be children of `tasks`, which outlive those who wait for them."""
    token = _tasks.set(tasks)
    try:
        yield
    finally:
        _tasks.reset(token)


class TaskApart:
    """A task that may be left behind."""

    def __init__(self, work: Callable[[], Awaitable[None]]) -> None:
        self.ended = anyio.Event()
        self._work = work
        self._scope = anyio.CancelScope()

    async def run(self) -> None:
        """Do the work."""
        try:
            with self._scope:
                await self._work()
        finally:
            self.ended.set()

    async def stop(self) -> None:
        """Cancel it, and wait for its end, though not for long."""
        self._scope.cancel()
        with anyio.move_on_after(STOP, shield=True):
            await self.ended.wait()


@asynccontextmanager
async def task_apart(work: Callable[[], Awaitable[None]]) -> AsyncGenerator[TaskApart]:
    """Run `work`, which raises nothing, beside the block; it is stopped at the block's end."""
    task = TaskApart(work)
    raised: BaseException | None = None
    async with AsyncExitStack() as stack:
        tasks = _tasks.get()
        if tasks is None:  # with nobody to leave it to
            tasks = await stack.enter_async_context(anyio.create_task_group())
        tasks.start_soon(task.run)
        try:
            yield task
        except BaseException as error:  # noqa: BLE001  (raised again, as it is and in no group)
            raised = error
        await task.stop()
    if raised is not None:
        raise raised


def beside(work: Callable[[], Coroutine[Any, Any, None]]) -> bool:
    """Run `work`, which raises nothing, beside the conversation; False where there is none."""
    tasks = _tasks.get()
    if tasks is not None:
        tasks.start_soon(work)
    return tasks is not None


class Call(Generic[T]):
    """A call that is made in another task than the one that waits for it."""

    def __init__(self, function: Callable[[], Awaitable[T]]) -> None:
        self.done = anyio.Event()
        self.error: Exception | None = None
        self._function = function
        self._results: list[T] = []

    async def make(self) -> None:
        """Make the call, and keep what comes of it."""
        try:
            with foreign():
                self._results.append(await self._function())
        except Exception as error:  # noqa: BLE001  (it is raised where it is waited for)
            self.error = error
        self.done.set()

    def fail(self, error: Exception) -> None:
        """Have it that the call failed, if nothing has come of it."""
        if not self.done.is_set():
            self.error = error
            self.done.set()

    async def result(self) -> T:
        """Wait for what the function gives. Raises what it raises."""
        await self.done.wait()
        if self.error is not None:
            raise self.error
        return self._results[0]


async def called_apart(function: Callable[[], Awaitable[T]]) -> T:
    """Call a function in a task apart. Raises what it raises, in the sense of `foreign`."""
    call = Call(function)
    async with task_apart(call.make):
        return await call.result()


class CallerApart:
    """A caller makes one call after the other, all in one task apart, which begins with the first.

    For short calls, many a second: a task for each would cost more than they do.
    """

    def __init__(self) -> None:
        self._task: _Calls | None = None

    async def call(self, function: Callable[[], Awaitable[T]]) -> T:
        """Call a function there. Raises what it raises, in the sense of `foreign`.

        Cancelled, it leaves the task behind if it does not stop, and the next call has another.
        """
        tasks = _tasks.get()
        if tasks is None:
            return await called_apart(function)
        if self._task is None or self._task.ended.is_set():
            self._task = _Calls()
            tasks.start_soon(self._task.run)
        call, task = Call(function), self._task
        task.make(call)
        try:
            return await call.result()
        finally:
            if not call.done.is_set():
                self._task = None
                await task.stop()


class _Calls(TaskApart):
    """The task of a caller."""

    def __init__(self) -> None:
        super().__init__(self._make_all)
        self._calls: deque[Call[Any]] = deque()
        self._more = anyio.Event()

    def make(self, call: Call[Any]) -> None:
        """Have a call made, after those before it."""
        self._calls.append(call)
        self._more.set()

    async def _make_all(self) -> None:
        while True:
            while self._calls:
                await self._calls.popleft().make()
            self._more = anyio.Event()
            await self._more.wait()
