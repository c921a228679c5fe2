"""One response: what is made of a reply, as server events in the protocol's order."""

import base64
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from agent.server.realtime.formats import RATES, WIDTH, Encoder, Kind
from agent.server.realtime.items import Items, Kept, new_id
from llm_adapters import ToolCall

PIECE = 0.2
"""Seconds of sound in one event at most."""

Send = Callable[[dict[str, Any]], None]
Status = Literal["completed", "cancelled", "incomplete", "failed"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Shape:
    """What of a response is known before it begins."""

    conversation_id: str | None
    speaks: bool
    sends_audio: bool
    """Whether sound goes out as events; else it has a way of its own."""
    format: Kind
    voice: str
    metadata: dict[str, Any] | None = None
    max_output_tokens: int | Literal["inf"] = "inf"


@dataclass(slots=True)
class Cost:
    """What it cost in tokens, where the model says; else an estimate."""

    prompt: int = 0
    completion: int = 0
    cached: int = 0


@dataclass(slots=True, eq=False)
class Response:
    """A response is opened, given text, sound and calls as they come, and finished once."""

    shape: Shape
    items: Items
    send: Send
    id: str = field(default_factory=lambda: new_id("resp"))
    reply: int | None = None
    """The number of the agent's reply, once it has begun."""
    done: bool = False
    cost: Cost = field(default_factory=Cost)
    text: str = ""
    """All of it that was sent."""
    output: list[Kept] = field(default_factory=list)
    message: Kept | None = None
    """The message that is open, or was last."""
    begins_ms: float = 0.0
    heard_before: str = ""
    _open: bool = False
    _encoder: Encoder | None = None

    def begin(self) -> None:
        """Tell that it begins."""
        self.send({"type": "response.created", "response": self._body("in_progress")})

    def add_text(self, delta: str) -> None:
        """More of its words."""
        if self.done or not delta:
            return
        message = self._message()
        self.text += delta
        part = message.body["content"][0]
        part["transcript" if self.shape.speaks else "text"] += delta
        kind = "output_audio_transcript" if self.shape.speaks else "output_text"
        self.send({"type": f"response.{kind}.delta", **self._place(message), "delta": delta})

    def add_audio(self, pcm: NDArray[np.float32], sample_rate: int) -> None:
        """More of its sound."""
        if self.done or not len(pcm):
            return
        message = self._message()
        if self._encoder is None:
            self._encoder = Encoder(sample_rate, self.shape.format)
        self._send_audio(message, self._encoder.add(pcm))

    def add_calls(self, calls: tuple[ToolCall, ...]) -> None:
        """Functions that the client is to run: each an item of its own."""
        if self.done:
            return
        self._close_message("completed")
        for call in calls:
            self._add_call(call)

    def finish(self, status: Status, details: dict[str, Any] | None = None) -> None:
        """Close everything that is open, and tell that it is over: once."""
        if self.done:
            return
        self._close_message("completed" if status == "completed" else "incomplete")
        self.done = True
        body = self._body(status)
        body["status_details"] = {"type": status, **(details or {})} if details else None
        body["output"] = [item.body for item in self.output]
        body["usage"] = self._usage()
        self.send({"type": "response.done", "response": body})

    # What is open

    def _message(self) -> Kept:
        if self._open and self.message is not None:
            return self.message
        speaks = self.shape.speaks
        body: dict[str, Any] = {
            "id": new_id("item"),
            "object": "realtime.item",
            "type": "message",
            "status": "in_progress",
            "role": "assistant",
            "content": [],
        }
        item = self.message = Kept(body, begins_ms=self.begins_ms, heard_before=self.heard_before)
        item.byte_ms = 1000 / (RATES[self.shape.format] * WIDTH[self.shape.format])
        if self.reply is not None and self.shape.conversation_id is not None:
            item.key = f"reply-{self.reply}"
        self._open = True
        self._add(item)
        part = {"type": "audio", "transcript": ""} if speaks else {"type": "text", "text": ""}
        self.send({"type": "response.content_part.added", **self._place(item), "part": part})
        empty = {"type": "output_audio", "transcript": ""}
        body["content"] = [empty if speaks else {"type": "output_text", "text": ""}]
        return item

    def _close_message(self, status: Literal["completed", "incomplete"]) -> None:
        item = self.message
        if not self._open or item is None:
            return
        if self._encoder is not None:
            self._send_audio(item, self._encoder.finish())
            self._encoder = None
        self._open = False
        place, part = self._place(item), item.body["content"][0]
        if self.shape.speaks:
            self.send({"type": "response.output_audio.done", **place})
            words = part["transcript"]
            kind = "response.output_audio_transcript.done"
            self.send({"type": kind, **place, "transcript": words})
            told = {"type": "audio", "transcript": words}
        else:
            self.send({"type": "response.output_text.done", **place, "text": part["text"]})
            told = {"type": "text", "text": part["text"]}
        self.send({"type": "response.content_part.done", **place, "part": told})
        item.body["status"] = status
        self._done(item)

    def _add_call(self, call: ToolCall) -> None:
        body = {
            "id": new_id("item"),
            "object": "realtime.item",
            "type": "function_call",
            "status": "in_progress",
            "name": call.name,
            "call_id": call.id,
            "arguments": "",
        }
        item = Kept(body, key=call.id if self.shape.conversation_id is not None else "")
        self._add(item)
        place = {
            "response_id": self.id,
            "item_id": item.id,
            "output_index": len(self.output) - 1,
            "call_id": call.id,
        }
        arguments = call.arguments or "{}"
        kind = "response.function_call_arguments"
        self.send({"type": f"{kind}.delta", **place, "delta": arguments})
        self.send({"type": f"{kind}.done", **place, "name": call.name, "arguments": arguments})
        body |= {"arguments": arguments, "status": "completed"}
        self._done(item)

    def _add(self, item: Kept) -> None:
        self.output.append(item)
        self._tell_output("added", item)
        if self.shape.conversation_id is not None:
            before = self.items.last
            self.items.add(item)
            self.send(
                {
                    "type": "conversation.item.added",
                    "previous_item_id": before,
                    "item": dict(item.body),
                }
            )

    def _done(self, item: Kept) -> None:
        if self.items.get(item.id) is item:
            self.send(
                {
                    "type": "conversation.item.done",
                    "previous_item_id": self.items.before(item.id),
                    "item": item.body,
                }
            )
        self._tell_output("done", item)

    def _tell_output(self, what: str, item: Kept) -> None:
        self.send(
            {
                "type": f"response.output_item.{what}",
                "response_id": self.id,
                "output_index": self.output.index(item),
                "item": dict(item.body),
            }
        )

    def _send_audio(self, item: Kept, data: bytes) -> None:
        if not self.shape.sends_audio:
            return
        self.items.keep_audio(item, data)
        size = round(PIECE * RATES[self.shape.format]) * WIDTH[self.shape.format]
        for start in range(0, len(data), size):
            piece = base64.b64encode(data[start : start + size]).decode("ascii")
            self.send({"type": "response.output_audio.delta", **self._place(item), "delta": piece})

    def _place(self, item: Kept) -> dict[str, Any]:
        return {
            "response_id": self.id,
            "item_id": item.id,
            "output_index": self.output.index(item),
            "content_index": 0,
        }

    def _body(self, status: str) -> dict[str, Any]:
        shape = self.shape
        output = {
            "format": {
                "type": shape.format,
                **({"rate": 24000} if shape.format == "audio/pcm" else {}),
            },
            "voice": shape.voice,
        }
        return {
            "id": self.id,
            "object": "realtime.response",
            "status": status,
            "status_details": None,
            "output": [],
            "conversation_id": shape.conversation_id,
            "output_modalities": ["audio" if shape.speaks else "text"],
            "max_output_tokens": shape.max_output_tokens,
            "audio": {"output": output},
            "metadata": shape.metadata,
            "usage": None,
        }

    def _usage(self) -> dict[str, Any]:
        cost = self.cost
        completion = cost.completion or -(-len(self.text) // 4)
        inputs = {"text_tokens": cost.prompt, "audio_tokens": 0, "cached_tokens": cost.cached}
        return {
            "total_tokens": cost.prompt + completion,
            "input_tokens": cost.prompt,
            "output_tokens": completion,
            "input_token_details": inputs,
            "output_token_details": {"text_tokens": completion, "audio_tokens": 0},
        }
