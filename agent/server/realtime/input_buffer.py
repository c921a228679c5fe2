"""The input audio buffer: what a client appends, on its way to the agent's ears."""

from bisect import bisect_right
from collections import deque
from typing import Any, Literal

import anyio
import numpy as np
from anyio.streams.memory import MemoryObjectReceiveStream, MemoryObjectSendStream

from agent.events import Audio
from agent.graph import put
from agent.server.realtime.errors import RealtimeError
from agent.server.realtime.formats import Coded

MAX_WAITING = 48 << 20
"""Bytes of sound that may wait to be heard: it may be sent faster than it is spoken."""
PIECE = 0.1
"""Seconds heard at once."""
CATCH_UP = 0.1
"""How much faster time goes by, for sound that is ahead of its time, until it is so no more."""
SHORTEST = 100.0
"""Milliseconds that a client must have appended to commit them."""
Mark = Literal["commit", "clear"]
_NOTHING = Coded(np.zeros(0, np.int16), 16000)
_PLACES = 5000
"""Pieces of which it is remembered when they were heard."""


class InputBuffer:
    """A microphone: a stage that sends what is appended, each piece with its place in time.

    Sound that comes as it is spoken is heard now. What waits when it is heard came late, as after a
    network's pause, and was spoken until now; if that cannot be, for there is more than there was
    time, it was sent faster than it is spoken, and is heard as if it were spoken from now on,
    without a wait. What follows is ahead of its time then, and catches up by and by.
    """

    def __init__(self) -> None:
        self.since_commit_ms = 0.0
        """What has been appended since the last commit."""
        self._queue: deque[tuple[Coded, Mark | None]] = deque()
        self._waiting = 0.0  # seconds
        self._held = 0  # bytes
        self._more = anyio.Event()
        self._closed = False
        self._heard_ms = 0.0
        # Of the latest piece heard, on the clock of the loop: and when it was.
        self._begin = self._end = self._latest = 0.0
        self._times: deque[float] = deque(maxlen=_PLACES)
        self._places: deque[float] = deque(maxlen=_PLACES)

    def append(self, sound: Coded) -> None:
        """Take more sound. Raises RealtimeError when too much waits already."""
        if self._held + sound.codes.nbytes > MAX_WAITING:
            message = f"{MAX_WAITING >> 20} MiB of audio wait already: append it more slowly"
            raise RealtimeError(message, code="input_audio_buffer_full", param="audio")
        self._held += sound.codes.nbytes
        self._waiting += sound.seconds
        self.since_commit_ms += sound.seconds * 1000
        self._put(sound, None)

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
        self._put(_NOTHING, "commit")

    def clear(self) -> None:
        """Forget what has been appended since the last commit."""
        self.since_commit_ms = 0.0
        self._put(_NOTHING, "clear")

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
        self._begin = self._end = self._latest = anyio.current_time()  # nothing was spoken before
        while True:
            while self._queue:
                sound, mark = self._next()
                size = round(PIECE * sound.rate)
                for start in range(0, len(sound), size):
                    await put(send, self._heard(sound[start : start + size]))
                if mark is not None:
                    nothing = np.zeros(0, np.float32)
                    await send.send(Audio(nothing, sound.rate, self._end, mark))
            if self._closed:
                return
            await self._more.wait()
            self._more = anyio.Event()

    def _next(self) -> tuple[Coded, Mark | None]:
        """Take what waits, small pieces as one: each costs as much on its way as a large one."""
        sound, mark = self._queue.popleft()
        parts, length, most = [sound], len(sound), PIECE * sound.rate
        while mark is None and self._queue:
            following = self._queue[0][0]
            same = not len(following) or (following.rate, following.kind) == (
                sound.rate,
                sound.kind,
            )
            if not same or length + len(following) > most:
                break
            following, mark = self._queue.popleft()
            parts.append(following)
            length += len(following)
        if len(parts) == 1:
            return sound, mark
        codes = np.concatenate([part.codes for part in parts if len(part)] or [sound.codes])
        return Coded(codes, sound.rate, sound.kind), mark

    def _heard(self, sound: Coded) -> Audio:
        now, seconds = anyio.current_time(), sound.seconds
        # When it began if all that waits has just been spoken, and when if it follows what was.
        begin = now - self._waiting
        if begin < self._end:
            back = CATCH_UP * min(seconds, now - self._latest)
            begin = max(begin, self._end - back, self._begin)
        self._waiting = max(0.0, self._waiting - seconds)
        self._held -= sound.codes.nbytes
        self._latest = now
        self._times.append(begin)
        self._places.append(self._heard_ms)
        self._begin, self._end = begin, begin + seconds
        self._heard_ms += seconds * 1000
        return Audio(sound.linear(), sound.rate, begin)

    def _put(self, sound: Coded, mark: Mark | None) -> None:
        self._queue.append((sound, mark))
        self._more.set()
