"""The responses under way: which reply of the agent's is which response of the client's."""

from collections.abc import Callable
from typing import Any, Literal

import anyio
import numpy as np
from numpy.typing import NDArray

from agent.conversation.activity import (
    ReplyAudio,
    ReplyBegan,
    ReplyCalls,
    ReplyCost,
    ReplyHeld,
    ReplyMade,
    ReplyOver,
    ReplyResumed,
    ReplyText,
)
from agent.server.realtime.items import Items, Kept
from agent.server.realtime.responses import Cost, Response, Shape

TURN_DETECTED = {"reason": "turn_detected"}
CLIENT_CANCELLED = {"reason": "client_cancelled"}

AboutReply = (
    ReplyBegan
    | ReplyText
    | ReplyAudio
    | ReplyCalls
    | ReplyCost
    | ReplyMade
    | ReplyHeld
    | ReplyResumed
    | ReplyOver
)


class _Sound:
    """What a reply has made so far, for one that goes on after it was interrupted for nothing."""

    def __init__(self) -> None:
        self.text = ""
        self.pcm: list[NDArray[np.float32]] = []
        self.rate = 24000
        self.samples = 0
        self.held = False
        self.started = False
        self.made: ReplyMade | None = None
        self.waiting: list[AboutReply] = []

    def since(self, played: int) -> NDArray[np.float32]:
        """The sound from sample `played` on."""
        whole = np.concatenate(self.pcm) if self.pcm else np.zeros(0, np.float32)
        return whole[played:]


class Answers:
    """Responses by the numbers of their replies; one of the conversation's at a time is active."""

    def __init__(
        self,
        items: Items,
        send: Callable[[dict[str, Any]], None],
        shape: Callable[[], Shape],
        interrupts: Callable[[], None],
    ) -> None:
        """`shape` is that of a response nobody has asked for; `interrupts` is told of barge-in."""
        self.latest: Response | None = None
        """The one that began last."""
        self.active: Response | None = None
        """The one of the conversation that is not done."""
        self.cancelling: Literal["turn", "client"] = "turn"
        """Why a reply that is stopped from now on is."""
        self._items = items
        self._send = send
        self._shape = shape
        self._interrupts = interrupts
        self.idle = anyio.Event()
        """Set while no response of the conversation is under way."""
        self.idle.set()
        self._asked: dict[int, Response] = {}  # by their requests
        self._responses: dict[int, Response] = {}  # by their replies
        self._sounds: dict[int, _Sound] = {}

    def ask(self, request: int, shape: Shape) -> Response:
        """A response that a client wants, and that some reply will be; it begins now."""
        response = self._new(shape)
        self._asked[request] = response
        return response

    def refuse(self, request: int) -> None:
        """No reply answers it."""
        if (response := self._asked.pop(request, None)) is not None:
            self._finish(response, "cancelled", CLIENT_CANCELLED)

    def link(self, reply: int, shape: Shape) -> Response:
        """A response beside the conversation, which `reply` is."""
        response = Response(shape, self._items, self._send, reply=reply)
        self._responses[reply] = response
        self._sounds[reply] = _Sound()
        response.begin()
        return response

    def find(self, response_id: str) -> Response | None:
        """The response of that name that is not done."""
        known = (*self._responses.values(), *self._asked.values())
        return next((r for r in known if r.id == response_id and not r.done), None)

    def request_of(self, response: Response) -> int | None:
        """The request that it waits for, if its reply has not begun."""
        return next((n for n, asked in self._asked.items() if asked is response), None)

    def sounds(self, reply: int) -> None:
        """The first sample of a reply is heard; told where the sound is no event."""
        response = self._responses.get(reply)
        if response is not None and not response.shape.sends_audio:
            self._sounds[reply].started = True
            told = {"response_id": response.id}
            self._send({"type": "output_audio_buffer.started", **told})

    def on(self, event: AboutReply) -> None:
        """Something about a reply."""
        if isinstance(event, ReplyBegan):
            self._began(event)
            return
        sound, response = self._sounds.get(event.reply), self._responses.get(event.reply)
        if sound is None or response is None:
            return
        match event:
            case ReplyHeld(interrupts=interrupts):
                sound.held = True
                if interrupts:
                    self._interrupts()
                    self._finish(response, "cancelled", TURN_DETECTED)
            case ReplyResumed():
                self._resumed(event, response, sound)
            case ReplyOver():
                self._over(event, response, sound)
            case _:
                self._note(event, sound)
                if sound.held:
                    sound.waiting.append(event)
                else:
                    self._pass_on(event, response)

    def _began(self, event: ReplyBegan) -> None:
        if event.reply in self._responses:
            return
        response = self._asked.pop(event.request, None) or self._new(self._shape())
        response.reply = event.reply
        self._responses[event.reply] = response
        self._sounds[event.reply] = _Sound()

    def _note(self, event: AboutReply, sound: _Sound) -> None:
        match event:
            case ReplyText(delta=delta):
                sound.text += delta
            case ReplyAudio(pcm=pcm, sample_rate=rate):
                sound.pcm.append(pcm)
                sound.rate, sound.samples = rate, sound.samples + len(pcm)
            case ReplyMade():
                sound.made = event

    def _pass_on(self, event: AboutReply, response: Response) -> None:
        match event:
            case ReplyText(delta=delta):
                response.add_text(delta)
            case ReplyAudio(pcm=pcm, sample_rate=rate):
                response.add_audio(pcm, rate)
            case ReplyCalls(calls=calls):
                response.add_calls(calls)
            case ReplyCost(prompt=prompt, completion=completion, cached=cached):
                cost = response.cost
                response.cost = Cost(
                    cost.prompt + prompt, cost.completion + completion, cost.cached + cached
                )
            case ReplyMade():
                self._made(event, response)

    def _made(self, event: ReplyMade, response: Response) -> None:
        if event.failure:
            stage, _, message = event.failure.partition(": ")
            kind, code = "server_error", f"{stage}_failed"
            if event.too_long:
                kind, code = "invalid_request_error", "context_length_exceeded"
            error = {"type": kind, "code": code, "message": message}
            self._finish(response, "failed", {"error": error})
        elif event.cut:
            self._finish(response, "incomplete", {"reason": "max_output_tokens"})
        else:
            self._finish(response, "completed")

    def _resumed(self, event: ReplyResumed, response: Response, sound: _Sound) -> None:
        """It goes on: what was cancelled is followed by a response with the rest."""
        sound.held = False
        waiting, sound.waiting = sound.waiting, []
        if not response.done or response.message is None:
            for each in waiting:
                self._pass_on(each, response)
            return
        if response.text and sound.made is not None and event.played >= sound.samples:
            return  # it had been heard
        rest = self._new(response.shape)
        rest.reply = event.reply
        rest.begins_ms = 1000 * event.played / sound.rate
        rest.heard_before = event.heard
        self._responses[event.reply] = rest
        rest.add_text(_after(event.heard, sound.text))
        rest.add_audio(sound.since(event.played), sound.rate)
        for each in waiting:
            if not isinstance(each, ReplyText | ReplyAudio):
                self._pass_on(each, rest)
        if sound.made is not None and not rest.done:
            self._pass_on(sound.made, rest)

    def _over(self, event: ReplyOver, response: Response, sound: _Sound) -> None:
        del self._responses[event.reply], self._sounds[event.reply]
        if event.interrupted and not response.done:
            client = self.cancelling == "client"
            if sound.held and not client:
                self._interrupts()
            self._finish(response, "cancelled", CLIENT_CANCELLED if client else TURN_DETECTED)
        elif not response.done:
            self._finish(response, "completed")
        if event.interrupted and response.message is not None and response.shape.speaks:
            body = response.message.body
            body["content"][0]["transcript"] = heard_of(response.message, event.heard)
            body["status"] = "incomplete"
        if sound.started:
            what = "cleared" if event.interrupted else "stopped"
            told = {"response_id": response.id}
            self._send({"type": f"output_audio_buffer.{what}", **told})
            if event.interrupted and response.message is not None:
                end = max(0, round(event.heard_ms - response.message.begins_ms))
                where = {"item_id": response.message.id, "content_index": 0, "audio_end_ms": end}
                self._send({"type": "conversation.item.truncated", **where})

    def _new(self, shape: Shape) -> Response:
        response = Response(shape, self._items, self._send)
        if self.active is not None:  # the agent has something else to say now
            self._finish(self.active, "cancelled", TURN_DETECTED)
        self.active = self.latest = response
        self.idle = anyio.Event()
        response.begin()
        return response

    def _finish(
        self,
        response: Response,
        status: Literal["completed", "cancelled", "incomplete", "failed"],
        details: dict[str, Any] | None = None,
    ) -> None:
        response.finish(status, details)
        if response is self.active:
            self.active = None
            self.idle.set()


def _after(heard: str, text: str) -> str:
    """What follows the words heard in a text, whatever there is between the words."""
    place = 0
    for word in heard.split():
        found = text.find(word, place)
        if found < 0:
            break
        place = found + len(word)
    return text[place:].lstrip()


def heard_of(item: Kept, heard: str) -> str:
    """What of the words heard of a reply belongs to this item of it."""
    return _after(item.heard_before, heard) if item.heard_before else heard
