"""The gate: the user's own say over what is heard of them."""

from dataclasses import replace
from typing import Literal

import anyio
import numpy as np
from anyio.streams.memory import MemoryObjectSendStream

from agent.events import MICROPHONE_RATE, Audio

_NOTHING = np.zeros(0, np.float32)


class Gate:
    """A gate makes the microphone's blocks silent while muted, and puts marks between them."""

    def __init__(self) -> None:
        self.muted = False
        self._marks: list[Literal["commit", "clear"]] = []
        self._marked = anyio.Event()

    def mark(self, mark: Literal["commit", "clear"]) -> None:
        """Say that the turn is over, or to be forgotten, with what has been heard by now."""
        self._marks.append(mark)
        self._marked.set()

    def pass_on(self, block: Audio) -> Audio:
        """Return a block as it may be heard."""
        return replace(block, pcm=np.zeros_like(block.pcm)) if self.muted else block

    async def send_marks(self, send: MemoryObjectSendStream[Audio]) -> None:
        """Send each mark when it is made, until cancelled."""
        while True:
            await self._marked.wait()
            self._marked = anyio.Event()
            while self._marks:
                await send.send(Audio(_NOTHING, MICROPHONE_RATE, mark=self._marks.pop(0)))
