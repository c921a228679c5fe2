"""One use of an engine: an utterance or a reply, from its beginning to its end."""

import math
from collections.abc import Awaitable, Callable, Generator
from contextlib import AbstractContextManager, contextmanager
from typing import Any, TypeVar

import anyio
import anyio.lowlevel

from agent.engines.apart import Call

T = TypeVar("T")


class Use:
    """One use of an engine: calls in the engine's task, and a limit on how long they are awaited.

    The scope is that of whoever uses it; it ends the use when the engine keeps us waiting too long.
    """

    def __init__(
        self,
        name: str,
        failure: type[Exception],
        failing: Callable[[], AbstractContextManager[None]],
    ) -> None:
        """`name` is the engine's, `failure` its protocol's error, as `failing` makes all of it."""
        self.scope = anyio.CancelScope()
        self.begun = Call[None](anyio.lowlevel.checkpoint)
        """The first call: it has been made once the engine has begun."""
        self.message = ""
        """What is said when the limit is over."""
        self.failure: Exception | None = None
        """What came out of the engine's task in the end."""
        self._name, self._error, self._failing = name, failure, failing
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
        return self.failure or self._error(f"{self._name} ended by itself")

    @contextmanager
    def limited(self, failure: str, seconds: float, spent: float = 0.0) -> Generator[None]:
        """Await the engine here, which may take so many seconds; `failure` says what it did not.

        `spent`: how many of them are over already.
        """
        self.limit(failure, seconds, spent)
        try:
            with self._failing():
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
        self.message = f"{self._name} {failure} within {seconds:g} s"
        self.scope.deadline = anyio.current_time() + seconds - spent
