"""Keys on their way from the thread that reads them to the loop."""

from collections.abc import AsyncGenerator, Iterable
from contextlib import suppress
from queue import Empty, Full, Queue

from agent.audio.wakeup import Wakeup
from agent.cli.keys.decoder import Key

_AHEAD = 256  # keys that wait to be taken; more are lost


class KeyQueue:
    """A queue of keys. Make it on the loop; `put` is for any thread."""

    def __init__(self) -> None:
        self._queue: Queue[Key] = Queue(_AHEAD)
        self._wakeup = Wakeup()

    def put(self, keys: Iterable[Key]) -> None:
        """Add keys."""
        for key in keys:
            with suppress(Full):
                self._queue.put_nowait(key)
        self._wakeup.set()

    async def keys(self) -> AsyncGenerator[Key]:
        """Each key as it comes."""
        while True:
            try:
                key = self._queue.get_nowait()
            except Empty:
                await self._wakeup.wait()
                continue
            yield key
