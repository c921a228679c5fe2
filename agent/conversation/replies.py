"""The replies under way: how each is made, and what is remembered of it when it is over."""

from collections.abc import Callable, Sequence
from dataclasses import replace
from functools import partial
from typing import Any

import anyio
from anyio.abc import TaskGroup

from agent.audio.output import Output
from agent.audio.remote import RemotePlayback
from agent.config.load import Config
from agent.conversation.activity import Activity, ReplyCost
from agent.conversation.events import (
    PolicyEvent,
    ReplyEnded,
    ReplyProgress,
    ReplyStopped,
    ToolsTakeLong,
)
from agent.conversation.floor import Floor
from agent.conversation.generation import FixedText, Generation, ReplySource
from agent.conversation.history import Entry, History
from agent.conversation.latency import Stopwatch
from agent.conversation.prompt import opening
from agent.conversation.remembering import remember
from agent.conversation.reply import Reply
from agent.conversation.request import ReplyOptions, Request
from agent.events import ErrorEvent, Event, Hearing, nobody
from agent.languages import code_of
from agent.tools import Toolbox
from llm_adapters import AS_CONFIGURED, LanguageModel, Message, ToolCall, Usage
from tts import ConversationalSpeech, Multilingual, SpokenTurn, TextToSpeech

MUTE = 3
"""Replies without any sound in a row after which the voice is said to be unusable."""
BESIDE = 8
"""Replies beside the conversation that may be under way at a time."""


class Replies:
    """The replies of one conversation by their numbers: those of the policy, and those beside it.

    One at a time is `current`: what is heard of it is not in the history yet.
    """

    toolbox: Toolbox | None = None
    """What the agent can do besides talking; to be set before it runs."""
    tasks: TaskGroup

    def __init__(
        self,
        llm: LanguageModel,
        tts: TextToSpeech,
        playback: Output,
        config: Config,
        history: History,
        *,
        report: Callable[[Event], None],
        watch: Callable[[Activity], None] = nobody,
        hearing: Hearing = nobody,
        tell: Callable[[PolicyEvent], None],
        remembered: bool = True,
    ) -> None:
        """`tell` is the policy; the others are told what `Session` is asked to tell them."""
        self.config = config
        """As it is in the user's language."""
        self._configured = config
        self.options = ReplyOptions()
        """What every reply begins with."""
        self.language: str | None = None
        """That of the user's last turn, where the recogniser tells."""
        self.current: Reply | None = None
        self.idle = anyio.Event()
        """Set when a reply is over, and none is under way."""
        self.llm = llm
        self.tts = tts
        self._playback = playback
        self._history = history
        self._report = report
        self._watch = watch
        self._hearing = hearing
        self._tell = tell
        self._remembered = remembered
        self._replies: dict[int, Reply] = {}
        self._beside: dict[int, Reply] = {}  # by numbers below 0
        self._requests: dict[int, Request] = {}  # by the replies that answer them
        self._before: Entry | None = None  # what the history ended with when `current` began
        self._asides: list[str] = []  # said to the reply that is being spoken
        self._pace: float | None = None  # of what was said last
        self._mute = 0  # replies without a sound, in a row

    def configure(self, config: Config) -> None:
        """Go by another configuration from now on."""
        self._configured = config
        self.config = config.heard_in(self.language)

    def hear(self, language: str) -> bool:
        """Speak the user's language, which the recogniser tells, from now on; whether it is new."""
        if language == self.language:
            return False
        self.language = language
        self.configure(self._configured)
        if self.toolbox is not None:
            self.toolbox.confirmation.heard = code_of(language)
        return True

    def __getitem__(self, number: int) -> Reply:
        return self._replies[number]

    def progress(self, *, audible: bool) -> Sequence[ReplyProgress]:
        """How those of the conversation that are under way stand; `audible`: with an echo."""
        return tuple(
            ReplyProgress(
                reply.number,
                tokens=reply.tokens,
                failure=reply.failure,
                interruptible=reply.source.interruptible,
                asks=reply.asks,
                starved=reply.starved,
                delivered=reply.delivered,
                echoed=reply.said if audible else "",
            )
            for reply in self._replies.values()
        )

    def prepare(self, number: int, turn: int, text: str) -> None:
        """Begin a reply as if the user had said `text`."""
        self._generate(number, turn, self._history.with_user(text), ReplyOptions())

    def say(self, number: int, turn: int, text: str, request: Request | None, asked: int) -> None:
        """Begin to say `text`."""
        options = request.options if request is not None else ReplyOptions()
        options = options.over(self.options)
        reply = self._begin(number, turn, FixedText(text), Floor(), options=options, asked=asked)
        self._play(reply, Stopwatch(), request)

    def answer(
        self, number: int, turn: int, watch: Stopwatch, request: Request | None, asked: int
    ) -> None:
        """Have a reply answer the conversation: one that was prepared, or a new one."""
        reply = self._replies.get(number)
        turn = request.turn if request is not None and request.turn is not None else turn
        if reply is None:
            options = request.options if request is not None else ReplyOptions()
            reply = self._generate(number, turn, None, options, asked)
        self._play(reply, watch, request)

    def answer_beside(self, request: Request, number: int) -> None:
        """Answer `request` without the conversation: nothing is played or remembered.

        Raises ValueError when too many such replies are under way.
        """
        if len(self._beside) >= BESIDE:
            raise ValueError(f"{BESIDE} replies beside the conversation are under way already")
        floor = Floor()
        options = request.options.over(self.options)
        messages = self._messages(None, options)
        source = self._source(number, 0, messages, floor, options=options, toolbox=None)
        voice = self._voice(options)
        reply = self._beside[number] = Reply(
            number,
            0,
            source,
            voice,
            RemotePlayback(voice.sample_rate),
            report=nobody,
            watch=self._watch,
            tell=nobody,
            apology="",
            floor=floor,
            speaks=options.speaks is not False,
        )
        request.reply = number
        self.tasks.start_soon(self._run_beside, reply, request)

    def stop_beside(self, number: int) -> bool:
        """Stop a reply beside the conversation; whether there is one."""
        if (reply := self._beside.get(number)) is None:
            return False
        reply.stop()
        return True

    def stop(self, number: int) -> None:
        """End a reply for good, and remember what was heard."""
        self._replies[number].stop()
        self.remember(self._replies[number])

    def leave(self, number: int) -> None:
        """Take a reply as heard."""
        self._replies[number].leave()
        self.remember(self._replies[number])

    def duck(self, *, perhaps_a_voice: bool) -> None:
        """Be softer, and call no tool, until it is known what the user wants; or no longer."""
        floor = self.current.floor if self.current is not None else Floor()
        if perhaps_a_voice:
            self._playback.duck()
            floor.hold()
        else:
            self._playback.unduck()
            floor.resume()

    def aside(self, text: str) -> None:
        """Note what the user said to the agent's speech without wanting an answer."""
        if self.current is not None:
            self._asides.append(text)
        else:
            self._history.aside(text)

    def tell_voice(self, sound: SpokenTurn | None) -> None:
        """How the last turn sounded, in the order of the conversation, to a voice that asks."""
        if sound is None or not self._remembered:
            return
        if isinstance(self.tts, ConversationalSpeech):
            self.tts.remember(sound)

    def remember(self, reply: Reply) -> None:
        """What was heard of a reply, once."""
        outcome = reply.outcome
        if reply is not self.current or outcome is None:
            return
        self.current = None
        self._pace = reply.spoken.pace or self._pace
        if self.toolbox is not None and (reply.source.question or outcome.heard):
            whole, now = reply.heard_whole, anyio.current_time()
            whole = whole and (self._playback.volume > 0 or not reply.speaks)
            self.toolbox.confirmation.said(reply.source.question, whole=whole, now=now)
        with self._history.behind(self._before):  # who writes meanwhile wants the next answer
            remember(self._history, reply, outcome)
            for text in self._asides:
                self._history.aside(text)
        self._asides.clear()
        self.tell_voice(outcome.sound)
        self._mute = self._mute + 1 if reply.mute else 0
        if self._mute == MUTE:
            message = f"{MUTE} replies in a row have made no sound: the voice is unusable"
            self._report(ErrorEvent("tts", "tts.unusable", message, recovered=False))

    def become(self, llm: LanguageModel, tts: TextToSpeech) -> None:
        """Have another model and another voice from now on; what is being said goes on."""
        self.llm, self.tts = llm, tts
        self._pace = None
        self.change(voice=None)

    def change(self, **options: Any) -> None:
        """Begin every reply with other options from now on."""
        self.options = replace(self.options, **options)

    def truncate(self, key: str, heard_ms: float) -> str:
        """Correct what was heard of a reply, whether it is over or not; the words heard.

        One that its listener has stopped is over. Raises KeyError when there is no such reply.
        """
        current = self.current
        if current is not None and key == f"reply-{current.number}":
            held = current.held
            current.track.hold()
            current.track.correct(round(heard_ms / 1000 * current.spoken.sample_rate))
            if held:
                return current.said
            self._tell(ReplyStopped(current.number))
            if not (current.outcome and current.outcome.heard):
                return ""
        return self._history.truncate(key, heard_ms)

    def _voice(self, options: ReplyOptions) -> TextToSpeech:
        """The one that was chosen, or that of the user's language."""
        if options.voice is not None:
            return options.voice
        if self.language is not None and isinstance(self.tts, Multilingual):
            return self.tts.in_language(self.language)
        return self.tts

    def _messages(
        self, asked: Sequence[Message] | None, options: ReplyOptions
    ) -> Sequence[Message]:
        system = None
        if options.instructions is not None or options.messages is not None:
            system = opening(self.config, self.tts, options.instructions)
        if options.messages is not None:
            return (*([Message("system", system)] if system else []), *options.messages)
        return asked or self._history.told(system)

    def _generate(
        self,
        number: int,
        turn: int,
        messages: Sequence[Message] | None,
        options: ReplyOptions,
        asked: int = 0,
    ) -> Reply:
        options = options.over(self.options)
        floor = Floor()
        messages = self._messages(messages, options)
        toolbox = None if options.own_tools is False else self.toolbox
        source = self._source(number, turn, messages, floor, options=options, toolbox=toolbox)
        return self._begin(number, turn, source, floor, options=options, asked=asked)

    def _source(
        self,
        number: int,
        turn: int,
        messages: Sequence[Message],
        floor: Floor,
        *,
        options: ReplyOptions,
        toolbox: Toolbox | None,
    ) -> Generation:
        return Generation(
            self.llm,
            messages,
            toolbox,
            turn=turn,
            report=self._report,
            floor=floor,
            waiting=partial(self._tell, ToolsTakeLong(number)),
            others=options.tools or (),
            called=partial(self._called, number),
            cost=partial(self._cost, number),
            longest=options.longest,
            must_call=bool(options.must_call),
            options=options.model or AS_CONFIGURED,
        )

    def _begin(
        self,
        number: int,
        turn: int,
        source: ReplySource,
        floor: Floor,
        *,
        options: ReplyOptions,
        asked: int,
    ) -> Reply:
        reply = self._replies[number] = Reply(
            number,
            turn,
            source,
            self._voice(options),
            self._playback,
            report=self._report,
            watch=self._watch,
            tell=self._tell,
            hearing=self._hearing,
            apology=self.config.agent.apology,
            floor=floor,
            speak_ahead=self.config.turn.speculate == "all",
            speaks=options.speaks is not False,
            request=asked,
            pace=self._pace,
        )
        self.tasks.start_soon(self._run, reply)
        return reply

    def _play(self, reply: Reply, watch: Stopwatch, request: Request | None) -> None:
        self.current = reply
        self._before = self._history.last
        if request is not None:
            request.reply = reply.number
            self._requests[reply.number] = request
        reply.commit(watch)

    async def _run(self, reply: Reply) -> None:
        try:
            await reply.run()
        finally:
            self.remember(reply)
            if request := self._requests.pop(reply.number, None):
                request.heard = reply.outcome.heard if reply.outcome is not None else ""
                request.done.set()
        self._tell(ReplyEnded(reply.number, reply.heard_out))
        del self._replies[reply.number]
        if not self._replies:
            self.idle.set()

    async def _run_beside(self, reply: Reply, request: Request) -> None:
        try:
            reply.commit(Stopwatch())
            await reply.run()
        finally:
            del self._beside[reply.number]
            request.heard = reply.outcome.heard if reply.outcome is not None else ""
            request.done.set()

    def _called(self, number: int, calls: tuple[ToolCall, ...]) -> None:
        """A reply ends with calls that somebody else answers."""
        if (reply := self._replies.get(number) or self._beside.get(number)) is not None:
            reply.hand_over(calls)

    def _cost(self, number: int, usage: Usage) -> None:
        self._watch(ReplyCost(number, usage.prompt, usage.completion, usage.cached))
