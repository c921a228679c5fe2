"""A loop on which time passes as soon as everybody waits for it: hours take moments."""

import asyncio
import selectors
import time

from agent.guards.thread import left_behind

PATIENCE = 1.0
"""Real seconds that time stands still for a thread at work; then it passes as it does."""
POLL = 0.001


class _Selector(selectors.DefaultSelector):
    """Waits for nothing that happens in virtual time, but for what threads and files bring."""

    def __init__(self) -> None:
        super().__init__()
        self.now = 0.0
        self._working = 0.0  # real seconds that a thread has been at work

    def select(self, timeout: float | None = None) -> list[tuple[selectors.SelectorKey, int]]:
        ready = super().select(0)
        if ready or (timeout is not None and timeout <= 0):
            return ready
        if timeout is None:
            return super().select(None)
        if not left_behind():
            self._working = 0.0
            self.now += timeout
            return []
        began = time.monotonic()
        ready = super().select(POLL)
        passed = time.monotonic() - began
        self._working += passed
        if self._working > PATIENCE:
            self.now += min(passed, timeout)
        return ready


class VirtualLoop(asyncio.SelectorEventLoop):
    """An asyncio loop whose time is virtual, and in which equal things happen in equal order."""

    def __init__(self) -> None:
        self._virtual = _Selector()
        super().__init__(self._virtual)
        self._clock_resolution = 1e-9

    def time(self) -> float:
        """Seconds since it was made."""
        return self._virtual.now
