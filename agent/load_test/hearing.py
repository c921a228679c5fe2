"""What a client hears that plays what it is sent: replies, when they begin, and gaps in them."""

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import anyio

from agent.load_test.speech import RATE

_SECOND = RATE * 2 * 4 / 3
"""Characters of base64 that a second of 16 bit samples takes."""


@dataclass(slots=True)
class HeardReply:
    """A reply as it sounds at the client; times in seconds on anyio's clock."""

    id: str
    began: float
    until: float
    """When what has come of it has sounded."""
    gaps: list[float] = field(default_factory=list)
    """How long it was silent each time its sound came too late."""
    cut: float | None = None
    """When the client was told to stop it, if it sounded then."""
    problem: str = ""
    """Why there is none."""
    over: anyio.Event = field(default_factory=anyio.Event)
    """Nothing more of it comes."""


class Ears:
    """Ears of one client, which are given the server's events."""

    def __init__(self, begun: Callable[[HeardReply], object] = lambda _: None) -> None:
        """`begun` is told of each reply at its first sound, or that it has failed."""
        self.replies: list[HeardReply] = []
        self._begun = begun

    def take(self, event: dict[str, Any]) -> None:
        """Hear what an event brings; events of other kinds change nothing."""
        match event:
            case {"type": "response.output_audio.delta", "response_id": id, "delta": sound}:
                self._sound(id, len(sound) / _SECOND)
            case {"type": "input_audio_buffer.speech_started"}:
                self._stop()
            case {"type": "response.done", "response": {"id": id, "status": status}}:
                self._done(id, status)

    def _sound(self, reply_id: str, seconds: float) -> None:
        now = anyio.current_time()
        reply = self._latest(reply_id)
        if reply is None:
            reply = HeardReply(reply_id, now, now)
            self.replies.append(reply)
            self._begun(reply)
        elif now > reply.until and reply.cut is None:
            reply.gaps.append(now - reply.until)
        reply.until = max(reply.until, now) + seconds

    def _stop(self) -> None:
        """The user is heard: a client stops its player."""
        now = anyio.current_time()
        if self.replies and self.replies[-1].cut is None and now < self.replies[-1].until:
            self.replies[-1].cut = self.replies[-1].until = now

    def _done(self, reply_id: str, status: str) -> None:
        reply = self._latest(reply_id)
        if reply is not None:
            reply.over.set()
        elif status != "cancelled":  # as one is that the user has cut before its first sound
            now = anyio.current_time()
            problem = "an answer failed" if status == "failed" else "an answer had no sound"
            self._begun(HeardReply(reply_id, now, now, problem=problem))

    def _latest(self, reply_id: str) -> HeardReply | None:
        """The reply, if it is the latest: a server speaks one at a time."""
        return self.replies[-1] if self.replies and self.replies[-1].id == reply_id else None
