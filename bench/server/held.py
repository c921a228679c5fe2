"""How long callbacks hold the event loop, and what the process holds."""

import asyncio
import gc
import os
import threading
import time
from dataclasses import dataclass
from pathlib import Path

import anyio
import anyio.to_thread


class Held:
    """How long each callback holds the event loop, in milliseconds, while it is in a block."""

    def __init__(self) -> None:
        self.times: list[float] = []

    def __enter__(self) -> "Held":
        self._run = run = asyncio.events.Handle._run
        times = self.times

        def timed(handle: asyncio.Handle) -> None:
            begun = time.perf_counter()
            try:
                run(handle)
            finally:
                times.append((time.perf_counter() - begun) * 1000)

        asyncio.events.Handle._run = timed  # type: ignore[method-assign, assignment]
        return self

    def __exit__(self, *_: object) -> None:
        asyncio.events.Handle._run = self._run  # type: ignore[method-assign]


@dataclass(frozen=True, slots=True)
class Footprint:
    """What this process holds: memory in MB, threads, descriptors."""

    mb: float
    threads: int
    descriptors: int


def held_now() -> Footprint:
    """Look at this process."""
    gc.collect()
    pages = int(Path("/proc/self/statm").read_text(encoding="ascii").split()[1])
    mb = pages * os.sysconf("SC_PAGE_SIZE") / 2**20
    return Footprint(mb, threading.active_count(), len(os.listdir("/proc/self/fd")))


async def footprint() -> Footprint:
    """Look, once what is over has been given back."""
    await anyio.sleep(1.0)
    return await anyio.to_thread.run_sync(held_now)
