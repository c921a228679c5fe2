"""The user's turns as the client is told them: speech, commits, items, transcripts.

While the agent sounds, a voice is told of only once it is known to interrupt: a client that is told
stops its player, and "mm-hm" is no reason to.
"""

from collections import deque
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from agent.conversation.activity import (
    TurnDecided,
    TurnFailed,
    TurnStarted,
    TurnStopped,
    TurnWords,
)
from agent.server.agreed import agreed
from agent.server.realtime.input_buffer import InputBuffer
from agent.server.realtime.items import Items, Kept, new_id
from agent.server.realtime.session_parts import Input, ServerVad


@dataclass(slots=True)
class _Turn:
    """What is known of a turn."""

    item: str
    start: float
    manual: bool
    told: bool = False
    """Whether the client knows that it began."""
    start_ms: int = 0
    """Where, as it was told."""
    stop: float | None = None
    has_item: bool = False
    text: str = ""
    final: bool = False
    sent: int = 0
    """Words of the transcript that were sent."""
    seen: tuple[str, ...] = ()
    """The words at the last partial transcript."""
    agreed: int = 0
    """Words at its beginning that two transcripts agree on; not the last, which may be half one."""

    def hear(self, text: str, *, final: bool) -> None:
        """Take a transcript of it so far."""
        words = tuple(text.split())
        self.agreed = agreed(self.seen, words)
        self.text, self.final, self.seen = text, final, words


class UserTurns:
    """The user's turns, each an item from its end on."""

    def __init__(
        self,
        items: Items,
        buffer: InputBuffer,
        send: Callable[[dict[str, Any]], None],
        forget: Callable[[str], None],
    ) -> None:
        """`forget` is told of a turn, by its key, whose item has been deleted before it ended."""
        self._forget = forget
        self.settings = Input()
        self._items = items
        self._buffer = buffer
        self._send = send
        self._turns: dict[int, _Turn] = {}
        self._committed: deque[str] = deque()  # items of turns whose end is on its way

    def commit(self) -> None:
        """The client commits: an item at once, its words later. Raises RealtimeError."""
        end, length = self._buffer.latest.end_ms, self._buffer.since_commit_ms
        self._buffer.commit()
        open_ = [t for t in self._turns.values() if t.told and not t.manual and t.stop is None]
        item_id = open_[-1].item if open_ else new_id("item")
        self._committed.append(item_id)
        self._make_item(item_id, end - length, end)

    def started(self, event: TurnStarted) -> None:
        """A voice, or what will be committed."""
        turn = _Turn(new_id("item"), event.start, event.manual)
        self._turns[event.turn] = turn
        detection = self.settings.turn_detection
        waits = event.over is not None and detection is not None and detection.interrupt_response
        if not event.manual and not waits:
            self._tell_start(turn)

    def interrupts(self) -> None:
        """The voice is meant to interrupt the agent."""
        for turn in self._turns.values():
            if not turn.told and not turn.manual and turn.stop is None:
                self._tell_start(turn)

    def stopped(self, event: TurnStopped) -> None:
        """The end of a turn."""
        turn = self._turns.get(event.turn)
        if turn is None:
            return
        turn.stop = event.stop
        if event.dropped:
            del self._turns[event.turn]
        elif event.committed and self._committed:
            turn.item, turn.has_item, turn.told = self._committed.popleft(), True, True
            self._name(event.turn, turn)
        elif turn.manual:
            places = self._buffer.place(turn.start), self._buffer.place(turn.stop or turn.start)
            self._make_item(turn.item, *places)  # it was cut: as long as one may be
            turn.has_item = turn.told = True
            self._name(event.turn, turn)
        elif turn.told:
            self._tell_stop(event.turn, turn)

    def words(self, event: TurnWords) -> None:
        """What is understood of it."""
        if (turn := self._turns.get(event.turn)) is None:
            return
        turn.hear(event.text, final=event.final)
        if turn.has_item:
            self._transcript(turn)

    def decided(self, event: TurnDecided) -> None:
        """What is made of it: one that the client knows nothing of is told now, or never."""
        turn = self._turns.pop(event.turn, None)
        if turn is None:
            return
        if not turn.told and event.what == "committed":
            self._tell_start(turn)
            self._tell_stop(event.turn, turn)
            self._transcript(turn)

    def failed(self, event: TurnFailed) -> None:
        """Nobody knows what was said."""
        turn = self._turns.pop(event.turn, None)
        if turn is None:
            return
        if not turn.told:
            self._tell_start(turn)
            self._tell_stop(event.turn, turn)
        if self.settings.transcription is not None:
            error = {"type": "server_error", "code": "transcription_failed", "message": event.why}
            self._send({**self._of("failed", turn.item), "error": {**error, "param": None}})

    def silence(self, seconds: float) -> None:
        """Nobody has spoken for so long: the silence is an item, which is answered."""
        item_id, end = new_id("item"), self._buffer.heard_ms
        kind = "input_audio_buffer.timeout_triggered"
        start = max(0, end - round(seconds * 1000))
        self._send({"type": kind, "audio_start_ms": start, "audio_end_ms": end, "item_id": item_id})
        self._make_item(item_id, start, end)

    def _tell_start(self, turn: _Turn) -> None:
        turn.told = True
        detection = self.settings.turn_detection
        padding = detection.prefix_padding_ms if isinstance(detection, ServerVad) else 300
        turn.start_ms = start = max(0, self._buffer.place(turn.start) - padding)
        kind = "input_audio_buffer.speech_started"
        self._send({"type": kind, "audio_start_ms": start, "item_id": turn.item})

    def _tell_stop(self, number: int, turn: _Turn) -> None:
        end = self._buffer.place(turn.stop or turn.start)
        kind = "input_audio_buffer.speech_stopped"
        self._send({"type": kind, "audio_end_ms": end, "item_id": turn.item})
        self._buffer.since_commit_ms = 0.0
        self._make_item(turn.item, turn.start_ms, end)
        turn.has_item = True
        self._name(number, turn)

    def _make_item(self, item_id: str, start_ms: float, end_ms: float) -> None:
        before = self._items.last
        kind = "input_audio_buffer.committed"
        self._send({"type": kind, "item_id": item_id, "previous_item_id": before})
        body = {
            "id": item_id,
            "object": "realtime.item",
            "type": "message",
            "status": "completed",
            "role": "user",
            "content": [{"type": "input_audio", "transcript": None}],
        }
        sound, byte_ms = self._buffer.latest.between(start_ms, end_ms)
        self._items.add(kept := Kept(body, byte_ms=byte_ms))
        self._items.keep_audio(kept, sound)
        for what in ("added", "done"):
            kind = f"conversation.item.{what}"
            self._send({"type": kind, "previous_item_id": before, "item": body})

    def _name(self, number: int, turn: _Turn) -> None:
        key = f"turn-{number}"
        if (item := self._items.get(turn.item)) is not None:
            item.key = key
        else:
            self._forget(key)
        if turn.text or turn.final:
            self._transcript(turn)

    def _transcript(self, turn: _Turn) -> None:
        item = self._items.get(turn.item)
        if turn.final and item is not None:
            item.body["content"][0]["transcript"] = turn.text
        if self.settings.transcription is None:
            return
        if turn.final:
            seconds = max(0.0, (turn.stop or turn.start) - turn.start)
            usage = {"type": "duration", "seconds": round(seconds, 3)}
            told = {**self._of("completed", turn.item), "transcript": turn.text, "usage": usage}
            self._send(told)
            return
        if turn.agreed > turn.sent:
            delta = " ".join(turn.seen[turn.sent : turn.agreed])
            delta = f" {delta}" if turn.sent else delta
            turn.sent = turn.agreed
            self._send({**self._of("delta", turn.item), "delta": delta})

    @staticmethod
    def _of(what: str, item_id: str) -> dict[str, Any]:
        kind = f"conversation.item.input_audio_transcription.{what}"
        return {"type": kind, "item_id": item_id, "content_index": 0}
