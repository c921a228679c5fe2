"""The border to one engine: its failures, the limits on its time, and its new start."""

import logging
import math
from collections.abc import AsyncGenerator, Callable, Generator
from contextlib import AbstractAsyncContextManager, asynccontextmanager, contextmanager
from contextvars import ContextVar
from typing import Protocol, TypeVar, runtime_checkable

import anyio

from agent.events import Event, Report, WarningEvent
from agent.guards.foreign import describe, foreign
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


@contextmanager
def reporting(report: Report) -> Generator[None]:
    """Have `report` told, within the block and its tasks, what happens at the borders."""
    token = _report.set(report)
    try:
        yield
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
            cause: BaseException = error
            while isinstance(cause, BaseExceptionGroup) and len(cause.exceptions) == 1:
                cause = cause.exceptions[0]
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
        with anyio.move_on_after(END) as patience:
            try:
                with self.failing():
                    await self._engine.aclose()
            except self.failure as error:
                self.warn("close", f"{self.name} could not be closed: {error}")
        if patience.cancelled_caught:
            self.warn("close", f"{self.name} was not closed within {END:g} s")

    @asynccontextmanager
    async def use(
        self, open_: Callable[[], AbstractAsyncContextManager[T]]
    ) -> AsyncGenerator[tuple[T, "Use"]]:
        """Use the engine for one utterance or reply. Raises its protocol's error.

        One scope lies around all of it, for engines may keep scopes of their own open inside.
        """
        await self._start_anew()
        use = Use(self)
        raised: BaseException | None = None
        self._uses += 1
        try:
            with use.scope:
                with use.limited("did not begin", BEGIN):
                    manager = open_()
                    value = await manager.__aenter__()
                try:
                    yield value, use
                except BaseException as error:  # noqa: BLE001  (raised again once it has ended)
                    raised = error
                await self._leave(manager, use, raised)
                if raised is not None:
                    raise raised
        finally:
            self._uses -= 1
            self._hung = self._hung or use.scope.cancel_called
        if use.scope.cancelled_caught:
            if isinstance(raised, Exception):
                raise raised  # that it did not end after a failure either comes second
            if raised is None and use.begun:
                self.warn("hung", use.message)  # all was said and done but its end
            else:
                raise self.failure(use.message)

    async def _leave(
        self,
        manager: AbstractAsyncContextManager[object],
        use: "Use",
        raised: BaseException | None,
    ) -> None:
        """End a use. What fails now spoils nothing that was given: it is told and no more."""
        try:
            with use.limited("did not end", END):
                await manager.__aexit__(type(raised) if raised else None, raised, None)
        except self.failure as error:
            if raised is None:
                self.warn("end", f"{self.name} failed when all was done: {error}")

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
            with anyio.move_on_after(LOAD) as patience:
                await self.load()
            if patience.cancelled_caught:
                raise self.failure(f"{self.name} could not be started anew within {LOAD:g} s")
            self._hung = False
        finally:
            self._starting.set()
            self._starting = None
        took = anyio.current_time() - began
        self.warn("restarted", f"{self.name} hung, and was started anew ({took:.1f} s)")


class Use:
    """One use of an engine, in a scope that ends it when the engine keeps us waiting too long."""

    def __init__(self, border: Border) -> None:
        self.scope = anyio.CancelScope()
        self.begun = False
        self.message = ""
        self._border = border

    @contextmanager
    def limited(self, failure: str, seconds: float) -> Generator[None]:
        """Call the engine here, who may take so many seconds; `failure` says what it is then."""
        self.limit(failure, seconds)
        try:
            with self._border.failing():
                yield
            self.begun = True
        finally:
            self.limit(failure, None)

    def limit(self, failure: str, seconds: float | None) -> None:
        """End the use in so many seconds; None is never."""
        if self.scope.cancel_called:
            return
        if seconds is None:
            self.scope.deadline = math.inf
            return
        self.message = f"{self._border.name} {failure} within {seconds:g} s"
        self.scope.deadline = anyio.current_time() + seconds
