"""A thread-safe event: a thread, even a sound card's callback, wakes a task without waiting."""

from collections.abc import Callable
from contextlib import suppress
from functools import partial
from typing import Any

import anyio
from anyio.lowlevel import current_token


class Wakeup:
    """An event that any thread sets and tasks on the loop wait for; it carries no data.

    Create it on the loop. A task that waits for a condition checks it before each `wait`, so
    that several tasks may share one event, and one that is set too often does no harm.
    """

    def __init__(self) -> None:
        loop: Any = current_token().native_token
        self._post: Callable[[Callable[[], None]], object] = (
            loop.call_soon_threadsafe  # asyncio
            if hasattr(loop, "call_soon_threadsafe")
            else partial(loop.run_sync_soon, idempotent=True)  # trio
        )
        self._event = anyio.Event()
        self._posted = False

    def set(self) -> None:
        """Wake whoever waits, or the next who does. Any thread; a closed loop is no error."""
        if self._posted:
            return
        self._posted = True
        with suppress(RuntimeError):  # the loop is closed: nobody is left to wake
            self._post(self._wake)

    def _wake(self) -> None:
        # In this order: a thread that still sees the old flag has its data in place already, and
        # the task that is woken next will find it.
        self._posted = False
        self._event.set()

    async def wait(self) -> None:
        """Return once `set` has been called since the last wait; many calls count as one."""
        event = self._event
        await event.wait()
        if self._event is event:
            self._event = anyio.Event()
