"""The gate: the user's own say over what is heard of them."""

from dataclasses import replace
from typing import Any

import anyio
import numpy as np
from anyio.streams.memory import MemoryObjectReceiveStream, MemoryObjectSendStream

from agent.events import MICROPHONE_RATE, Audio, Mark
from agent.graph import Stage, task_group

_NOTHING = np.zeros(0, np.float32)


class Gate:
    """A gate makes silence of what is captured while muted, and puts marks between the blocks."""

    def __init__(self) -> None:
        self._muted = False
        self._opened: float | None = None  # when it was last unmuted
        self._marks: list[Mark] = []
        self._marked = anyio.Event()

    @property
    def muted(self) -> bool:
        """Whether nothing is to be heard."""
        return self._muted

    @muted.setter
    def muted(self, muted: bool) -> None:
        if self._muted and not muted:
            self._opened = anyio.current_time()
        self._muted = muted

    def silence(self, block: Audio) -> Audio:
        """Return the block with zeros for every sample that was captured while muted.

        Those too that were on their way when it was muted, or still are when it no longer is.
        """
        if self._muted:
            return replace(block, pcm=np.zeros_like(block.pcm))
        if self._opened is None:
            return block
        begin = anyio.current_time() - block.duration if block.time is None else block.time
        closed = int(np.ceil((self._opened - begin) * block.sample_rate))
        if closed <= 0:
            self._opened = None
            return block
        pcm = block.pcm.copy()
        pcm[:closed] = 0
        return replace(block, pcm=pcm)

    def mark(self, mark: Mark) -> None:
        """Say that the turn begins, is over or to be forgotten, with what was heard by now."""
        self._marks.append(mark)
        self._marked.set()

    def before(self, microphone: Stage[Any, Audio]) -> Stage[Any, Audio]:
        """Return a microphone, with each mark after what it had sent when it was made."""

        async def marked(
            receive: MemoryObjectReceiveStream[Any], send: MemoryObjectSendStream[Audio], /
        ) -> None:
            async with task_group() as tasks:
                tasks.start_soon(self._send_marks, send)
                await microphone(receive, send)
                tasks.cancel_scope.cancel()

        return marked

    async def _send_marks(self, send: MemoryObjectSendStream[Audio]) -> None:
        while True:
            await self._marked.wait()
            self._marked = anyio.Event()
            while self._marks:
                await send.send(Audio(_NOTHING, MICROPHONE_RATE, mark=self._marks.pop(0)))
