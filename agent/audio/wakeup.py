"""How another thread, even a sound card's callback, wakes a task without waiting for it."""

from collections.abc import Callable
from contextlib import suppress
from functools import partial
from typing import Any

import anyio
from anyio.lowlevel import current_token


class Wakeup:
    """A bell: any thread rings it, tasks on the loop hear it; it carries no data.

    Create it on the loop. A task that waits for a condition checks it before each `wait`, so
    that several tasks may share one bell and a ring too many does no harm.
    """

    def __init__(self) -> None:
        loop: Any = current_token().native_token
        self._call: Callable[[Callable[[], None]], object] = (
            loop.call_soon_threadsafe  # asyncio
            if hasattr(loop, "call_soon_threadsafe")
            else partial(loop.run_sync_soon, idempotent=True)  # trio
        )
        self._rung = anyio.Event()
        self._on_its_way = False

    def set(self) -> None:
        """Wake whoever waits, or the next who does. Any thread; a closed loop is no error."""
        if self._on_its_way:
            return
        self._on_its_way = True
        with suppress(RuntimeError):  # the loop is closed: nobody is left to wake
            self._call(self._ring)

    def _ring(self) -> None:
        # In this order: a thread that still sees the old flag has its data in place already, and
        # the task that is woken next will find it.
        self._on_its_way = False
        self._rung.set()

    async def wait(self) -> None:
        """Return once `set` has been called since the last wait; many calls count as one."""
        rung = self._rung
        await rung.wait()
        if self._rung is rung:
            self._rung = anyio.Event()
