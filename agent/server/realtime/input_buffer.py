"""The input audio buffer: what a client appends, on its way to the agent's ears."""

from bisect import bisect_right
from collections import deque
from dataclasses import replace
from typing import Any, Literal

import anyio
import numpy as np
from anyio.streams.memory import MemoryObjectReceiveStream, MemoryObjectSendStream
from numpy.typing import NDArray

from agent.audio.noise_reduction import NoiseReduction
from agent.events import MICROPHONE_RATE, Audio
from agent.graph import put
from agent.server.realtime.errors import RealtimeError
from agent.server.realtime.formats import Coded
from agent.server.realtime.latest_sound import LatestSound

MAX_WAITING = 48 << 20
"""Bytes of sound that may wait to be heard: it may be sent faster than it is spoken."""
PIECE = 0.1
"""Seconds heard at once."""
CATCH_UP = 0.1
"""How much faster time goes by, for sound that is ahead of its time, until it is so no more."""
SHORTEST = 100.0
"""Milliseconds that a client must have appended to commit them."""
WINDOW = 0.032
"""Seconds that a voice detector judges at once: less is nothing new to anybody."""
Mark = Literal["commit", "clear"]
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
        self.noise_reduction: NoiseReduction | None = None
        """What takes the noise out of it, if it is wanted."""
        self.detected = True
        """Whether somebody judges by windows when a turn is over: else all is heard as it comes."""
        self.latest = LatestSound()
        """As it came."""
        self._queue: deque[Coded | Mark] = deque()
        self._late: deque[Audio] = deque()  # heard, and then there was no room
        self._send: MemoryObjectSendStream[Audio] | None = None
        self._busy = False  # with what waited
        self._partial = False  # what waits is too little for a window
        self._since_mark = 0  # samples that were heard
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
        self.latest.add(sound)
        self._held += sound.codes.nbytes
        self._waiting += sound.seconds
        self.since_commit_ms += sound.seconds * 1000
        self._put(sound)

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
        self._put("commit")

    def clear(self) -> None:
        """Forget what has been appended since the last commit."""
        self.since_commit_ms = 0.0
        self._put("clear")

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
        """Be the microphone, until it is closed: send what found no room when it was appended."""
        self._begin = self._end = self._latest = anyio.current_time()  # nothing was spoken before
        self._send = send
        try:
            while not self._closed or self._waits:
                await self._more.wait()
                self._more = anyio.Event()
                self._busy = True
                while self._waits:
                    await put(send, self._late.popleft() if self._late else self._next())
                self._busy = False
        finally:
            self._send = None

    @property
    def _waits(self) -> bool:
        return bool(self._queue or self._late)

    def _put(self, what: Coded | Mark) -> None:
        """Send it at once where there is room: to wake a task for it would cost more."""
        first = not self._busy and (self._partial or not self._waits)
        self._queue.append(what)
        in_time = first and (isinstance(what, str) or self._in_time())
        self._partial = in_time and not self._fills_window(what)
        if self._partial:
            return
        if in_time:
            self._send_now()
        if self._waits:
            self._more.set()

    def _in_time(self) -> bool:
        """Whether it follows what was heard; behind sound that comes late there may be more."""
        return anyio.current_time() - self._latest < 2 * self._waiting

    def _fills_window(self, what: Coded | Mark) -> bool:
        """Whether a window of the voice detector is full with it, or all has to be heard anyway."""
        if isinstance(what, str) or not self.detected:
            return True
        if self.noise_reduction is not None or self._send is None:
            return True
        size = round(WINDOW * what.rate)
        waiting = round(self._waiting * what.rate)
        return self._since_mark % size + waiting >= size

    def _send_now(self) -> None:
        while self._send is not None and self._queue and not self._late:
            piece = self._next()
            try:
                self._send.send_nowait(piece)
            except anyio.WouldBlock:
                self._late.append(piece)
            except (anyio.BrokenResourceError, anyio.ClosedResourceError):
                pass  # the conversation is over

    def _next(self) -> Audio:
        """Take a piece of what waits, small ones as one: each costs as much as a large one."""
        sound = self._queue.popleft()
        if isinstance(sound, str):
            return self._marked(sound)
        most = round(PIECE * sound.rate)
        if len(sound) > most:
            self._queue.appendleft(sound[most:])
            return self._heard(sound[:most])
        parts, length, form = [sound.codes], len(sound), (sound.rate, sound.kind)
        while self._queue and not isinstance(more := self._queue[0], str):
            if (more.rate, more.kind) != form or length + len(more) > most:
                break
            self._queue.popleft()
            parts.append(more.codes)
            length += len(more)
        codes: NDArray[Any] = sound.codes if len(parts) == 1 else np.concatenate(parts)
        return self._heard(Coded(codes, *form))

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
        self._since_mark += len(sound)
        self._times.append(begin)
        self._places.append(self._heard_ms)
        self._begin, self._end = begin, begin + seconds
        self._heard_ms += seconds * 1000
        heard = Audio(sound.linear(), sound.rate, begin)
        return heard if self.noise_reduction is None else self.noise_reduction(heard)

    def _marked(self, mark: Mark) -> Audio:
        """A mark, with what is still held back of the sound before it."""
        self._since_mark = 0
        if self.noise_reduction is None:
            return Audio(np.zeros(0, np.float32), MICROPHONE_RATE, self._end, mark)
        return replace(self.noise_reduction.flush(self._end), mark=mark)
