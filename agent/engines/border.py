"""The border to one engine: its failures, the limits on its time, and its new start."""

from collections.abc import AsyncGenerator, Awaitable, Callable, Generator
from contextlib import AbstractAsyncContextManager, asynccontextmanager, contextmanager
from functools import partial
from typing import Protocol, TypeVar, runtime_checkable

import anyio

from agent.engines.apart import called_apart, task_apart
from agent.engines.telling import tell
from agent.engines.use import Use
from agent.events import WarningEvent
from agent.guards.foreign import describe, foreign, only
from agent.guards.text import valid

T = TypeVar("T")

BEGIN = 15.0
"""Seconds until an engine must have begun with an utterance or a reply; it may start a process."""
END = 5.0
"""Seconds that it may take to end with one, or to be closed."""
OFFLINE = 20.0
"""Times the usual limits that an engine may take where nobody waits, as for a file."""
FAST = 10.0
"""Seconds that any call may take where another engine is there to go on with."""
LOAD = 120.0
"""Seconds that a new start may take: a large model is read from disk, though not downloaded."""


class Engine(Protocol):
    """What the three kinds of engines have in common."""

    async def load(self) -> None: ...
    async def aclose(self) -> None: ...


@runtime_checkable
class KeepsTime(Protocol):
    """An engine that has limits of its own, which may have been set to more than ours."""

    @property
    def patience(self) -> float: ...


@runtime_checkable
class FailsFast(Protocol):
    """An engine that can be told to fail sooner rather than later."""

    def fail_fast(self) -> None: ...


class Border:
    """A border stands around one engine: all use of it goes through here.

    An engine that hung is closed and loaded again before its next use.
    """

    def __init__(
        self,
        engine: Engine,
        stage: str,
        name: str,
        failure: type[Exception],
        patience: float = 1.0,
    ) -> None:
        """`name` is the engine's in messages; `failure` is its protocol's error.

        `patience`: how many times the usual limits it may take.
        """
        self.name = name
        self.failure = failure
        self._engine = engine
        self._stage = stage
        self._patience = patience
        self.fast = False
        """Whether another engine is there to go on with."""
        self.base: Border | None = None
        """The border to the engine of which this one is another voice, if it is."""
        self._uses = 0
        self._hung = False
        self._retired = False
        self._closed = False
        self._starting: anyio.Event | None = None

    @property
    def own_patience(self) -> float:
        """Seconds within which the engine goes on or fails by itself; 0 if it does not say."""
        return self._engine.patience if isinstance(self._engine, KeepsTime) else 0.0

    @property
    def ready(self) -> bool:
        """Whether it can be used at once: it has not hung, or others use it still."""
        return not self._hung or self._uses > 0

    def fail_fast(self) -> None:
        """Wait less from now on: another engine is there to go on with."""
        self.fast = True
        if isinstance(self._engine, FailsFast):
            self._engine.fail_fast()

    def limit(self, usual: float) -> float:
        """Return the seconds that a call may take, `usual` ones; its own limits may be higher."""
        return max(self._patience * self._usual(usual), self.own_patience)

    def _usual(self, usual: float) -> float:
        return min(usual, FAST) if self.fast else usual

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
        if not self.ready:
            await self._start_anew()
            return
        with self.failing():
            await self._engine.load()

    async def aclose(self) -> None:
        """Close the engine. What goes wrong is told; it takes no longer than `END`."""
        try:
            await self._apart(self._engine.aclose, "was not closed", END)
        except self.failure as error:
            self.warn("close", f"{self.name} could not be closed: {error}")

    async def retire(self) -> None:
        """Close the engine now, or as soon as nobody uses it any more."""
        self._retired = True
        await self._close_unused()

    @asynccontextmanager
    async def counted(self) -> AsyncGenerator[None]:
        """For the length of a block, the engine is used: it is not closed meanwhile."""
        line = [self] if self.base is None else [self, self.base]
        for border in line:
            border._uses += 1
        try:
            yield
        finally:
            for border in line:
                border._uses -= 1
                await border._close_unused()

    async def _close_unused(self) -> None:
        if self._retired and not self._uses and not self._closed:
            self._closed = True
            with anyio.CancelScope(shield=True):
                await self.aclose()

    @asynccontextmanager
    async def use(
        self, open_: Callable[[], AbstractAsyncContextManager[T]]
    ) -> AsyncGenerator[tuple[T, Use]]:
        """Use the engine for one utterance or reply. Raises its protocol's error."""
        await self._start_anew()
        use = Use(self.name, self.failure, self.failing)
        opened: list[T] = []
        raised: BaseException | None = None
        try:
            async with (
                self.counted(),
                task_apart(partial(self._live, use, open_, opened)) as task,
            ):
                with use.scope:
                    with use.limited("did not begin", self._usual(BEGIN)):
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
        self, use: Use, open_: Callable[[], AbstractAsyncContextManager[T]], opened: list[T]
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
        """Close and load an engine that hung, once nobody else uses it; or one that is closed."""
        if self._starting is not None:
            await self._starting.wait()
        hung = self._hung
        if not (hung or self._closed) or self._uses:
            return
        self._starting = anyio.Event()
        began = anyio.current_time()
        try:
            if not self._closed:
                await self.aclose()
            await self._apart(self._engine.load, "could not be started anew", LOAD)
            self._hung = self._closed = False
        finally:
            self._starting.set()
            self._starting = None
        took = anyio.current_time() - began
        if hung:
            self.warn("restarted", f"{self.name} hung, and was started anew ({took:.1f} s)")

    async def _apart(
        self, function: Callable[[], Awaitable[None]], failure: str, seconds: float
    ) -> None:
        """Call the engine in a task apart. Raises its protocol's error after so many seconds."""
        with anyio.move_on_after(seconds) as patience, self.failing():
            await called_apart(function)
        if patience.cancelled_caught:
            raise self.failure(f"{self.name} {failure} within {seconds:g} s")
