"""Client events: their fields, with limits. What is not known of a field is ignored."""

from collections.abc import Sequence
from functools import cached_property
from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, TypeAdapter, ValidationError

from agent.server.realtime.errors import RealtimeError
from agent.server.realtime.formats import MAX_AUDIO, from_base64
from agent.server.realtime.session_parts import (
    Choice,
    MaxTokens,
    Modalities,
    Output,
    Part,
    Reasoning,
    Tools,
)
from agent.server.realtime.settings import explained

MAX_TEXT = 1_000_000
"""Characters of an item."""
Id = Annotated[str, Field(min_length=1, max_length=512)]
Text = Annotated[str, Field(max_length=MAX_TEXT)]


class Sounding(BaseModel):
    """Something with sound in it, as base64."""

    audio: str | None = None

    @cached_property
    def data(self) -> bytes:
        """The bytes: read once, in a thread where there are many. Raises RealtimeError."""
        return from_base64(self.audio or "")


class Content(Part, Sounding):
    """A part of a message, of the beta's kinds too."""

    type: Literal[
        "input_text", "input_audio", "input_image", "output_text", "output_audio", "text", "audio"
    ]
    text: Text | None = None
    transcript: Text | None = None
    audio: str | None = Field(default=None, max_length=MAX_AUDIO * 4 // 3 + 4)
    image_url: (
        Annotated[str, Field(max_length=MAX_AUDIO * 4 // 3, pattern="^(https?:|data:image/)")]
        | None
    ) = None
    detail: str | None = Field(default=None, max_length=16)

    def heard(self, text: str, failure: str) -> None:
        """Take the words of its sound: none, where the recogniser failed."""
        del failure
        self.transcript = text


class Item(Part):
    """An item of the conversation that a client makes, or a reference to one."""

    type: Literal["message", "function_call", "function_call_output", "item_reference"]
    id: Id | None = None
    role: Literal["user", "assistant", "system"] | None = None
    content: list[Content] = Field(default=[], max_length=256)
    name: str | None = Field(default=None, max_length=64)
    call_id: Id | None = None
    arguments: Text | None = None
    output: Text | None = None

    @property
    def unheard(self) -> list[tuple[int, Content]]:
        """Its sound without words: the places in its content. Raises RealtimeError."""
        kinds = ("input_audio", "audio")
        parts = [(n, p) for n, p in enumerate(self.content) if p.type in kinds]
        parts = [(n, p) for n, p in parts if not p.transcript]
        if parts and self.role != "user":
            raise RealtimeError("sound without words is the user's alone", param="item.content")
        if any(not part.audio for _, part in parts):
            raise RealtimeError("sound has audio or a transcript", param="item.content")
        return parts


class ResponseAudio(Part):
    """How one answer sounds."""

    output: Output | None = None


class ResponseParams(Part):
    """What is asked of one answer."""

    conversation: Literal["auto", "none"] | Id | None = None
    input: list[Item] | None = Field(default=None, max_length=1000)
    instructions: Text | None = None
    output_modalities: Modalities | None = None
    audio: ResponseAudio | None = None
    tools: Tools | None = None
    tool_choice: Choice | None = None
    max_output_tokens: MaxTokens | None = None
    parallel_tool_calls: bool | None = None
    reasoning: Reasoning | None = None
    metadata: Annotated[dict[str, Any], Field(max_length=64)] | None = None


class ClientEvent(BaseModel):
    """Something that a client wants."""

    model_config = ConfigDict(extra="ignore", hide_input_in_errors=True)
    event_id: str | None = Field(default=None, max_length=512)

    @property
    def sounds(self) -> Sequence[Sounding]:
        """What has sound in it."""
        return ()


class SessionUpdate(ClientEvent):
    type: Literal["session.update"]
    session: dict[str, Any]


class Append(ClientEvent, Sounding):
    type: Literal["input_audio_buffer.append"]
    audio: str

    @property
    def sounds(self) -> Sequence[Sounding]:
        """The event itself."""
        return (self,)


class Commit(ClientEvent):
    type: Literal["input_audio_buffer.commit"]


class Clear(ClientEvent):
    type: Literal["input_audio_buffer.clear"]


class ItemCreate(ClientEvent):
    type: Literal["conversation.item.create"]
    item: Item
    previous_item_id: Id | None = None

    @property
    def sounds(self) -> Sequence[Sounding]:
        """Parts of the item."""
        return [part for part in self.item.content if part.audio]


class ItemRetrieve(ClientEvent):
    type: Literal["conversation.item.retrieve"]
    item_id: Id


class ItemTruncate(ClientEvent):
    type: Literal["conversation.item.truncate"]
    item_id: Id
    content_index: int = Field(default=0, ge=0, le=255)
    audio_end_ms: int = Field(ge=0, le=100_000_000)


class ItemDelete(ClientEvent):
    type: Literal["conversation.item.delete"]
    item_id: Id


class ResponseCreate(ClientEvent):
    type: Literal["response.create"]
    response: ResponseParams | None = None

    @property
    def sounds(self) -> Sequence[Sounding]:
        """Parts of what this response alone is about."""
        items = (self.response and self.response.input) or ()
        return [part for item in items for part in item.content if part.audio]


class ResponseCancel(ClientEvent):
    type: Literal["response.cancel"]
    response_id: Id | None = None


class OutputClear(ClientEvent):
    type: Literal["output_audio_buffer.clear"]


AnyEvent = (
    SessionUpdate
    | Append
    | Commit
    | Clear
    | ItemCreate
    | ItemRetrieve
    | ItemTruncate
    | ItemDelete
    | ResponseCreate
    | ResponseCancel
    | OutputClear
)
_EVENTS: TypeAdapter[AnyEvent] = TypeAdapter(Annotated[AnyEvent, Field(discriminator="type")])
TYPES = tuple(sorted(get_type for get_type in _EVENTS.json_schema()["discriminator"]["mapping"]))


def parse(event: dict[str, Any]) -> AnyEvent:
    """Check an event. Raises RealtimeError, with the event's own id."""
    given = event.get("event_id")
    event_id = given[:512] if isinstance(given, str) else None
    kind = event.get("type")
    if kind is None:
        message = "Missing required parameter: 'type'."
        code = "missing_required_parameter"
        raise RealtimeError(message, code=code, param="type", event_id=event_id)
    if kind not in TYPES:
        message = f"Invalid value: {kind!r:.80}. Supported values are: {', '.join(TYPES)}."
        raise RealtimeError(message, param="type", event_id=event_id)
    if not isinstance(given, str | None):
        raise RealtimeError("an event_id is a string", param="event_id")
    try:
        return _EVENTS.validate_python(event)
    except ValidationError as error:
        told = explained(error, "")
        told.param = (told.param or "").removeprefix(f"{kind}.")
        told.args = (str(told).replace(f"{kind}.", "", 1),)
        told.event_id = event_id
        raise told from None
