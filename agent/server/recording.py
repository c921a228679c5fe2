"""Recordings of the server's conversations, where `server.record` names a folder."""

from collections import deque
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path

import anyio
import numpy as np
from numpy.typing import NDArray

from agent.audio.recorder import Recorder
from agent.events import AssistantInterrupted, Audio, Event, Report


class SessionRecording:
    """Recording of a session: the user left, the agent right as it is heard, and the words.

    A client that is sent sound ahead of time plays it in its own time: it is placed where it is
    heard, and what an interruption leaves unheard is not there.
    """

    def __init__(self, recorder: Recorder) -> None:
        self._recorder = recorder
        self._ahead: deque[Audio] = deque()  # sent, and not heard yet
        self._until = 0.0  # when all that was sent will have been heard

    def user(self, block: Audio) -> None:
        """Take a block of the user's."""
        self._recorder.user(block)
        self.catch_up()

    def agent(self, block: Audio) -> None:
        """Take a block of the agent's that is heard now."""
        self._recorder.agent(block)

    def sent(self, pcm: NDArray[np.float32], sample_rate: int) -> None:
        """Take sound of the agent's [n] that the client plays after all it was sent before."""
        block = Audio(pcm, sample_rate, max(anyio.current_time(), self._until))
        self._until = (block.time or 0.0) + block.duration
        self._ahead.append(block)
        self.catch_up()

    def event(self, event: Event) -> None:
        """Take an event: what is said, or that the rest of a reply is not heard."""
        self._recorder.event(event)
        if isinstance(event, AssistantInterrupted):
            self.catch_up(cut=True)

    def catch_up(self, *, cut: bool = False) -> None:
        """Write what has been heard by now; `cut`: nothing more will be of the rest."""
        now = anyio.current_time()
        while self._ahead:
            block = self._ahead[0]
            begin = block.time or 0.0
            if begin + block.duration > now:
                heard = max(0, round((now - begin) * block.sample_rate))
                if cut and heard:
                    self._recorder.agent(Audio(block.pcm[:heard], block.sample_rate, begin))
                break
            self._recorder.agent(self._ahead.popleft())
        if cut:
            self._ahead.clear()
            self._until = now


@contextmanager
def recorded(
    folder: str | None, session: str, sample_rate: int, report: Report
) -> Iterator[SessionRecording | None]:
    """Record a session into a folder of its own below `folder`; None where that is none.

    Raises ParleyError if it cannot be made.
    """
    if folder is None:
        yield None
        return
    day = datetime.now(UTC).strftime("%Y-%m-%d-%H%M%S")
    place = Path(folder).expanduser() / f"{day}-{session}"
    with Recorder(place, sample_rate, report) as recorder:
        recording = SessionRecording(recorder)
        try:
            yield recording
        finally:
            recording.catch_up(cut=True)
