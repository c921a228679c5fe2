"""Blocks that have piled up, as one: what is late is caught up with, and each costs less."""

from dataclasses import replace

import anyio
import numpy as np
from anyio.streams.memory import MemoryObjectReceiveStream

from agent.events import Audio

LONGEST = 0.2
"""Seconds of the block that is made of several at most."""
GAP = 0.002
"""Seconds between two blocks that follow each other."""


class Gathering:
    """A receive stream of audio that joins the blocks which wait already."""

    def __init__(self, receive: MemoryObjectReceiveStream[Audio]) -> None:
        self._receive = receive
        self._next: Audio | None = None  # taken, and not to be joined
        self._ended = False

    async def receive(self, *, within: float | None = None) -> Audio:
        """Wait for a block, and join to it what waits behind it.

        Raises EndOfStream, and TimeoutError when none comes within so many seconds.
        """
        block, self._next = self._next, None
        if block is None:
            if self._ended:
                raise anyio.EndOfStream
            if within is None:
                block = await self._receive.receive()
            else:
                with anyio.fail_after(within):
                    block = await self._receive.receive()
        parts, duration = [block.pcm], block.duration
        while (
            block.mark is None
            and duration < LONGEST - GAP
            and (more := self._waiting()) is not None
        ):
            if not _follows(block, duration, more):
                self._next = more
                break
            parts.append(more.pcm)
            duration += more.duration
            block = replace(block, mark=more.mark)
        return block if len(parts) == 1 else replace(block, pcm=np.concatenate(parts))

    def _waiting(self) -> Audio | None:
        try:
            return self._receive.receive_nowait()
        except anyio.WouldBlock:
            return None
        except anyio.EndOfStream:
            self._ended = True
            return None


def _follows(block: Audio, duration: float, more: Audio) -> bool:
    """Whether a block begins where the one before it ends, in time and in kind."""
    if more.sample_rate != block.sample_rate or block.time is None or more.time is None:
        return False
    return abs(block.time + duration - more.time) < GAP
