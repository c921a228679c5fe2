"""A monitor of what a playback renders, from the driver's thread to a task."""

from collections import deque
from collections.abc import Callable

import anyio
import anyio.lowlevel
import numpy as np
from numpy.typing import NDArray

from agent.audio.ring import Ring
from agent.audio.wakeup import Wakeup
from agent.events import Audio

_LAG = 4.0  # seconds that a monitor may lag behind


class Monitor:
    """An async iterator of the `Audio` that was rendered; `time` is when it leaves the speaker.

    After `close` it gives what it has and ends. A monitor that nobody reads loses whole blocks,
    seen as jumps in `time`.
    """

    def __init__(self, sample_rate: int, remove: Callable[["Monitor"], None]) -> None:
        """Made by `Playback.monitor`; `remove` ends the tapping."""
        self._rate = sample_rate
        self._remove = remove
        self._ring = Ring(int(_LAG * sample_rate))
        self._blocks: deque[tuple[int, float]] = deque()
        self._wakeup = Wakeup()
        self._closed = False

    def close(self) -> None:
        """Tap no more."""
        self._closed = True
        self._remove(self)
        self._wakeup.set()

    def __aiter__(self) -> "Monitor":
        return self

    async def __anext__(self) -> Audio:
        await anyio.lowlevel.checkpoint()
        while not self._blocks:
            if self._closed:
                raise StopAsyncIteration
            await self._wakeup.wait()
        count, when = self._blocks.popleft()
        pcm = np.empty(count, np.float32)
        self._ring.read(pcm)
        return Audio(pcm, self._rate, when)

    def tap(self, out: NDArray[np.float32], when: float) -> None:
        """Driver: a block has been rendered."""
        if self._ring.writable >= len(out):
            self._ring.write(out)
            self._blocks.append((len(out), when))
            self._wakeup.set()
