"""The border to one engine: its failures, the limits on its time, and its new start."""

import logging
import math
from collections.abc import AsyncGenerator, Awaitable, Callable, Generator
from contextlib import AbstractAsyncContextManager, asynccontextmanager, contextmanager
from contextvars import ContextVar
from functools import partial
from typing import Any, Protocol, TypeVar, runtime_checkable

import anyio
import anyio.lowlevel

from agent.engines.apart import Call, called_apart, children_of, task_apart
from agent.events import Event, Report, WarningEvent
from agent.guards.foreign import describe, foreign, only
from agent.guards.text import valid

T = TypeVar("T")

BEGIN = 15.0
"""Seconds until an engine must have begun with an utterance or a reply; it may start a process."""
END = 5.0
"""Seconds that it may take to end with one, or to be closed."""
OFFLINE = 20.0
"""Times the usual limits that an engine may take where nobody waits, as for a file."""
LOAD = 120.0
"""Seconds that a new start may take: a large model is read from disk, though not downloaded."""

_log = logging.getLogger(__name__)


def _write_down(event: Event) -> None:
    _log.warning("%s", event.record().get("message"))


_report: ContextVar[Report] = ContextVar("report", default=_write_down)


@asynccontextmanager
async def borders(report: Report) -> AsyncGenerator[None]:
    """Have `report` told, within the block and its tasks, what happens at the borders.

    An engine that cannot be stopped holds up the end of the block, and nothing before.
    """
    token = _report.set(report)
    try:
        async with anyio.create_task_group() as tasks:
            with children_of(tasks):
                yield
            tasks.cancel_scope.cancel()
    except BaseExceptionGroup as group:
        raise only(group) from None
    finally:
        _report.reset(token)


def tell(event: Event) -> None:
    """Tell whoever listens to the conversation that we are in; without one it is logged."""
    _report.get()(event)


class Engine(Protocol):
    """What the three kinds of engines have in common."""

    async def load(self) -> None: ...
    async def aclose(self) -> None: ...


@runtime_checkable
class KeepsTime(Protocol):
    """An engine that has limits of its own, which may have been set to more than ours."""

    @property
    def patience(self) -> float: ...


class Border:
    """A border stands around one engine: all use of it goes through here.

    An engine that hung is closed and loaded again before its next use.
    """

    def __init__(self, engine: Engine, stage: str, name: str, failure: type[Exception]) -> None:
        """`name` is the engine's in messages; `failure` is its protocol's error."""
        self.name = name
        self.failure = failure
        self._engine = engine
        self._stage = stage
        self._uses = 0
        self._hung = False
        self._starting: anyio.Event | None = None

    @property
    def own_patience(self) -> float:
        """Seconds within which the engine goes on or fails by itself; 0 if it does not say."""
        return self._engine.patience if isinstance(self._engine, KeepsTime) else 0.0

    def warn(self, code: str, message: str) -> None:
        """Tell of something that ends no turn."""
        tell(WarningEvent(self._stage, f"{self._stage}.{code}", message))

    @contextmanager
    def failing(self) -> Generator[None]:
        """Have what the engine raises here be its protocol's error, unless it is meant for us."""
        try:
            with foreign():
                yield
        except Exception as error:
            cause = only(error)
            if not isinstance(cause, self.failure):
                raise self.failure(describe(error)) from error
            message = str(cause)
            if cause is error and message == valid(message):
                raise
            raise self.failure(valid(message)) from error

    async def load(self) -> None:
        """Load the engine, for as long as it takes: it may download, and shows its progress."""
        with self.failing():
            await self._engine.load()

    async def aclose(self) -> None:
        """Close the engine. What goes wrong is told; it takes no longer than `END`."""
        try:
            await self._apart(self._engine.aclose, "was not closed", END)
        except self.failure as error:
            self.warn("close", f"{self.name} could not be closed: {error}")

    @asynccontextmanager
    async def use(
        self, open_: Callable[[], AbstractAsyncContextManager[T]]
    ) -> AsyncGenerator[tuple[T, "Use"]]:
        """Use the engine for one utterance or reply. Raises its protocol's error."""
        await self._start_anew()
        use = Use(self)
        opened: list[T] = []
        raised: BaseException | None = None
        self._uses += 1
        try:
            async with task_apart(partial(self._live, use, open_, opened)) as task:
                with use.scope:
                    with use.limited("did not begin", BEGIN):
                        await use.begun.result()
                    try:
                        yield opened[0], use
                    except BaseException as error:  # noqa: BLE001  (raised again in the end)
                        raised = error
                    if use.idle and (raised is None or isinstance(raised, Exception)):
                        use.leave(raised)
                        with use.limited("did not end", END):
                            await task.ended.wait()
                    if raised is not None:
                        raise raised
        finally:
            self._uses -= 1
            self._hung = self._hung or use.scope.cancel_called
            if not task.ended.is_set():
                self.warn("stuck", f"{self.name} cannot be stopped, and is left to itself")
                self._hung = True
        if use.scope.cancelled_caught:
            if isinstance(raised, Exception):
                raise raised  # that it did not end after a failure either comes second
            if raised is not None or not opened:
                raise self.failure(use.message)
            self.warn("hung", use.message)  # all was said and done but its end
        elif use.failure is not None:
            self.warn("end", f"{self.name} failed when all was done: {use.failure}")

    async def _live(
        self, use: "Use", open_: Callable[[], AbstractAsyncContextManager[T]], opened: list[T]
    ) -> None:
        """The task of a use, in which the engine is called from its beginning to its end.

        It is one task, for the engine may keep scopes of its own open from call to call.
        """
        try:
            with self.failing():
                async with open_() as value:
                    opened.append(value)
                    await use.work()
        except self.failure as error:
            use.end(error)
        else:
            use.end(None)
        finally:
            use.close()

    async def _start_anew(self) -> None:
        """Close and load an engine that hung, once nobody else uses it."""
        if self._starting is not None:
            await self._starting.wait()
        if not self._hung or self._uses:
            return
        self._starting = anyio.Event()
        began = anyio.current_time()
        try:
            await self.aclose()
            await self._apart(self._engine.load, "could not be started anew", LOAD)
            self._hung = False
        finally:
            self._starting.set()
            self._starting = None
        took = anyio.current_time() - began
        self.warn("restarted", f"{self.name} hung, and was started anew ({took:.1f} s)")

    async def _apart(
        self, function: Callable[[], Awaitable[None]], failure: str, seconds: float
    ) -> None:
        """Call the engine in a task apart. Raises its protocol's error after so many seconds."""
        with anyio.move_on_after(seconds) as patience, self.failing():
            await called_apart(function)
        if patience.cancelled_caught:
            raise self.failure(f"{self.name} {failure} within {seconds:g} s")


class Use:
    """One use of an engine: calls in the engine's task, and a limit on how long they are awaited.

    The scope is that of whoever uses it; it ends the use when the engine keeps us waiting too long.
    """

    def __init__(self, border: Border) -> None:
        self.scope = anyio.CancelScope()
        self.begun = Call[None](anyio.lowlevel.checkpoint)
        """The first call: it has been made once the engine has begun."""
        self.message = ""
        """What is said when the limit is over."""
        self.failure: Exception | None = None
        """What came out of the engine's task in the end."""
        self._border = border
        self._send, self._calls = anyio.create_memory_object_stream[Call[Any]](math.inf)
        self._call: Call[Any] = self.begun
        self._raised: Exception | None = None
        self._ended = False

    async def run(self, function: Callable[[], Awaitable[T]]) -> T:
        """Call the engine in its task. Raises what it raises."""
        call = Call(function)
        if self._ended:
            call.fail(self._over())
        else:
            self._send.send_nowait(call)
        return await call.result()

    async def work(self) -> None:
        """In the engine's task: make the calls, until whoever uses it leaves."""
        await self.begun.make()
        async for call in self._calls:
            self._call = call
            await call.make()
        if self._raised is not None:
            raise self._raised

    @property
    def idle(self) -> bool:
        """Whether no call is under way, such as one that was awaited no longer."""
        return self._call.done.is_set()

    def leave(self, raised: Exception | None) -> None:
        """End the use, as the block that is left would; the engine sees what was raised there."""
        self._raised = raised
        self._send.close()

    def end(self, failure: Exception | None) -> None:
        """In the engine's task: it is over. Who still waits for a call is told."""
        self.failure = failure
        self._ended = True
        self._call.fail(self._over())

    def close(self) -> None:
        """In the engine's task: no more calls are made."""
        self._send.close()
        self._calls.close()

    def _over(self) -> Exception:
        return self.failure or self._border.failure(f"{self._border.name} ended by itself")

    @contextmanager
    def limited(self, failure: str, seconds: float, spent: float = 0.0) -> Generator[None]:
        """Await the engine here, which may take so many seconds; `failure` says what it did not.

        `spent`: how many of them are over already.
        """
        self.limit(failure, seconds, spent)
        try:
            with self._border.failing():
                yield
        finally:
            self.limit(failure, None)

    def limit(self, failure: str, seconds: float | None, spent: float = 0.0) -> None:
        """End the use in so many seconds; None is never."""
        if self.scope.cancel_called:
            return
        if seconds is None:
            self.scope.deadline = math.inf
            return
        self.message = f"{self._border.name} {failure} within {seconds:g} s"
        self.scope.deadline = anyio.current_time() + seconds - spent
