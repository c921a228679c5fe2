"""A Realtime session without its transport: client events in, server events out.

It is one conversation with the agent. Turn-taking is the conversation's own: what happens there is
told as server events, and what the client wants is done through the conversation's handle.
"""

import logging
import time
from collections.abc import Callable, Mapping
from typing import Any, Literal

import anyio
import numpy as np
from numpy.typing import NDArray

from agent.agent import Agent
from agent.audio.noise_reduction import NoiseReduction
from agent.audio.remote import RemoteSpeaker
from agent.audio.speaker import Speaker
from agent.audio.tap import Tap, TappedSpeaker
from agent.conversation.activity import (
    Activity,
    TurnDecided,
    TurnFailed,
    TurnStarted,
    TurnStopped,
    TurnWords,
)
from agent.conversation.conversation import Conversation
from agent.conversation.events import WordsAwaited
from agent.conversation.handoff import AgentHandoff
from agent.errors import AudioError, ConfigError
from agent.events import AssistantSpeechStarted, Audio, Decision, Event, TurnLatency, nobody
from agent.graph import Graph, Stage
from agent.server.realtime.answers import Answers
from agent.server.realtime.client_events import (
    AnyEvent,
    Append,
    Clear,
    Commit,
    ItemCreate,
    ItemDelete,
    ItemRetrieve,
    ItemTruncate,
    OutputClear,
    ResponseCancel,
    ResponseCreate,
    ResponseParams,
    SessionUpdate,
)
from agent.server.realtime.errors import RealtimeError
from agent.server.realtime.formats import Coded, from_base64
from agent.server.realtime.frames import Translate, read_event
from agent.server.realtime.input_buffer import InputBuffer
from agent.server.realtime.item_events import ItemEvents
from agent.server.realtime.item_sound import ItemSound
from agent.server.realtime.items import Items, new_id
from agent.server.realtime.response_events import ResponseEvents
from agent.server.realtime.responses import Shape
from agent.server.realtime.session_parts import Input, Transcription
from agent.server.realtime.settings import LATENCY, SessionSettings, defaults
from agent.server.realtime.speed import AtSpeed
from agent.server.realtime.user_turns import UserTurns
from agent.server.realtime.wishes import Wishes
from agent.server.recording import SessionRecording
from llm_adapters import TakesOptions
from stt import AdjustableRecogniser, SpeechToTextError
from tts import TextToSpeech

log = logging.getLogger("parley.server")

Send = Callable[[dict[str, Any]], None]


class RealtimeSession:
    """A session: `run` it, and give it what the client sends.

    `receive` never raises: what cannot be done is answered with an `error`.
    """

    def __init__(
        self,
        agent: Agent,
        send: Send,
        *,
        kind: Literal["realtime", "transcription"] = "realtime",
        model: str | None = None,
        session: Mapping[str, Any] | None = None,
        speaker: Speaker | None = None,
        report: Callable[[Event], None] = nobody,
        recording: SessionRecording | None = None,
        seconds: float = 3600.0,
    ) -> None:
        """`send` is given each server event, to be serialised before it returns.

        `session` is what a short-lived key brings along. With a `speaker` the agent's voice goes
        there, and not into events; what was heard is known here then. `recording` is told of both
        sides' sound. `seconds`: the longest that it lasts.
        """
        self.id = new_id("sess")
        self._agent = agent
        self._transport = send
        self._speaker = speaker
        self._report = report
        self.recording = recording
        self._seconds = seconds
        self._expires_at = int(time.time() + seconds)
        self._conversation_id = new_id("conv")
        settings = defaults(agent.config, kind, model)
        self._settings = settings.merged(session or {})
        self._wishes = Wishes(self._settings, self._voice)
        self._items = Items()
        self._buffer = InputBuffer()
        self._item_sound = ItemSound(agent)
        self._item_events = ItemEvents(
            self._items,
            self._send,
            self._item_sound,
            lambda: self._settings.audio.input,
            sends_audio=speaker is None,
        )
        self._turns = UserTurns(self._items, self._buffer, self._send, self._forget)
        self._answers = Answers(self._items, self._send, self._shape, self._turns.interrupts)
        self._response_events = ResponseEvents(
            self._answers,
            self._items,
            self._item_sound,
            self._send,
            wishes=lambda: self._wishes,
            shape=self._shape,
            plays=speaker is not None,
            report=self._event,
        )
        self._conversation: Conversation | None = None
        self._own_voice: TextToSpeech | None = None  # of an agent that has taken over
        self.begun = anyio.Event()
        """Set once it takes client events, or never will."""
        self._ended = anyio.Event()

    @property
    def settings(self) -> SessionSettings:
        """The whole effective session."""
        return self._settings

    async def run(self) -> None:
        """Converse until `close`, or until the session has lasted as long as it may."""
        speaker: Speaker = self._speaker or RemoteSpeaker(self._agent.tts.sample_rate, self._event)
        microphone: Stage[Any, Audio] = self._buffer
        if self.recording is not None:
            microphone = Graph(microphone).then(Tap(self.recording.user))
            if self._speaker is not None:
                speaker = TappedSpeaker(speaker, self.recording.agent)
        config = self._agent.config.model_copy(update={"echo": "off"})
        thinking = {"thinking": {"after": None}} if self._speaker is None else {}
        config = config.changed({"dialogue": {"topic": ""}, **thinking})  # nobody asked for that
        with anyio.move_on_after(self._seconds) as limit:
            async with self._agent.start(
                microphone,
                speaker,
                self._event,
                watch=self._watch,
                config=config,
                remembered=False,
                answers=self._settings.type == "realtime",
            ) as conversation:
                self._conversation = conversation
                refused = self._begin()
                self._send({"type": "session.created", "session": self._body()})
                if refused is not None:
                    self._send(refused.event())
                self.begun.set()
                async with anyio.create_task_group() as tasks:
                    tasks.start_soon(self._item_sound.run, conversation.recogniser)
                    await self._ended.wait()
                    tasks.cancel_scope.cancel()
        if limit.cancelled_caught:
            message = f"Your session hit the maximum duration of {self._seconds / 60:g} minutes."
            self._send(RealtimeError(message, code="session_expired").event())

    def greet(self, send: Send) -> None:
        """Tell somebody who comes later what session it is."""
        send({"event_id": new_id("event"), "type": "session.created", "session": self._body()})

    def close(self) -> None:
        """End the session."""
        self._ended.set()

    async def idle(self) -> None:
        """Wait until no response is under way."""
        await self._answers.idle.wait()

    def receive(self, frame: str | bytes, translate: Translate = lambda event: event) -> None:
        """Take a client event, as JSON."""
        try:
            event = read_event(frame, translate)
        except RealtimeError as error:
            self._send(error.event())
        else:
            self.handle(event)

    def refuse(self, error: RealtimeError) -> None:
        """Answer something that is no client event."""
        self._send(error.event())

    def handle(self, event: AnyEvent) -> None:
        """Do what a client event wants."""
        try:
            self._handle(event)
        except RealtimeError as error:
            error.event_id = event.event_id
            self._send(error.event())
        except Exception as error:
            log.exception("a client event failed", extra={"session": self.id})
            message = f"the event could not be handled: {type(error).__name__}"
            failed = RealtimeError(message, code=None, event_id=event.event_id, kind="server_error")
            self._send(failed.event())

    def hear(self, pcm: NDArray[np.int16], sample_rate: int) -> None:
        """Take sound that came by another way than events. Raises RealtimeError."""
        self._buffer.append(Coded(pcm, sample_rate))

    # What the client wants

    def _handle(self, event: AnyEvent) -> None:
        match event:
            case SessionUpdate(session=session):
                self._update(session)
            case Append():
                kind = self._settings.audio.input.format.type
                self._buffer.append(Coded.read(event.data, kind))
            case Commit():
                self._turns.commit()
                self._talk.session.tell(WordsAwaited())
            case Clear():
                self._buffer.clear()
                self._send({"type": "input_audio_buffer.cleared"})
            case ItemCreate() | ItemRetrieve() | ItemTruncate() | ItemDelete():
                self._item_events.handle(event, self._talk)
            case ResponseCreate() | ResponseCancel() | OutputClear():
                self._response_events.handle(event, self._talk)

    def _update(self, session: Mapping[str, Any]) -> None:
        kind = session.get("type", self._settings.type)
        if kind != self._settings.type:
            message = f"a {self._settings.type} session cannot become a {kind} one"
            raise RealtimeError(message, param="session.type")
        self._apply(self._settings.merged(session))
        self._send({"type": "session.updated", "session": self._body()})

    def _begin(self) -> RealtimeError | None:
        """Go by what the session was given to begin with, or else by the agent's own."""
        try:
            self._apply(self._settings)
        except RealtimeError as error:
            self._apply(defaults(self._agent.config, self._settings.type))
            return error
        return None

    def _apply(self, settings: SessionSettings) -> None:
        """Have the conversation go by `settings`. Raises RealtimeError; nothing has changed."""
        talk, heard = self._talk, settings.audio.input
        if heard.transcription is not None and not isinstance(
            talk.recogniser, AdjustableRecogniser
        ):
            heard.transcription = heard.transcription.untold()
        if not isinstance(self._agent.llm, TakesOptions):
            settings = settings.without_model_options()
        reduce_noise = self._noise_reduction(heard)
        wishes = Wishes(settings, self._voice)
        try:
            talk.update(
                instructions=settings.instructions,
                sections=settings.sections(self._agent.config),
                recognition=(heard.transcription or Transcription()).recognition,
            )
        except SpeechToTextError as error:
            where = "session.audio.input.transcription.language"
            raise RealtimeError(str(error), param=where) from None
        except ConfigError as error:
            raise RealtimeError(str(error), param="session") from None
        talk.session.replies.options = wishes.options
        self._settings, self._wishes = settings, wishes
        self._turns.settings = heard
        self._buffer.detected = heard.turn_detection is not None
        self._buffer.noise_reduction = reduce_noise

    def _noise_reduction(self, wanted: Input) -> NoiseReduction | None:
        """The one that there is, if it is the same that is wanted. Raises RealtimeError."""
        reduction, before = wanted.noise_reduction, self._turns.settings.noise_reduction
        if reduction is None or reduction == before:
            return self._buffer.noise_reduction if reduction is not None else None
        try:
            return NoiseReduction(
                reduction.type, 1.0 if reduction.strength is None else reduction.strength
            )
        except AudioError as error:
            where = "session.audio.input.noise_reduction"
            raise RealtimeError(str(error), param=where) from None

    def _voice(self, name: str, speed: float) -> TextToSpeech:
        try:
            voice = self._agent.voice(name)
        except ConfigError:
            voice = self._agent.tts if self._own_voice is None else self._own_voice
        return voice if speed == 1.0 else AtSpeed(voice, speed)

    def _shape(self, params: ResponseParams | None = None, beside: bool = False) -> Shape:
        conversation_id = None if beside else self._conversation_id
        audio = self._speaker is None or beside
        return self._wishes.shape(conversation_id, params or ResponseParams(), audio=audio)

    # What happens in the conversation

    def _watch(self, activity: Activity) -> None:
        match activity:
            case TurnStarted():
                self._turns.started(activity)
            case TurnStopped():
                self._turns.stopped(activity)
            case TurnWords():
                self._turns.words(activity)
            case TurnFailed():
                self._turns.failed(activity)
            case TurnDecided():
                self._turns.decided(activity)
            case _:
                self._answers.on(activity)

    def _forget(self, key: str) -> None:
        self._talk.history.forget(key)

    def _event(self, event: Event) -> None:
        self._report(event)
        if self.recording is not None:
            self.recording.event(event)
        if isinstance(event, Decision) and event.what == "sleep":
            seconds = self._talk.config.idle.after
            if seconds is not None and self._answers.active is None:
                self._turns.silence(seconds)
                if self._settings.type == "realtime":
                    self._response_events.create(ResponseParams(), self._talk)
        elif isinstance(event, AgentHandoff):
            self._follow(self._talk)
        elif isinstance(event, AssistantSpeechStarted):
            current = self._talk.session.replies.current
            if current is not None:
                self._answers.sounds(current.number)
        elif isinstance(event, TurnLatency) and LATENCY in (self._settings.include or ()):
            self._tell_latency(event)

    def _follow(self, talk: Conversation) -> None:
        """Another agent has taken over: the session is as it is, but for what the client has."""
        _, self._own_voice = self._agent.engines(talk.config)
        changes = {"instructions": talk.config.agent.instructions}
        self._settings = self._settings.model_copy(update=changes)
        self._wishes = Wishes(self._settings, self._voice)
        talk.session.replies.options = self._wishes.options
        self._send({"type": "session.updated", "session": self._body()})

    def _tell_latency(self, event: TurnLatency) -> None:
        turn = self._items.named(f"turn-{event.turn}")
        latest = self._answers.latest
        record = {key: value for key, value in event.record().items() if key.endswith("_ms")}
        told = {"item_id": turn, "response_id": latest.id if latest else None, **record}
        self._send({"type": "parley.turn_latency", **told})

    @property
    def _talk(self) -> Conversation:
        if self._conversation is None:
            raise RealtimeError("the session has not begun yet: wait for session.created")
        return self._conversation

    def _body(self) -> dict[str, Any]:
        return self._settings.body(self.id, self._expires_at)

    def _send(self, event: dict[str, Any]) -> None:
        if self.recording is not None and event["type"] == "response.output_audio.delta":
            kind = self._settings.audio.output.format.type
            sent = Coded.read(from_base64(event["delta"]), kind)
            self.recording.sent(sent.linear(), sent.rate)
        self._transport({"event_id": new_id("event"), **event})
