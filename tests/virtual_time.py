"""Virtual clocks that wait for worker threads: what they compute takes no virtual time."""

import math
from collections.abc import Awaitable, Callable
from typing import Any

import trio
from trio.testing import MockClock

_running: dict[MockClock, int] = {}


def with_clocks_waiting(run_sync: Callable[..., Awaitable[Any]]) -> Callable[..., Awaitable[Any]]:
    """`anyio.to_thread.run_sync` during which a virtual clock does not jump.

    Without it a test's limits are over as soon as everybody waits for a thread, if nothing else
    happens to keep the loop awake. What may be abandoned is not waited for: it may never end.
    """

    async def patient(*args: Any, abandon_on_cancel: bool = False, **kwargs: Any) -> Any:
        clock = None if abandon_on_cancel else _virtual_clock()
        if clock is None:
            return await run_sync(*args, abandon_on_cancel=abandon_on_cancel, **kwargs)
        _count(clock, 1)
        try:
            return await run_sync(*args, **kwargs)
        finally:
            _count(clock, -1)

    return patient


def _virtual_clock() -> MockClock | None:
    """The clock of this loop, if it jumps."""
    try:
        clock = trio.lowlevel.current_clock()
    except RuntimeError:  # asyncio's
        return None
    jumps = isinstance(clock, MockClock) and (clock in _running or clock.autojump_threshold == 0)
    return clock if jumps and isinstance(clock, MockClock) else None


def _count(clock: MockClock, change: int) -> None:
    running = _running.pop(clock, 0) + change
    if running:
        _running[clock] = running
    clock.autojump_threshold = math.inf if running else 0
