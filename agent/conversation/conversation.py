"""A conversation one can hold in one's hand: what a program says to an agent that is talking."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import anyio
from anyio.streams.memory import MemoryObjectReceiveStream, MemoryObjectSendStream

from agent.audio.gate import Gate
from agent.config.load import Config
from agent.conversation.controls import Controls
from agent.conversation.events import ContextChanged, Silenced, TurnHeld, WordsAwaited
from agent.conversation.handoff import AgentHandoff, groups, offer_handoff
from agent.conversation.history import History
from agent.conversation.request import ReplyOptions, Request
from agent.conversation.session import Session
from agent.engines.stt import GuardedSpeechToText
from agent.events import Event, Report, TurnCommitted, nobody
from agent.guards.text import valid
from agent.tools import Tool, function_tool
from agent.turns.segmenter import TurnSegmenter
from llm_adapters import LanguageModel, ToolSpec
from tts import TextToSpeech

BEHIND = 10_000
"""Events that a reader of `events` may be behind; then it is told no more."""


class Conversation:
    """A conversation with an agent that listens and speaks; made by `Agent.start`.

    Every method may be called from any task on the loop. What awaits may be cancelled: the agent
    then stops saying what was asked for.
    """

    def __init__(
        self,
        session: Session,
        gate: Gate,
        segmenter: TurnSegmenter,
        recogniser: GuardedSpeechToText,
        controls: Controls,
        *,
        config: Config,
        voice: Callable[[str], TextToSpeech],
        engines: Callable[[Config], tuple[LanguageModel, TextToSpeech]],
        report: Report = nobody,
    ) -> None:
        """`voice` gives the voice of a name, and raises ConfigError; `engines` those of an agent.

        `report` is told when another agent takes over.
        """
        self.config = config
        """What it goes by now: the agent's, and what `update` has changed."""
        self.controls = controls
        """The volume, and what was said last."""
        self.recogniser = recogniser
        """This conversation's own, as `update` has it listen."""
        self._session = session
        self._gate = gate
        self._segmenter = segmenter
        self._voice = voice
        self._engines = engines
        self._report = report
        self._hello: Request | None = None  # of an agent that takes over
        self._hello_number = 0
        self._listeners: list[MemoryObjectSendStream[Event]] = []
        self._ended = anyio.Event()

    @property
    def history(self) -> History:
        """What has been said and heard: its `messages`, and its `entries`, each with its key."""
        return self._session.history

    @property
    def session(self) -> Session:
        """The stage that converses: what stands behind this handle."""
        return self._session

    @property
    def muted(self) -> bool:
        """Whether the user is muted: not one sample of theirs is kept."""
        return self._gate.muted

    async def say(self, text: str) -> str:
        """Have the agent say `text` at the next pause; returns the words that were heard of it."""
        return await self._asked(Request(text=valid(text)))

    async def ask(self, text: str) -> str:
        """Answer `text` as if the user had said it; returns the words heard of the answer."""
        return await self._asked(Request(), typed=valid(text))

    async def answer(self) -> str:
        """Answer the conversation as it stands; returns the words that were heard of it.

        For a turn that is not answered by itself (`turn.respond`), or after a tool's result.
        """
        return await self._asked(Request())

    async def reply(self, options: ReplyOptions) -> str:
        """Answer as `options` say; returns the words that were heard of it."""
        return await self._asked(Request(options=options))

    def interrupt(self) -> None:
        """Silence the agent within one block of the device: no more of any reply."""
        self._session.tell(Silenced())

    def open_turn(self) -> None:
        """Begin the user's turn now, and stop the reply: push to talk, pressed.

        It lasts until `commit_turn`, however long they pause, or `clear_turn`.
        """
        self._session.tell(TurnHeld(True))
        self._gate.mark("open")

    def commit_turn(self) -> None:
        """End the user's turn with what has been heard by now: push to talk, released."""
        self._session.tell(WordsAwaited())
        self._gate.mark("commit")

    def clear_turn(self) -> None:
        """Forget what has been heard of the user's turn."""
        self._session.tell(TurnHeld(False))
        self._gate.mark("clear")

    def mute(self) -> None:
        """Hear nothing of the microphone, and keep nothing, until `unmute`."""
        self._gate.muted = True

    def unmute(self) -> None:
        """Hear the microphone again."""
        self._gate.muted = False

    def update(
        self,
        *,
        instructions: str | None = None,
        voice: str | TextToSpeech | None = None,
        tools: Sequence[Callable[..., Any] | Tool | ToolSpec] | None = None,
        turn: Mapping[str, Any] | None = None,
        sections: Mapping[str, Mapping[str, Any]] | None = None,
        recognition: Mapping[str, str | None] | None = None,
    ) -> None:
        """Change how the agent behaves from the next turn on; what is not given stays.

        `tools` are functions, beside those of the configuration, or the specifications of tools
        that somebody else runs. `turn` are keys of that section of the configuration; `sections`
        are other ones, such as `interruption`. `recognition`: the `language` of the user, a code
        such as en, and a `prompt`, words that are likely; without them as configured. Raises
        ConfigError, SpeechToTextError for a recogniser that cannot; then nothing has changed.
        """
        changes: dict[str, Any] = dict(sections or {})
        if turn is not None:
            changes["turn"] = turn
        if instructions is not None:
            changes["agent"] = {**changes.get("agent", {}), "instructions": valid(instructions)}
        config = self.config.changed(changes)
        spoken = self._voice(voice) if isinstance(voice, str) else voice
        if recognition is not None:
            self.recogniser.adjust(
                language=recognition.get("language"), prompt=recognition.get("prompt") or ""
            )
        if tools is not None:
            self._offer(tools)
        if spoken is not None:
            self._session.replies.change(voice=spoken)
        if changes:
            self.config = config
            self._session.configure(config)
            self._segmenter.configure(config.vad, config.turn)
        if not self._ended.is_set():
            self._session.tell(ContextChanged())

    async def become(self, config: Config) -> None:
        """Go by another configuration from the next turn on, whose engines are loaded.

        What is being said is said to its end. Raises ConfigError for tools that cannot be made;
        then nothing has changed.
        """
        replies = self._session.replies
        if replies.toolbox is not None:
            await replies.toolbox.furnish(groups(config))
            replies.toolbox.group = config.start if config.start in config.agents else ""
            offer_handoff(replies.toolbox, config, self.hand_over)
        engines = self._engines(config)
        if engines != (replies.llm, replies.tts):
            replies.become(*engines)
        self.config = config
        self._session.configure(config)
        self._segmenter.configure(config.vad, config.turn)
        if not self._ended.is_set():
            self._session.tell(ContextChanged())

    def hand_over(self, name: str) -> None:
        """Have another agent of the configuration go on, and say hello at the next pause.

        Its instructions, greeting, voice, model and tools take the place of those before; the
        history stays. Raises ConfigError if there is none such.
        """
        self.take_over(name)
        if not self._ended.is_set():
            greeting = self.config.agent.greeting or None  # without: an answer to what was said
            self._hello = Request(text=greeting)
            self._hello_number = self._session.request(self._hello)

    def take_over(self, name: str) -> None:
        """Have another agent go on, who says nothing by itself. Raises ConfigError."""
        before, config = self.config.start, self.config.of(name)
        self._session.replies.become(*self._engines(config))
        self._session.configure(config)
        self.config = config
        toolbox = self._session.replies.toolbox
        if toolbox is not None:
            toolbox.group = name
        self._report(AgentHandoff(before or "", name, config.agent.name))
        if not self._ended.is_set():
            self._session.tell(ContextChanged())

    def truncate(self, item: str, heard_ms: float) -> str:
        """Correct what was heard of a reply, by its key: its first `heard_ms`.

        For a listener who plays what they are sent by themselves. Returns the words heard. Raises
        KeyError when there is no such reply.
        """
        return self._session.replies.truncate(item, heard_ms)

    def events(self) -> MemoryObjectReceiveStream[Event]:
        """What happens from now on, until the conversation ends: `async for` each event.

        Close what is returned, or use it in a `with` block. Who is too far behind is told no more.
        """
        send, receive = anyio.create_memory_object_stream[Event](BEHIND)
        if self._ended.is_set():
            send.close()
        else:
            self._listeners.append(send)
        return receive

    async def wait(self) -> None:
        """Wait until the microphone has ended and the last reply has been heard."""
        await self._ended.wait()

    def tell(self, event: Event) -> None:
        """Tell whoever reads `events`."""
        if isinstance(event, TurnCommitted) and self._hello is not None:
            if not self._hello.done.is_set():
                self._session.withdraw(self._hello_number)  # who speaks first is answered
            self._hello = None
        for listener in tuple(self._listeners):
            try:
                listener.send_nowait(event)
            except (anyio.WouldBlock, anyio.BrokenResourceError):
                self._listeners.remove(listener)
                listener.close()

    def end(self) -> None:
        """Nothing more happens."""
        self._ended.set()
        for listener in self._listeners:
            listener.close()
        self._listeners.clear()

    def _offer(self, tools: Sequence[Callable[..., Any] | Tool | ToolSpec]) -> None:
        own: list[Tool] = []
        others: list[ToolSpec] = []
        for tool in tools:
            if isinstance(tool, ToolSpec):
                others.append(tool)
            else:
                own.append(tool if isinstance(tool, Tool) else function_tool(tool))
        toolbox = self._session.replies.toolbox
        if toolbox is not None:
            toolbox.offer(own)
        self._session.replies.change(tools=tuple(others))

    async def _asked(self, request: Request, typed: str | None = None) -> str:
        if self._ended.is_set():
            return ""
        number, before = self._session.request(request, typed=typed), self._hello
        try:
            await request.done.wait()
        finally:
            if not request.done.is_set():
                self._session.withdraw(number)
        hello = self._hello
        if hello is None or hello is before:
            return request.heard
        await hello.done.wait()  # another agent has taken over, and goes on with it
        return f"{request.heard} {hello.heard}".strip()
