"""The gate: the user's own say over what is heard of them."""

from dataclasses import replace
from typing import Literal

import anyio
import numpy as np
from anyio.streams.memory import MemoryObjectReceiveStream, MemoryObjectSendStream

from agent.events import MICROPHONE_RATE, Audio

_NOTHING = np.zeros(0, np.float32)


class Gate:
    """A stage that passes the microphone's blocks on, silent while muted, with marks in between."""

    def __init__(self) -> None:
        self.muted = False
        self._marks: list[Literal["commit", "clear"]] = []
        self._marked = anyio.Event()

    def mark(self, mark: Literal["commit", "clear"]) -> None:
        """Say that the turn is over, or to be forgotten, with what has been heard by now."""
        self._marks.append(mark)
        self._marked.set()

    async def __call__(
        self, receive: MemoryObjectReceiveStream[Audio], send: MemoryObjectSendStream[Audio], /
    ) -> None:
        """Run until the microphone ends."""
        async with anyio.create_task_group() as tasks:
            tasks.start_soon(self._send_marks, send)
            async for block in receive:
                await send.send(
                    replace(block, pcm=np.zeros_like(block.pcm)) if self.muted else block
                )
            tasks.cancel_scope.cancel()

    async def _send_marks(self, send: MemoryObjectSendStream[Audio]) -> None:
        while True:
            await self._marked.wait()
            self._marked = anyio.Event()
            while self._marks:
                await send.send(Audio(_NOTHING, MICROPHONE_RATE, mark=self._marks.pop(0)))
