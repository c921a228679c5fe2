"""One conversation: the user's turns, the agent's replies, and what was heard.

The stage at the end of the graph: the user's words come in, the agent's voice goes to the
playback, and everything that happens is reported as an event. Who may speak is decided by the
`Policy`; the session tells it what happens and does what it says.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from functools import partial
from itertools import count
from typing import Any

import anyio
from anyio.abc import TaskGroup
from anyio.streams.memory import MemoryObjectReceiveStream, MemoryObjectSendStream

from agent.audio.echo.stage import EchoStage
from agent.audio.output import Output
from agent.config.load import Config
from agent.conversation.activity import (
    Activity,
    TurnDecided,
    TurnFailed,
    TurnStarted,
    TurnStopped,
    TurnWords,
)
from agent.conversation.commands import (
    Answer,
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
    Leave,
    Prepare,
    Refuse,
    Resume,
    Say,
    SetTimer,
    Sleep,
    Stop,
    StopTimer,
    Tone,
    Unduck,
)
from agent.conversation.events import (
    Announcement,
    ConversationEnded,
    ConversationStarted,
    PolicyEvent,
    ReplyWanted,
    RequestWithdrawn,
    TimerName,
    TimerRang,
    Typed,
)
from agent.conversation.filler import Filler
from agent.conversation.generation import summarise, warm_up
from agent.conversation.history import History
from agent.conversation.latency import Stopwatch
from agent.conversation.policy import Policy
from agent.conversation.prompt import opening
from agent.conversation.replies import Replies
from agent.conversation.request import OpenRequests, Request
from agent.conversation.timer import Timer
from agent.events import (
    Decision,
    Event,
    Hearing,
    TurnCommitted,
    UserBackchannel,
    UserSpeechStarted,
    UserSpeechStopped,
    UserTranscript,
    WakeAsleep,
    WarningEvent,
    nobody,
)
from agent.languages import code_of
from agent.turns.events import (
    PreemptiveTranscript,
    SpeechCandidate,
    SpeechEnded,
    SpeechStarted,
    TranscriptionFailed,
    TurnTranscript,
    UserWords,
)
from llm_adapters import LanguageModel, Message
from tts import SpokenTurn, TextToSpeech


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
        playback: Output,
        config: Config,
        report: Callable[[Event], None],
        *,
        echo: EchoStage | None = None,
        earlier: Sequence[Message] = (),
        hearing: Hearing = nobody,
        watch: Callable[[Activity], None] = nobody,
        remembered: bool = True,
        answers: bool = True,
        speaks: bool = True,
        sleep: Callable[[], None] = lambda: None,
    ) -> None:
        """Engines that are loaded, the sound's way out, and who is told what happens.

        `echo` is told when the agent seems to interrupt itself, `hearing` of a reply's words as
        they are heard, `watch` of everything; `earlier` is a conversation that this one goes on
        with. Not `remembered`: the voice is told nothing of how it sounds. Not `answers`: nobody
        is greeted, and no answer is prepared for. Not `speaks`: answers are text alone.
        `sleep`: nothing more is to be heard.
        """
        self.history = History(opening(config, tts))
        self.history.recall(earlier)
        self.replies = Replies(
            llm,
            tts,
            playback,
            config,
            self.history,
            report=report,
            watch=watch,
            hearing=hearing,
            tell=self.tell,
            remembered=remembered,
        )
        if not speaks:
            self.replies.change(speaks=False)
        self.begun = anyio.Event()
        """Set once it runs, or never will."""
        self.numbers = count(1)
        """The numbers of the user's turns, spoken and typed."""
        self.requests = OpenRequests()
        self._answers = answers
        self._speaks = speaks
        self._sleep = sleep
        self._report = report
        self._watch = watch
        self._echo = echo
        self._playback = playback
        self._policy = Policy(config)
        self._filler = Filler(config.thinking, playback, report)
        self._timers: dict[TimerName, Timer] = {}
        self._turns: dict[int, _Turn] = {}
        self._summing = anyio.CancelScope()

    def configure(self, config: Config) -> None:
        """Go by another configuration from now on, but for what was opened with the old one."""
        self.replies.configure(config)
        self.history.instruct(opening(config, self.replies.tts))
        self._policy.configure(self.replies.config)

    def request(
        self, request: Request, *, typed: str | None = None, number: int | None = None
    ) -> int:
        """Have the agent say something, answer what is `typed`, or answer the conversation.

        Returns its number: the one given, or a new one.
        """
        number = self.requests.add(request, number)
        if typed is not None:
            turn = next(self.numbers)
            self._turns[turn] = _Turn()
            self._turns[turn].watch.mark("transcript")
            self._note_answer(turn)
            self.tell(Typed(turn, typed, number))
        elif request.text is not None:
            self.tell(Announcement(request.text, number))
        else:
            self.tell(ReplyWanted(number))
        return number

    def request_beside(self, request: Request) -> int:
        """Have `request` answered beside the conversation; the number of its reply, below 0.

        Raises ValueError when too many such replies are under way.
        """
        number = -self.requests.new()
        self.replies.answer_beside(request, number)
        return number

    def withdraw(self, number: int) -> None:
        """A request is not wanted any more."""
        self.tell(RequestWithdrawn(number))

    async def __call__(
        self, receive: MemoryObjectReceiveStream[UserWords], send: MemoryObjectSendStream[Any]
    ) -> None:
        """Converse until the user's words end and the last reply has been spoken."""
        del send  # the voice goes to the playback, which knows what was really heard
        beside = anyio.CancelScope()
        try:
            async with anyio.create_task_group() as self._tasks:
                self.replies.tasks = self._tasks
                if self._answers:
                    self._tasks.start_soon(self._beside, beside)
                    self.tell(ConversationStarted())
                self.begun.set()
                async for item in receive:
                    self._on(item)
                self.tell(ConversationEnded())
                beside.cancel()
        finally:
            self.requests.close()

    async def _beside(self, scope: anyio.CancelScope) -> None:
        """What goes on beside the conversation, as long as it lasts."""
        tools = self.replies.toolbox.specs if self.replies.toolbox is not None else ()
        begin = self.replies.llm, self.history.messages, tools, self._report
        with scope:
            async with anyio.create_task_group() as tasks:
                tasks.start_soon(warm_up, *begin)
                if self._speaks:
                    tasks.start_soon(self._filler.prepare, self.replies.tts)
                tasks.start_soon(self._sum_up)
                if self.replies.toolbox is not None:
                    async for text in self.replies.toolbox.announcements:
                        self.tell(Announcement(text))

    async def _sum_up(self) -> None:
        """Have the model sum up what it is not shown any more, while nobody waits for it."""
        while True:
            await self.replies.idle.wait()
            self.replies.idle = anyio.Event()
            with anyio.CancelScope() as self._summing:
                await summarise(self.replies.llm, self._report)

    def _on(self, item: UserWords) -> None:
        """Report what the user does, and have the policy decide what follows."""
        match item:
            case SpeechCandidate():
                self._playback.rouse()  # a device takes a moment, and an answer may follow
            case SpeechStarted(number):
                self._turns[number] = _Turn()
                self._note_answer(number)
                over = self.replies.current
                number_over = over.number if over is not None and over.sounding else None
                self._watch(TurnStarted(number, item.start, item.manual, number_over))
                self._report(UserSpeechStarted(number))
            case SpeechEnded(number) if number in self._turns:
                self._turns[number].watch.mark("speech_stopped", item.stop)
                self._turns[number].watch.mark("endpoint", item.decided)
                self._watch(
                    TurnStopped(number, item.start, item.stop, item.committed, item.dropped)
                )
                self._report(UserSpeechStopped(number, round(item.speech_s, 3)))
                if item.dropped:
                    del self._turns[number]
            case TurnTranscript(number, text, final) if number in self._turns:
                if final:
                    self._turns[number].watch.mark("transcript")
                    self._turns[number].sound = item.sound
                    self._hear(item.language)
                self._watch(TurnWords(number, text, final))
                self._report(UserTranscript(number, text, final))
            case PreemptiveTranscript():
                self._hear(item.language)
            case TranscriptionFailed(number, why):
                self._turns.pop(number, None)
                self._watch(TurnFailed(number, why))
        self.tell(item)
        if isinstance(item, SpeechEnded) and item.cut:
            message = (
                f"the user has spoken for {item.speech_s:.0f} s without a pause: the turn was cut "
                "(turn.max_length), what follows is a new one"
            )
            self._report(WarningEvent("turns", "turn.cut", message))

    def _hear(self, language: str | None) -> None:
        """Go by the language that the recogniser tells."""
        if language and self.replies.hear(language):
            self._policy.barge_in.language = code_of(language)
            self._policy.configure(self.replies.config)

    def _note_answer(self, turn: int) -> None:
        """The user begins to speak: if that is an answer, what of the question have they heard?"""
        if self.replies.toolbox is not None:
            current = self.replies.current
            over = current is not None and not current.heard_whole
            self.replies.toolbox.confirmation.begins(turn, over=over, now=anyio.current_time())

    def tell(self, event: PolicyEvent) -> None:
        """Tell the policy what has happened, and do what it decides."""
        now = anyio.current_time()
        audible = self._echo is not None and self._echo.mode != "off"
        for progress in self.replies.progress(audible=audible):
            self._policy.on(progress, now)
        for command in self._policy.on(event, now):
            self._do(command)
            if isinstance(command, Decided):
                self._report(Decision(command.turn, command.what, command.why))

    def _do(self, command: Command) -> None:
        match command:
            case Duck() | Unduck():
                self.replies.duck(perhaps_a_voice=isinstance(command, Duck))
            case Refuse(request=request):
                self.requests.refuse(request)
            case Fill():
                self._filler.play()
            case Tone():
                self._filler.play_tone()
            case Sleep(why=why):
                self._sleep()
                self._report(WakeAsleep(why))
            case Commit() | Backchannel() | Ignore():
                self._end_turn(command)
            case SetTimer(timer=timer) | StopTimer(timer=timer):
                seconds = command.seconds if isinstance(command, SetTimer) else None
                ring = partial(self.tell, TimerRang(timer))
                self._timers.setdefault(timer, Timer()).set(self._tasks, seconds, ring)
            case Explain(decision=decision):
                self._report(decision)
            case _:
                self._reply(command)

    def _reply(self, command: Command) -> None:
        """Do what is to be done to a reply."""
        match command:
            case Hold(reply=number) | Interrupt(reply=number):
                self.replies[number].hold()
            case Resume(reply=number):
                self.replies[number].resume()
            case Stop(reply=number):
                self.replies.stop(number)
            case Leave(reply=number):
                self.replies.leave(number)
            case Prepare(turn=turn, reply=number, text=text):
                self._summing.cancel()
                self.replies.prepare(number, turn, text)
            case Discard(reply=number):
                self.replies[number].discard()
            case Say(turn=turn, reply=number, text=text):
                self.replies.say(number, turn, text, *self.requests.begin(command.request))
            case Answer(turn=turn, reply=number, request=request):
                self._summing.cancel()
                self.replies.answer(number, turn, Stopwatch(), *self.requests.begin(request))

    def _end_turn(self, command: Commit | Backchannel | Ignore) -> None:
        """All words of a turn are known, and what is made of them."""
        turn = self._turns.pop(command.turn, None) or _Turn()
        match command:
            case Commit():
                self._commit(command, turn)
            case Backchannel(text=text):
                self._watch(TurnDecided(command.turn, "backchannel", text))
                self._report(UserBackchannel(command.turn, text))
                self.replies.aside(text)
            case Ignore():
                self._watch(TurnDecided(command.turn, "ignored"))
                if command.interrupted and self._echo is not None:
                    self._echo.self_interrupted()

    def _commit(self, command: Commit, turn: _Turn) -> None:
        if command.text:
            attempts = command.attempts or None
            wasted = command.wasted_tokens if attempts else None
            self._report(TurnCommitted(command.turn, command.text, attempts, wasted))
            self.history.user(command.text, key=f"turn-{command.turn}")
            if self.replies.toolbox is not None:
                self.replies.toolbox.confirmation.committed(command.turn, command.text)
            self.replies.tell_voice(turn.sound)
        self._watch(TurnDecided(command.turn, "committed", command.text))
        if command.reply is not None:
            self._summing.cancel()
            request = self.requests.begin(command.request)
            self.replies.answer(command.reply, command.turn, turn.watch, *request)
