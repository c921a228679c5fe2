"""One conversation: the user's turns, the agent's replies, and what was heard.

The stage at the end of the graph: the user's words come in, the agent's voice goes to the
playback, and everything that happens is reported as an event. Who may speak is decided by the
`Policy`; the session tells it what happens and does what it says.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from functools import partial
from typing import Any

import anyio
from anyio.abc import TaskGroup
from anyio.streams.memory import MemoryObjectReceiveStream, MemoryObjectSendStream

from agent.audio.echo.stage import EchoStage
from agent.audio.playback import Playback
from agent.config.load import Config
from agent.conversation.commands import (
    Backchannel,
    Command,
    Commit,
    Decided,
    Discard,
    Duck,
    Explain,
    Fill,
    Hold,
    Ignore,
    Interrupt,
    Prepare,
    Resume,
    Say,
    SetTimer,
    Stop,
    StopTimer,
    Unduck,
)
from agent.conversation.events import (
    Announcement,
    ConversationEnded,
    ConversationStarted,
    PolicyEvent,
    ReplyEnded,
    ReplyProgress,
    TimerName,
    TimerRang,
    ToolsTakeLong,
)
from agent.conversation.filler import Filler
from agent.conversation.floor import Floor
from agent.conversation.generation import FixedText, Generation, ReplySource, summarise, warm_up
from agent.conversation.history import History
from agent.conversation.latency import Stopwatch
from agent.conversation.policy import Policy
from agent.conversation.prompt import system_message
from agent.conversation.reply import Reply
from agent.conversation.timer import Timer
from agent.events import (
    Decision,
    ErrorEvent,
    Event,
    Hearing,
    TurnCommitted,
    UserBackchannel,
    UserSpeechStarted,
    UserSpeechStopped,
    UserTranscript,
    WarningEvent,
    nobody,
)
from agent.tools import Toolbox
from agent.turns.events import (
    SpeechEnded,
    SpeechStarted,
    TranscriptionFailed,
    TurnTranscript,
    UserWords,
)
from llm_adapters import LanguageModel, Message
from tts import ConversationalSpeech, ExpressiveSpeech, SpokenTurn, TextToSpeech

MUTE = 3
"""Replies without any sound in a row after which the voice is said to be unusable."""


@dataclass(slots=True)
class _Turn:
    """What the policy need not know of a turn: its moments, and how it sounded."""

    watch: Stopwatch = field(default_factory=Stopwatch)
    sound: SpokenTurn | None = None


class Session:
    """A session is a stage: UserWords in, nothing out but sound and events."""

    _tasks: TaskGroup

    def __init__(
        self,
        llm: LanguageModel,
        tts: TextToSpeech,
        playback: Playback,
        config: Config,
        report: Callable[[Event], None],
        *,
        echo: EchoStage | None = None,
        earlier: Sequence[Message] = (),
        hearing: Hearing = nobody,
    ) -> None:
        """Engines that are loaded, the sound's way out, and who is told what happens.

        `echo` is told when the agent seems to interrupt itself, `hearing` of a reply's words as
        they are heard; `earlier` is a conversation that this one goes on with.
        """
        sounds = tts.sounds if config.agent.sounds and isinstance(tts, ExpressiveSpeech) else ()
        system = system_message(config.agent.preamble, config.agent.instructions, sounds)
        self.history = History(system)
        self.history.recall(earlier)
        self.toolbox: Toolbox | None = None
        """What the agent can do besides talking; to be set before it runs."""
        self._llm = llm
        self._tts = tts
        self._playback = playback
        self._config = config
        self._report = report
        self._hearing = hearing
        self._echo = echo
        self._policy = Policy(config)
        self._filler = Filler(config.thinking, playback, report)
        self._timers: dict[TimerName, Timer] = {}
        self._turns: dict[int, _Turn] = {}
        self._replies: dict[int, Reply] = {}
        self._current: Reply | None = None  # what is heard of it is not in the history yet
        self._asides: list[str] = []  # said to the reply that is being spoken
        self._mute = 0  # replies without a sound, in a row
        self._quiet = anyio.Event()  # set when a reply is over, and none is under way
        self._summing = anyio.CancelScope()

    async def __call__(
        self, receive: MemoryObjectReceiveStream[UserWords], send: MemoryObjectSendStream[Any]
    ) -> None:
        """Converse until the user's words end and the last reply has been spoken."""
        del send  # the voice goes to the playback, which knows what was really heard
        beside = anyio.CancelScope()
        async with anyio.create_task_group() as self._tasks:
            self._tasks.start_soon(self._beside, beside)
            self._tell(ConversationStarted())
            async for item in receive:
                self._on(item)
            self._tell(ConversationEnded())
            beside.cancel()

    async def _beside(self, scope: anyio.CancelScope) -> None:
        """What goes on beside the conversation, as long as it lasts."""
        tools = self.toolbox.specs if self.toolbox is not None else ()
        with scope:
            async with anyio.create_task_group() as tasks:
                tasks.start_soon(warm_up, self._llm, self.history.messages, tools, self._report)
                tasks.start_soon(self._filler.prepare, self._tts)
                tasks.start_soon(self._sum_up)
                if self.toolbox is not None:
                    async for text in self.toolbox.announcements:
                        self._tell(Announcement(text))

    async def _sum_up(self) -> None:
        """Have the model sum up what it is not shown any more, while nobody waits for it."""
        while True:
            await self._quiet.wait()
            self._quiet = anyio.Event()
            with anyio.CancelScope() as self._summing:
                await summarise(self._llm, self._report)

    def _on(self, item: UserWords) -> None:
        """Report what the user does, and have the policy decide what follows."""
        match item:
            case SpeechStarted(number):
                self._turns[number] = _Turn()
                self._note_answer(number)
                self._report(UserSpeechStarted(number))
            case SpeechEnded(number) if number in self._turns:
                self._turns[number].watch.mark("speech_stopped", item.stop)
                self._turns[number].watch.mark("endpoint", item.decided)
                self._report(UserSpeechStopped(number, round(item.speech_s, 3)))
            case TurnTranscript(number, text, final) if number in self._turns:
                if final:
                    self._turns[number].watch.mark("transcript")
                    self._turns[number].sound = item.sound
                self._report(UserTranscript(number, text, final))
            case TranscriptionFailed(number):
                self._turns.pop(number, None)
        self._tell(item)
        if isinstance(item, SpeechEnded) and item.cut:
            message = (
                f"the user has spoken for {item.speech_s:.0f} s without a pause: the turn was cut "
                "(turn.max_length), what follows is a new one"
            )
            self._report(WarningEvent("turns", "turn.cut", message))

    def _note_answer(self, turn: int) -> None:
        """The user begins to speak: if that is an answer, what of the question have they heard?"""
        if self.toolbox is not None:
            over = self._current is not None and not self._current.heard_whole
            self.toolbox.confirmation.begins(turn, over=over, now=anyio.current_time())

    def _tell(self, event: PolicyEvent) -> None:
        """Tell the policy what has happened, and do what it decides."""
        now = anyio.current_time()
        for reply in self._replies.values():
            self._policy.on(self._progress(reply), now)
        for command in self._policy.on(event, now):
            self._do(command)
            if isinstance(command, Decided):
                self._report(Decision(command.turn, command.what, command.why))

    def _progress(self, reply: Reply) -> ReplyProgress:
        audible = self._echo is not None and self._echo.mode != "off"
        return ReplyProgress(
            reply.number,
            tokens=reply.tokens,
            failure=reply.failure,
            interruptible=reply.source.interruptible,
            asks=reply.asks,
            starved=reply.starved,
            echoed=reply.said if audible else "",
        )

    def _do(self, command: Command) -> None:
        match command:
            case Duck() | Unduck():
                self._duck(perhaps_a_voice=isinstance(command, Duck))
            case Hold(reply=number) | Interrupt(reply=number):
                self._replies[number].hold()
            case Resume(reply=number):
                self._replies[number].resume()
            case Stop(reply=number):
                self._replies[number].stop()
                self._remember(self._replies[number])
            case Prepare(turn=turn, reply=number, text=text):
                self._generate(number, turn, self.history.with_user(text))
            case Discard(reply=number):
                self._replies[number].discard()
            case Say(turn=turn, reply=number, text=text):
                self._play(self._begin(number, turn, FixedText(text), Floor()), Stopwatch())
            case Fill():
                self._filler.play()
            case Commit() | Backchannel() | Ignore():
                self._end_turn(command)
            case SetTimer(timer=timer) | StopTimer(timer=timer):
                seconds = command.seconds if isinstance(command, SetTimer) else None
                ring = partial(self._tell, TimerRang(timer))
                self._timers.setdefault(timer, Timer()).set(self._tasks, seconds, ring)
            case Explain(decision=decision):
                self._report(decision)

    def _duck(self, *, perhaps_a_voice: bool) -> None:
        """Be softer, and call no tool, until it is known what the user wants."""
        floor = self._current.floor if self._current is not None else Floor()
        if perhaps_a_voice:
            self._playback.duck()
            floor.hold()
        else:
            self._playback.unduck()
            floor.resume()

    def _end_turn(self, command: Commit | Backchannel | Ignore) -> None:
        """All words of a turn are known, and what is made of them."""
        turn = self._turns.pop(command.turn)
        match command:
            case Commit():
                self._commit(command, turn)
            case Backchannel(text=text):
                self._report(UserBackchannel(command.turn, text))
                if self._current is not None:
                    self._asides.append(text)
                else:
                    self.history.aside(text)
            case Ignore(interrupted=True) if self._echo is not None:
                self._echo.self_interrupted()

    def _commit(self, command: Commit, turn: _Turn) -> None:
        if command.text:
            attempts = command.attempts or None
            wasted = command.wasted_tokens if attempts else None
            self._report(TurnCommitted(command.turn, command.text, attempts, wasted))
            self.history.user(command.text)
            if self.toolbox is not None:
                self.toolbox.confirmation.committed(command.turn, command.text)
            self._tell_voice(turn.sound)
        if command.reply is not None:
            reply = self._replies.get(command.reply)
            if reply is None:
                reply = self._generate(command.reply, command.turn, self.history.messages)
            self._play(reply, turn.watch)

    def _generate(self, number: int, turn: int, messages: Sequence[Message]) -> Reply:
        """Begin a reply to `messages`."""
        self._summing.cancel()
        floor = Floor()
        generation = Generation(
            self._llm,
            messages,
            self.toolbox,
            turn=turn,
            report=self._report,
            floor=floor,
            waiting=partial(self._tell, ToolsTakeLong(number)),
        )
        return self._begin(number, turn, generation, floor)

    def _begin(self, number: int, turn: int, source: ReplySource, floor: Floor) -> Reply:
        reply = self._replies[number] = Reply(
            number,
            turn,
            source,
            self._tts,
            self._playback,
            report=self._report,
            tell=self._tell,
            hearing=self._hearing,
            apology=self._config.agent.apology,
            floor=floor,
            speak_ahead=self._config.turn.speculate == "all",
        )
        self._tasks.start_soon(self._run, reply)
        return reply

    def _play(self, reply: Reply, watch: Stopwatch) -> None:
        self._current = reply
        reply.commit(watch)

    async def _run(self, reply: Reply) -> None:
        try:
            await reply.run()
        finally:
            self._remember(reply)
        self._tell(ReplyEnded(reply.number, reply.heard_out))
        del self._replies[reply.number]
        if not self._replies:
            self._quiet.set()

    def _remember(self, reply: Reply) -> None:
        """What was heard of a reply, once."""
        outcome = reply.outcome
        if reply is not self._current or outcome is None:
            return
        self._current = None
        if self.toolbox is not None and (reply.source.question or outcome.heard):
            whole, now = reply.heard_whole and self._playback.volume > 0, anyio.current_time()
            self.toolbox.confirmation.said(reply.source.question, whole=whole, now=now)
        self.history.tools_used(reply.source)
        self.history.assistant(outcome.heard, interrupted=outcome.interrupted)
        self._tell_voice(outcome.sound)
        for text in self._asides:
            self.history.aside(text)
        self._asides.clear()
        self._mute = self._mute + 1 if reply.mute else 0
        if self._mute == MUTE:
            message = f"{MUTE} replies in a row have made no sound: the voice is unusable"
            self._report(ErrorEvent("tts", "tts.unusable", message, recovered=False))

    def _tell_voice(self, sound: SpokenTurn | None) -> None:
        """How the last turn sounded, in the order of the conversation, to a voice that asks."""
        if sound is not None and isinstance(self._tts, ConversationalSpeech):
            self._tts.remember(sound)
