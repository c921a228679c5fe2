"""The items of a conversation as the client knows them, in their order."""

import base64
import secrets
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from agent.server.realtime.client_events import Item
from agent.server.realtime.errors import RealtimeError
from llm_adapters import Message, ToolCall

MAX_ITEMS = 10_000
"""Items of a conversation; then the client puts in no more until it has deleted some."""
MAX_AUDIO = 64 << 20
"""Bytes of sound that are kept for the items; of the oldest the sound is forgotten first."""
MAX_IMAGES = 64 << 20
"""Characters of pictures in a conversation; then the client puts in no more until it has deleted
some."""


def new_id(prefix: str) -> str:
    """A name that no other thing has."""
    return f"{prefix}_{secrets.token_hex(10)}"


@dataclass(slots=True, eq=False)
class Kept:
    """An item: its `body` as the client is told it, and what is kept beside it."""

    body: dict[str, Any]
    key: str = ""
    """Its name in the agent's history; empty if it is not there."""
    audio: bytearray = field(default_factory=bytearray)
    """As it was sent or received, in the format of that time."""
    begins_ms: float = 0.0
    """Where its sound begins in the whole reply: one that was resumed has two items."""
    heard_before: str = ""
    """And the words before that."""
    byte_ms: float = 0.0
    """How long one byte of `audio` lasts."""

    @property
    def id(self) -> str:
        """Its name."""
        return str(self.body["id"])

    def with_audio(self) -> dict[str, Any]:
        """Return the item with its sound in it, as far as it is kept."""
        if not self.audio:
            return self.body
        (part, *rest) = self.body["content"]
        audio = base64.b64encode(self.audio).decode("ascii")
        return {**self.body, "content": [{**part, "audio": audio}, *rest]}

    @property
    def images(self) -> int:
        """Characters of its pictures."""
        return sum(len(part.get("image_url") or "") for part in self.body.get("content", ()))

    @property
    def audio_ms(self) -> float:
        """How long it sounds."""
        return len(self.audio) * self.byte_ms


class Items:
    """The items in the order of the conversation."""

    def __init__(self) -> None:
        self._items: dict[str, Kept] = {}
        self._order: list[str] = []
        self._audio = 0
        self._images = 0

    def __len__(self) -> int:
        return len(self._items)

    def __getitem__(self, item_id: str) -> Kept:
        return self._items[item_id]

    def get(self, item_id: str) -> Kept | None:
        """The item of that name, if there is one."""
        return self._items.get(item_id)

    @property
    def last(self) -> str | None:
        """The name of the last item."""
        return self._order[-1] if self._order else None

    def before(self, item_id: str) -> str | None:
        """The name of the item before it."""
        place = self._order.index(item_id)
        return self._order[place - 1] if place else None

    def add(self, item: Kept, after: str | None = None) -> None:
        """Put an item behind `after`, `root` for the front, None for the end.

        Raises RealtimeError: there is one of that name, or none to put it behind.
        """
        if self._images + item.images > MAX_IMAGES:
            message = f"the conversation has {MAX_IMAGES >> 20} MiB of images: delete some"
            raise RealtimeError(message, param="item.content")
        if item.id in self._items:
            message = f"Error adding item: an item with ID '{item.id}' already exists."
            raise RealtimeError(message, code="item_create_duplicate_item_id", param="item.id")
        if after is not None and after != "root" and after not in self._items:
            message = f"Error adding item: the previous item with ID '{after}' does not exist."
            raise RealtimeError(
                message, code="item_create_invalid_previous_item_id", param="previous_item_id"
            )
        if after is None:
            place = len(self._order)
        else:
            place = 0 if after == "root" else self._order.index(after) + 1
        self._images += item.images
        self._items[item.id] = item
        self._order.insert(place, item.id)

    def delete(self, item_id: str) -> Kept:
        """Take an item out."""
        self._order.remove(item_id)
        item = self._items.pop(item_id)
        self._audio -= len(item.audio)
        self._images -= item.images
        return item

    def keep_audio(self, item: Kept, data: bytes) -> None:
        """Keep more of an item's sound, and forget that of the oldest if it is too much."""
        if self._items.get(item.id) is not item:
            return  # beside the conversation
        item.audio += data
        self._audio += len(data)
        for old in self._order:
            if self._audio <= MAX_AUDIO:
                break
            self._audio -= len(self._items[old].audio)
            self._items[old].audio.clear()

    def cut(self, item: Kept, end_ms: float) -> None:
        """Forget an item's sound from there on."""
        if item.byte_ms:
            size = int(end_ms / item.byte_ms) // 2 * 2
            self._audio -= max(0, len(item.audio) - size)
            del item.audio[size:]

    def named(self, key: str) -> str | None:
        """The name of the item that has this key in the agent's history."""
        return next((each for each, item in self._items.items() if item.key == key), None)

    def messages(self, given: Sequence[Item]) -> list[Message]:
        """What a language model is told of items, and of those that are only referred to.

        Raises RealtimeError for a reference to none.
        """
        told = []
        for item in given:
            if item.type == "item_reference":
                known = self._items.get(item.id or "")
                if known is None:
                    message = f"the item with ID '{item.id}' does not exist"
                    raise RealtimeError(message, param="response.input")
                told.append(message_of(Item.model_validate(known.body)))
            else:
                told.append(message_of(item))
        return told


def message_of(item: Item) -> Message:
    """An item as a language model is told it. Raises RealtimeError for what is none."""
    match item.type:
        case "message" if item.role is not None:
            images = [part.image_url for part in item.content if part.image_url]
            return Message(item.role, text_of(item), images=tuple(images))
        case "function_call" if item.name:
            call = ToolCall(item.call_id or "", item.name, item.arguments or "{}")
            return Message("assistant", "", calls=(call,))
        case "function_call_output" if item.call_id:
            return Message("tool", item.output or "", call_id=item.call_id)
    needed = {"message": "role", "function_call": "name", "function_call_output": "call_id"}
    param = f"item.{needed.get(item.type, 'type')}"
    message = f"Missing required parameter: '{param}'."
    raise RealtimeError(message, code="missing_required_parameter", param=param)


def text_of(item: Item) -> str:
    """All words of a message."""
    parts = (part.text or part.transcript or "" for part in item.content)
    return " ".join(filter(None, parts))


def body_of(item: Item) -> dict[str, Any]:
    """The item that a client made, as it is told again: complete, without its sound."""
    body: dict[str, Any] = {
        "id": item.id or new_id("item"),
        "object": "realtime.item",
        "type": item.type,
        "status": "completed",
    }
    if item.type == "message":
        return {**body, "role": item.role, "content": [_part(item, p) for p in item.content]}
    body["call_id"] = item.call_id
    if item.type == "function_call":
        return {**body, "name": item.name, "arguments": item.arguments or ""}
    return {**body, "output": item.output or ""}


def _part(item: Item, part: Any) -> dict[str, Any]:
    """A part by its name of today: the beta's are `text` and `audio`."""
    kind = part.type
    if item.role == "assistant":
        kind = "output_audio" if "audio" in kind else "output_text"
    elif kind in ("text", "audio"):
        kind = f"input_{kind}"
    if "audio" in kind:
        return {"type": kind, "transcript": part.transcript}
    if "image" in kind:
        return {"type": kind, "image_url": part.image_url, "detail": part.detail or "auto"}
    return {"type": kind, "text": part.text or ""}
