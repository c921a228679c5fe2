"""What clients want of responses: made, cancelled, or played no further."""

from collections.abc import Callable, Sequence
from functools import partial
from typing import Any

from agent.conversation.conversation import Conversation
from agent.conversation.events import ReplyStopped
from agent.conversation.request import Request
from agent.events import Report, TurnCommitted
from agent.server.realtime.answers import Answers
from agent.server.realtime.client_events import (
    Item,
    OutputClear,
    ResponseCancel,
    ResponseCreate,
    ResponseParams,
)
from agent.server.realtime.errors import RealtimeError
from agent.server.realtime.formats import Coded
from agent.server.realtime.item_sound import ItemSound
from agent.server.realtime.items import Items
from agent.server.realtime.responses import Response, Shape
from agent.server.realtime.wishes import Wishes

ResponseEvent = ResponseCreate | ResponseCancel | OutputClear


class ResponseEvents:
    """Response events are done by the conversation, and told by the answers."""

    def __init__(
        self,
        answers: Answers,
        items: Items,
        sound: ItemSound,
        send: Callable[[dict[str, Any]], None],
        *,
        wishes: Callable[[], Wishes],
        shape: Callable[[ResponseParams, bool], Shape],
        plays: bool,
        report: Report,
    ) -> None:
        """`wishes` are the session's now; `shape` is a response's, beside the conversation or not.

        `plays`: the agent's voice is played here, and does not go out in events. `report` is
        told of the user's turns that are written.
        """
        self._answers = answers
        self._items = items
        self._sound = sound
        self._send = send
        self._wishes = wishes
        self._shape = shape
        self._plays = plays
        self._report = report
        self._latest = ""  # the entry of the history that was the end of the last such turn

    def handle(self, event: ResponseEvent, talk: Conversation) -> None:
        """Do what an event wants. Raises RealtimeError."""
        match event:
            case ResponseCreate(response=params):
                self.create(params or ResponseParams(), talk, event.event_id)
            case ResponseCancel(response_id=response_id):
                self._cancel(response_id, talk)
            case OutputClear():
                self._clear_output(talk)

    def create(
        self, params: ResponseParams, talk: Conversation, event_id: str | None = None
    ) -> None:
        """Have the conversation answered, or something beside it. Raises RealtimeError."""
        wishes = self._wishes()
        if wishes.settings.type == "transcription":
            raise RealtimeError("a transcription session gives no responses", param="type")
        beside = params.conversation not in (None, "auto")
        if not beside and (active := self._answers.active) is not None:
            message = (
                f"Conversation already has an active response in progress: {active.id}. "
                "Wait until the response is finished before creating a new one."
            )
            raise RealtimeError(message, code="conversation_already_has_active_response")
        wishes.options_of(params, self._items)  # what is wrong with it is told now
        shape = self._shape(params, beside)
        self._hear(params.input or (), wishes)
        if beside:
            self._sound.after(partial(self._ask_beside, params, talk, shape, event_id))
            return
        number = talk.session.requests.new()
        response = self._answers.ask(number, shape)
        self._sound.after(partial(self._ask, params, talk, number, response, event_id))

    def _hear(self, items: Sequence[Item], wishes: Wishes) -> None:
        """Have the sound in a response's own input made words. Raises RealtimeError."""
        kind = wishes.settings.audio.input.format.type
        parts = [part for item in items for _, part in item.unheard]
        for part, sound in [(part, Coded.read(part.data, kind)) for part in parts]:
            self._sound.hear(sound, part.heard)

    def _ask(
        self,
        params: ResponseParams,
        talk: Conversation,
        number: int,
        response: Response,
        event_id: str | None,
    ) -> None:
        if response.done:
            return  # it has been cancelled while its words were recognised
        try:
            options = self._wishes().options_of(params, self._items)
        except RealtimeError as error:  # such as an item that has been deleted meanwhile
            self._answers.refuse(number)
            error.event_id = event_id
            self._send(error.event())
        else:
            turn = None if params.input is not None else self._written(talk)
            talk.session.request(Request(options=options, turn=turn), number=number)

    def _written(self, talk: Conversation) -> int | None:
        """Tell of the user's turn that the client has put in; None if there is no new one."""
        texts: list[str] = []
        for entry in reversed(talk.history.entries):
            if (message := entry.message) is None or message.role != "user" or entry.aside:
                break
            if not entry.key.startswith("item-") or entry.key == self._latest:
                break
            texts.insert(0, message.content)
        if not texts:
            return None
        self._latest = talk.history.entries[-1].key
        turn = next(talk.session.numbers)
        self._report(TurnCommitted(turn, " ".join(texts)))
        return turn

    def _ask_beside(
        self, params: ResponseParams, talk: Conversation, shape: Shape, event_id: str | None
    ) -> None:
        try:
            options = self._wishes().options_of(params, self._items)
            number = talk.session.request_beside(Request(options=options))
        except ValueError as error:
            told = RealtimeError(str(error), code="rate_limit_exceeded", event_id=event_id)
            self._send(told.event())
        except RealtimeError as error:
            error.event_id = event_id
            self._send(error.event())
        else:
            self._answers.link(number, shape)

    def _cancel(self, response_id: str | None, talk: Conversation) -> None:
        answers = self._answers
        response = answers.find(response_id) if response_id else answers.active
        if response is None:
            message = "Cancellation failed: no active response found"
            raise RealtimeError(message, code="response_cancel_not_active", param="response_id")
        answers.cancelling = "client"
        try:
            self._stop(response, talk)
        finally:
            answers.cancelling = "turn"

    def _clear_output(self, talk: Conversation) -> None:
        """Play no more of what has been made, where it is played here."""
        response = self._answers.latest
        current = talk.session.replies.current
        if self._plays and current is not None:
            self._answers.cancelling = "client"
            talk.session.tell(ReplyStopped(current.number))
            self._answers.cancelling = "turn"
        else:
            told = {"response_id": response.id if response is not None else ""}
            self._send({"type": "output_audio_buffer.cleared", **told})

    def _stop(self, response: Response, talk: Conversation) -> None:
        session = talk.session
        if response.reply is None:
            if (request := self._answers.request_of(response)) is not None:
                session.withdraw(request)
                self._answers.refuse(request)
        elif response.reply < 0:
            session.replies.stop_beside(response.reply)
        else:
            session.tell(ReplyStopped(response.reply))
