"""The gate: the user's own say over what is heard of them."""

from typing import Any, Literal

import anyio
import numpy as np
from anyio.streams.memory import MemoryObjectReceiveStream, MemoryObjectSendStream

from agent.events import MICROPHONE_RATE, Audio
from agent.graph import Stage, task_group

_NOTHING = np.zeros(0, np.float32)


class Gate:
    """A gate says that nothing is to be heard while muted, and puts marks between the blocks."""

    def __init__(self) -> None:
        self.muted = False
        self._marks: list[Literal["commit", "clear"]] = []
        self._marked = anyio.Event()

    def mark(self, mark: Literal["commit", "clear"]) -> None:
        """Say that the turn is over, or to be forgotten, with what has been heard by now."""
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
