"""What clients do to the items of a conversation, there and in the agent's history."""

from collections.abc import Callable
from contextlib import suppress
from functools import partial
from typing import Any

from agent.conversation.conversation import Conversation
from agent.conversation.events import ContextChanged
from agent.server.realtime.answers import heard_of
from agent.server.realtime.client_events import (
    Item,
    ItemCreate,
    ItemDelete,
    ItemRetrieve,
    ItemTruncate,
)
from agent.server.realtime.errors import RealtimeError
from agent.server.realtime.formats import Coded
from agent.server.realtime.item_sound import ItemSound
from agent.server.realtime.items import MAX_ITEMS, Items, Kept, body_of, message_of, new_id
from agent.server.realtime.session_parts import Input

ROUNDING = 100.0
"""Milliseconds by which a client may be beyond an item's end: it rounds, and its clock is its."""

LONGEST_KEPT = 4 << 20
"""Bytes of the sound in one item that are kept: it is sent back in one event."""

ItemEvent = ItemCreate | ItemRetrieve | ItemTruncate | ItemDelete


class ItemEvents:
    """Item events are done to the items as the client knows them, and to what the model is told."""

    def __init__(
        self,
        items: Items,
        send: Callable[[dict[str, Any]], None],
        sound: ItemSound,
        settings: Callable[[], Input],
        *,
        sends_audio: bool,
    ) -> None:
        """`settings` are those of the user's sound now, which `sound` makes words of.

        `sends_audio`: how long an item sounds is known by what was sent.
        """
        self._sound = sound
        self._settings = settings
        self._items = items
        self._send = send
        self._sends_audio = sends_audio
        self._unheard: set[str] = set()  # items whose words are awaited

    def handle(self, event: ItemEvent, talk: Conversation) -> None:
        """Do what an event wants. Raises RealtimeError."""
        match event:
            case ItemCreate():
                self._create(event, talk)
            case ItemRetrieve(item_id=item_id):
                kept = self._known(item_id, "retriev", "item_retrieve_invalid_item_id")
                self._send({"type": "conversation.item.retrieved", "item": kept.with_audio()})
            case ItemTruncate():
                self._truncate(event, talk)
            case ItemDelete(item_id=item_id):
                kept = self._known(item_id, "delet", "item_delete_invalid_item_id")
                self._items.delete(item_id)
                self._unheard.discard(item_id)
                if kept.key:
                    talk.history.forget(kept.key)
                self._changed(talk)
                self._send({"type": "conversation.item.deleted", "item_id": item_id})

    def _create(self, event: ItemCreate, talk: Conversation) -> None:
        item = event.item
        if item.type == "item_reference":
            raise RealtimeError("an item_reference cannot be created", param="item.type")
        if item.role == "assistant" and any(part.audio for part in item.content):
            message = "the sound of an assistant's message cannot be put in: send its text"
            raise RealtimeError(message, param="item.content")
        format_ = self._settings().format.type
        unheard = [(place, Coded.read(part.data, format_)) for place, part in item.unheard]
        if item.type == "function_call" and item.call_id is None:
            item = item.model_copy(update={"call_id": new_id("call")})
        told, body = message_of(item), body_of(item)
        after = event.previous_item_id
        before = self._items.last if after is None else None if after == "root" else after
        if len(self._items) >= MAX_ITEMS:
            raise RealtimeError(f"the conversation has {MAX_ITEMS} items: delete some")
        # Clients choose their ids: one called `reply-1` is not the agent's first reply.
        self._items.add(kept := Kept(body, key=f"item-{body['id']}"), after)
        behind = after if after is None else "" if after == "root" else self._key_of(after, talk)
        if item.content and item.content[0].type == "input_audio" and item.content[0].audio:
            self._items.keep_audio(kept, item.content[0].data[:LONGEST_KEPT])
        try:
            for place, sound in unheard:
                self._sound.hear(sound, partial(self._heard, talk, (kept, place), sound.seconds))
        except RealtimeError:
            self._items.delete(kept.id)
            raise
        if unheard:
            self._unheard.add(kept.id)
        else:
            talk.history.insert(kept.key, told, behind)
        self._changed(talk)
        for what in ("added", "done"):
            kind = f"conversation.item.{what}"
            self._send({"type": kind, "previous_item_id": before, "item": body})

    def _heard(
        self, talk: Conversation, where: tuple[Kept, int], seconds: float, text: str, failure: str
    ) -> None:
        """The words of a part are known: with all of them the item can be told to the model."""
        kept, place = where
        if self._items.get(kept.id) is not kept:
            return  # it has been deleted
        content = kept.body["content"]
        content[place]["transcript"] = text
        if not any(p.get("transcript", "") is None for p in content):
            self._unheard.discard(kept.id)
            self._tell_model(kept, talk)
        if self._settings().transcription is None:
            return
        kind = "conversation.item.input_audio_transcription"
        part = {"item_id": kept.id, "content_index": place}
        if failure:
            error = {"type": "server_error", "code": "transcription_failed", "message": failure}
            self._send({"type": f"{kind}.failed", **part, "error": {**error, "param": None}})
        else:
            usage = {"type": "duration", "seconds": round(seconds, 3)}
            self._send({"type": f"{kind}.completed", **part, "transcript": text, "usage": usage})

    def _tell_model(self, kept: Kept, talk: Conversation) -> None:
        """Put an item of which all words are known into the history, where it stands."""
        message = message_of(Item.model_validate(kept.body))
        if message.content or message.images:
            before = self._items.before(kept.id)
            last = self._items.last == kept.id
            behind = None if last else self._key_of(before, talk) if before is not None else ""
            talk.history.insert(kept.key, message, behind)
        self._changed(talk)

    def _changed(self, talk: Conversation) -> None:
        """No answer is given to what the conversation was before, nor until all is heard of it."""
        talk.session.tell(ContextChanged(awaited=bool(self._unheard)))

    def _key_of(self, item_id: str, talk: Conversation) -> str:
        """The last entry of the history that stands at or before an item; "" is its beginning."""
        known = {entry.key for entry in talk.history.entries}
        place: str | None = item_id
        while place is not None:
            if (key := self._items[place].key) in known:
                return key
            place = self._items.before(place)
        return ""

    def _truncate(self, event: ItemTruncate, talk: Conversation) -> None:
        kept = self._known(event.item_id, "truncat", "item_truncate_invalid_item_id")
        content = kept.body.get("content") or [{}]
        if kept.body.get("role") != "assistant" or content[0].get("type") != "output_audio":
            message = "Only an assistant's message with audio can be truncated."
            raise RealtimeError(message, code="unsupported_content_type", param="item_id")
        if event.content_index:
            message = f"there is no content part {event.content_index}"
            raise RealtimeError(message, param="content_index")
        end = float(event.audio_end_ms)
        if self._sends_audio:
            if end > kept.audio_ms + ROUNDING:
                length = f"{kept.audio_ms:.0f}ms is already shorter than {event.audio_end_ms}ms"
                raise RealtimeError(f"Audio content of {length}", param="audio_end_ms")
            end = min(end, kept.audio_ms)
        if not self._sends_audio or end < kept.audio_ms or kept.body["status"] == "in_progress":
            with suppress(KeyError):
                heard = talk.truncate(kept.key, kept.begins_ms + end)
                content[0]["transcript"] = heard_of(kept, heard)
                self._changed(talk)
            kept.body["status"] = "incomplete"
            self._items.cut(kept, end)
        told = {"item_id": kept.id, "content_index": 0, "audio_end_ms": event.audio_end_ms}
        self._send({"type": "conversation.item.truncated", **told})

    def _known(self, item_id: str, doing: str, code: str) -> Kept:
        if (kept := self._items.get(item_id)) is None:
            message = f"Error {doing}ing item: the item with ID '{item_id}' does not exist."
            raise RealtimeError(message, code=code, param="item_id")
        return kept
