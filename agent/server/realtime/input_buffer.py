"""The input audio buffer: what a client appends, on its way to the agent's ears."""

from bisect import bisect_right
from collections import deque
from typing import Any, Literal

import anyio
import numpy as np
from anyio.streams.memory import MemoryObjectReceiveStream, MemoryObjectSendStream
from numpy.typing import NDArray

from agent.events import Audio
from agent.graph import put
from agent.server.realtime.errors import RealtimeError

MAX_WAITING = 900.0
"""Seconds of sound that may wait to be heard: it may be sent faster than it is spoken."""
PIECE = 0.1
"""Seconds heard at once."""
SHORTEST = 100.0
"""Milliseconds that a client must have appended to commit them."""
_PLACES = 5000
"""Pieces of which it is remembered when they were heard."""


class InputBuffer:
    """A microphone: a stage that sends what is appended, each piece with its place in time.

    Sound that comes as it is spoken is heard now; what comes faster is heard as if it were spoken
    from now on, without a wait.
    """

    def __init__(self) -> None:
        self.since_commit_ms = 0.0
        """What has been appended since the last commit."""
        self._queue: deque[tuple[NDArray[np.int16], int, Literal["commit", "clear"] | None]] = (
            deque()
        )
        self._waiting = 0.0  # seconds
        self._more = anyio.Event()
        self._closed = False
        self._heard_ms = 0.0
        self._end = 0.0  # of what has been heard, on the clock of the loop
        self._times: deque[float] = deque(maxlen=_PLACES)
        self._places: deque[float] = deque(maxlen=_PLACES)

    def append(self, pcm: NDArray[np.int16], sample_rate: int) -> None:
        """Take more sound. Raises RealtimeError when too much waits already."""
        seconds = len(pcm) / sample_rate
        if self._waiting + seconds > MAX_WAITING:
            message = f"{MAX_WAITING:g} s of audio wait already: append it more slowly"
            raise RealtimeError(message, code="input_audio_buffer_full", param="audio")
        self._waiting += seconds
        self.since_commit_ms += seconds * 1000
        self._put(pcm, sample_rate, None)

    def commit(self) -> None:
        """End the turn with what has been appended. Raises RealtimeError if that is too little."""
        if self.since_commit_ms < SHORTEST:
            message = (
                f"Error committing input audio buffer: buffer too small. Expected at least "
                f"{SHORTEST:.0f}ms of audio, but buffer only has {self.since_commit_ms:.2f}ms of "
                "audio."
            )
            raise RealtimeError(message, code="input_audio_buffer_commit_empty")
        self.since_commit_ms = 0.0
        self._put(np.zeros(0, np.int16), 16000, "commit")

    def clear(self) -> None:
        """Forget what has been appended since the last commit."""
        self.since_commit_ms = 0.0
        self._put(np.zeros(0, np.int16), 16000, "clear")

    def close(self) -> None:
        """Nothing more comes."""
        self._closed = True
        self._more.set()

    @property
    def heard_ms(self) -> int:
        """How much has been heard, of all that was ever appended."""
        return round(self._heard_ms)

    def place(self, time: float) -> int:
        """The milliseconds of all that was ever appended which had been heard at `time`."""
        index = bisect_right(self._times, time) - 1
        if index < 0:
            return round(self._places[0]) if self._places else 0
        place = self._places[index] + (time - self._times[index]) * 1000
        end = self._places[index + 1] if index + 1 < len(self._places) else self._heard_ms
        return max(0, round(min(place, end)))

    async def __call__(
        self, _: MemoryObjectReceiveStream[Any], send: MemoryObjectSendStream[Audio], /
    ) -> None:
        """Be the microphone, until it is closed."""
        while True:
            while self._queue:
                pcm, rate, mark = self._next()
                size = round(PIECE * rate)
                for start in range(0, len(pcm), size):
                    await put(send, self._heard(pcm[start : start + size], rate))
                if mark is not None:
                    await send.send(Audio(np.zeros(0, np.float32), rate, self._end or None, mark))
            if self._closed:
                return
            await self._more.wait()
            self._more = anyio.Event()

    def _next(self) -> tuple[NDArray[np.int16], int, Literal["commit", "clear"] | None]:
        """Take what waits, small pieces as one: each costs as much on its way as a large one."""
        pcm, rate, mark = self._queue.popleft()
        parts, length, most = [pcm], len(pcm), PIECE * rate
        while mark is None and self._queue and self._queue[0][1] == rate and length < most:
            pcm, _, mark = self._queue.popleft()
            parts.append(pcm)
            length += len(pcm)
        return (pcm if len(parts) == 1 else np.concatenate(parts)), rate, mark

    def _heard(self, pcm: NDArray[np.int16], rate: int) -> Audio:
        seconds = len(pcm) / rate
        self._waiting -= seconds
        begin = max(self._end, anyio.current_time() - seconds)
        self._times.append(begin)
        self._places.append(self._heard_ms)
        self._end = begin + seconds
        self._heard_ms += seconds * 1000
        return Audio(pcm.astype(np.float32) / np.float32(32768), rate, begin)

    def _put(
        self, pcm: NDArray[np.int16], rate: int, mark: Literal["commit", "clear"] | None
    ) -> None:
        self._queue.append((pcm, rate, mark))
        self._more.set()
