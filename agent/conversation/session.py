"""One conversation: the user's turns, the agent's replies, and what was heard.

The stage at the end of the graph: the user's words come in, the agent's voice goes to the
playback, and everything that happens is reported as an event.
"""

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import anyio
from anyio.abc import TaskGroup
from anyio.streams.memory import MemoryObjectReceiveStream, MemoryObjectSendStream

from agent.audio.echo.stage import EchoStage
from agent.audio.echo.text import repeats
from agent.audio.playback import Playback
from agent.config.load import Config
from agent.conversation.barge_in import BargeIn, UserTurn
from agent.conversation.filler import Filler
from agent.conversation.generation import Generation, warm_up
from agent.conversation.history import History
from agent.conversation.idle import Idle
from agent.conversation.latency import Stopwatch
from agent.conversation.prompt import system_message
from agent.conversation.reply import Reply
from agent.conversation.reply_source import FixedText, ReplySource
from agent.events import (
    Decision,
    ErrorEvent,
    Event,
    TurnCommitted,
    UserBackchannel,
    UserSpeechStarted,
    UserSpeechStopped,
    UserTranscript,
    WarningEvent,
    What,
)
from agent.tools import Toolbox
from agent.turns.segmenter import (
    SpeechCandidate,
    SpeechEnded,
    SpeechPaused,
    SpeechProgress,
    SpeechRejected,
    SpeechResumed,
    SpeechStarted,
)
from agent.turns.transcriber import (
    PreemptiveTranscript,
    TranscriptionFailed,
    TurnTranscript,
    UserWords,
)
from llm_adapters import LanguageModel, Message
from tts import ConversationalSpeech, ExpressiveSpeech, Heard, TextToSpeech

MUTE = 3
"""Replies without any sound in a row after which the voice is said to be unusable."""


@dataclass(frozen=True, slots=True)
class _Guess:
    """A reply to what may be all of a turn."""

    turn: UserTurn
    text: str
    reply: Reply


class Session:
    """A stage: UserWords in, nothing out but sound and events."""

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
    ) -> None:
        """Engines that are loaded, the sound's way out, and who is told what happens.

        `echo` is told when the agent seems to interrupt itself; `earlier` is a conversation that
        this one goes on with.
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
        self._echo = echo
        self._floor = BargeIn(playback, config.interruption, self._decide, self._remember)
        self._idle = Idle(config.idle, self._say, self._decide)
        self._sign = Filler(config.thinking, playback, self._decide, report)
        self._turns: dict[int, UserTurn] = {}
        self._latest = 0
        self._guess: _Guess | None = None
        self._next: tuple[UserTurn, TurnTranscript] | None = (
            None  # after a reply that may not be cut
        )
        self._asides: list[str] = []  # said to the reply that is being spoken
        self._announcements: list[str] = []  # that wait for a pause
        self._unanswered = False  # a turn was cut: the answer waits for the rest of it
        self._mute = 0  # replies without a sound, in a row
        self._over = False

    async def __call__(
        self, receive: MemoryObjectReceiveStream[UserWords], send: MemoryObjectSendStream[Any]
    ) -> None:
        """Converse until the user's words end and the last reply has been spoken."""
        del send  # the voice goes to the playback, which knows what was really heard
        beside = anyio.CancelScope()
        async with anyio.create_task_group() as self._tasks:
            self._tasks.start_soon(self._beside, beside)
            if self._config.agent.greeting:
                self._say(self._config.agent.greeting)
            self._rest()
            async for item in receive:
                self._on(item)
            self._over = True
            self._idle.stop()
            beside.cancel()

    def _on(self, item: UserWords) -> None:
        match item:
            case SpeechCandidate():
                self._floor.notice()
            case SpeechRejected():
                self._floor.dismiss("a click")
            case SpeechStarted(number):
                self._began(number)
            case SpeechProgress(number, voice):
                turn = self._turns[number]
                turn.voice = max(turn.voice, voice)
                self._floor.weigh(turn, final=False)
            case SpeechPaused():
                pass
            case SpeechResumed():
                self._discard_guess("the user goes on")
                self._floor.notice()
            case SpeechEnded():
                self._ended(item)
            case TurnTranscript(number, text, final=False):
                self._turns[number].text = text
                self._floor.partials = True
                self._report(UserTranscript(number, text, final=False))
                self._floor.weigh(self._turns[number], final=False)
            case PreemptiveTranscript():
                self._guessed(item)
            case TurnTranscript():
                self._understood(item)
            case TranscriptionFailed(number):
                self._discard_guess("the recogniser failed")
                del self._turns[number]
                self._floor.take()
                self._say(self._config.agent.apology)

    def _began(self, number: int) -> None:
        turn = self._turns[number] = UserTurn(number, over=self._floor.speaker)
        self._latest = number
        self._idle.wake(number)
        self._report(UserSpeechStarted(number))
        self._floor.begin(turn)

    def _ended(self, item: SpeechEnded) -> None:
        turn = self._turns[item.turn]
        turn.cut = item.cut
        turn.watch.mark("speech_stopped", item.stopped)
        turn.watch.mark("endpoint", item.decided)
        self._report(UserSpeechStopped(item.turn, round(item.speech_s, 3)))
        self._decide(item.turn, "commit", item.why, item.certainty)
        if item.cut:
            message = (
                f"the user has spoken for {item.speech_s:.0f} s without a pause: the turn was cut "
                "(turn.max_length), what follows is a new one"
            )
            self._report(WarningEvent("turns", "turn.cut", message))

    def _guessed(self, item: PreemptiveTranscript) -> None:
        """These may be all the words: what follows from them is done now, but for the playing."""
        turn = self._turns[item.turn]
        turn.text = self._but_for_echo(turn, item.text)
        meant = self._floor.weigh(turn, final=True)
        if meant != "stop" or not turn.text or self._config.turn.speculate not in ("llm", "all"):
            return
        if turn.guesses >= self._config.turn.max_guesses:
            why = f"{turn.guesses} replies have been prepared in vain (turn.max_guesses)"
            self._decide(turn.number, "wait", why)
            return
        self._floor.take()
        turn.guesses += 1
        self._decide(turn.number, "speculate", f"'{turn.text}'")
        reply = self._think(turn.number, self.history.with_user(turn.text))
        self._guess = _Guess(turn, turn.text, reply)
        self._tasks.start_soon(self._run, reply)

    def _understood(self, item: TurnTranscript) -> None:
        turn = self._turns.pop(item.turn)
        turn.watch.mark("transcript")
        self._report(UserTranscript(turn.number, item.text, final=True))
        turn.text = self._but_for_echo(turn, item.text)
        match self._floor.weigh(turn, final=True):
            case "stop" if turn.text or self._unanswered:
                self._commit(turn, item.sound)
            case "wait":
                self._next = turn, item
            case "backchannel":
                self._discard_guess("a backchannel")
                self._report(UserBackchannel(turn.number, turn.text))
                self._asides.append(turn.text)
            case _:
                self._discard_guess("no words in it")
                if turn.stopped and self._echo is not None:
                    self._echo.self_interrupted()
        self._rest()

    def _but_for_echo(self, turn: UserTurn, text: str) -> str:
        """The user's words; none if they are the agent's own, come back through the air."""
        if self._echo is None or self._echo.mode == "off" or turn.over is None:
            return text
        if not repeats(text, turn.over.said):
            return text
        self._decide(turn.number, "echo", f"the agent's own words: '{text}'")
        return ""

    def _commit(self, turn: UserTurn, sound: Heard | None) -> None:
        """The turn is the user's: it enters the history, and its reply is heard."""
        self._floor.take()
        reply = self._fitting_guess(turn)
        if turn.text:
            wasted = turn.wasted_tokens if turn.guesses else None
            self._report(TurnCommitted(turn.number, turn.text, turn.guesses or None, wasted))
            self.history.user(turn.text)
            self._tell_voice(sound)
        if turn.cut:
            self._unanswered = self._unanswered or bool(turn.text)
            return
        self._unanswered = False
        if reply is None:
            reply = self._think(turn.number, self.history.messages)
            self._tasks.start_soon(self._run, reply)
        self._speak(reply, turn.watch)
        self._sign.expect(self._tasks, reply)

    def _fitting_guess(self, turn: UserTurn) -> Reply | None:
        """The reply that was prepared for just these words, if there is one."""
        guess = self._guess
        if guess is None:
            return None
        if guess.turn is not turn or _plain(guess.text) != _plain(turn.text):
            self._discard_guess(f"it was '{turn.text}'")
        elif turn.cut or guess.reply.failure:
            self._discard_guess(guess.reply.failure or "the turn was cut")
        else:
            self._guess = None
            return guess.reply
        return None

    def _discard_guess(self, why: str) -> None:
        if self._guess is not None:
            turn, reply, self._guess = self._guess.turn, self._guess.reply, None
            turn.wasted_tokens += reply.tokens
            self._decide(turn.number, "discard", f"{why}: {reply.tokens} tokens wasted")
            reply.discard()

    def _think(self, turn: int, messages: Sequence[Message]) -> Reply:
        """A reply to `messages`, not yet begun."""
        committed = anyio.Event()
        thinking = Generation(
            self._llm,
            messages,
            self.toolbox,
            turn=turn,
            report=self._report,
            committed=committed,
            waiting=self._sign.tool_takes_long,
        )
        return self._reply(turn, thinking, committed)

    def _reply(self, turn: int, thoughts: ReplySource, committed: anyio.Event) -> Reply:
        return Reply(
            turn,
            thoughts,
            self._tts,
            self._playback,
            self._report,
            apology=self._config.agent.apology,
            committed=committed,
            speak_ahead=self._config.turn.speculate == "all",
        )

    def _say(self, text: str) -> None:
        """Something that is no answer."""
        reply = self._reply(self._latest, FixedText(text), anyio.Event())
        self._tasks.start_soon(self._run, reply)
        self._speak(reply, Stopwatch())

    def _speak(self, reply: Reply, watch: Stopwatch) -> None:
        self._idle.stop()
        self._floor.give(reply)
        reply.commit(watch)

    async def _run(self, reply: Reply) -> None:
        try:
            await reply.run()
        finally:
            self._sign.stop(reply)
            self._remember(reply)
        if self._floor.reply is None and self._next is not None:
            (turn, item), self._next = self._next, None
            self._commit(turn, item.sound)
        self._rest()

    def _remember(self, reply: Reply) -> None:
        """What was heard of a reply, once."""
        outcome = reply.outcome
        if reply is not self._floor.reply or outcome is None:
            return
        self._floor.reply = None
        self.history.thought(reply.thoughts)
        self.history.assistant(outcome.heard, interrupted=outcome.interrupted)
        self._tell_voice(outcome.sound)
        for text in self._asides:
            self.history.aside(text)
        self._asides.clear()
        self._mute = self._mute + 1 if reply.mute else 0
        if self._mute == MUTE:
            message = f"{MUTE} replies in a row have made no sound: the voice is unusable"
            self._report(ErrorEvent("tts", "tts.unusable", message, recovered=False))

    def _tell_voice(self, sound: Heard | None) -> None:
        """How the last turn sounded, in the order of the conversation, to a voice that asks."""
        if sound is not None and isinstance(self._tts, ConversationalSpeech):
            self._tts.remember(sound)

    async def _beside(self, scope: anyio.CancelScope) -> None:
        """What goes on beside the conversation, as long as it lasts."""
        tools = self.toolbox.specs if self.toolbox is not None else ()
        with scope:
            async with anyio.create_task_group() as tasks:
                tasks.start_soon(warm_up, self._llm, self.history.messages, tools, self._report)
                tasks.start_soon(self._sign.prepare, self._tts)
                if self.toolbox is not None:
                    # What tools want said is said at the next pause.
                    async for text in self.toolbox.announcements:
                        self._announcements.append(text)
                        self._rest()

    def _rest(self) -> None:
        """If nobody speaks or is about to: what has waited for it is said, or time is watched."""
        if self._over or self._turns or self._guess is not None or self._floor.reply is not None:
            return
        if self._announcements:
            self._say(self._announcements.pop(0))
        else:
            self._idle.begin(self._tasks, self._latest)

    def _decide(self, turn: int, what: What, why: str, certainty: float | None = None) -> None:
        self._report(Decision(turn, what, why, certainty))


def _plain(text: str) -> str:
    """The words alone: neither case nor punctuation changes what was said."""
    return " ".join(re.sub(r"[^\w\s]", "", text.casefold()).split())
