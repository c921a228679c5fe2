"""A mailbox: a thread hands things to a task on the event loop without waiting for it."""

import math
from collections.abc import Callable
from contextlib import suppress
from functools import partial
from typing import Any, Generic, TypeVar

import anyio
from anyio.lowlevel import current_token

T = TypeVar("T")


class Mailbox(Generic[T]):
    """Passes items in order: any thread puts, one task gets. Create and close it on the loop.

    It has no limit of its own: what is put must be bounded by whoever puts.
    """

    def __init__(self) -> None:
        loop: Any = current_token().native_token
        self._call: Callable[[Callable[[], None]], object] = (
            loop.call_soon_threadsafe  # asyncio
            if hasattr(loop, "call_soon_threadsafe")
            else loop.run_sync_soon  # trio
        )
        self._send, self._receive = anyio.create_memory_object_stream[T](math.inf)

    def put(self, item: T) -> None:
        """Put an item, from any thread. Once mailbox or loop is closed it is dropped."""
        with suppress(RuntimeError):
            self._call(partial(self._put, item))

    async def get(self) -> T:
        """Wait for the next item."""
        return await self._receive.receive()

    def close(self) -> None:
        """Drop what has not been read."""
        self._send.close()
        self._receive.close()

    def _put(self, item: T) -> None:
        with suppress(anyio.ClosedResourceError):
            self._send.send_nowait(item)
