"""Turn-taking: who may speak now. One pure state machine: no audio, no tasks, no clock.

`Policy.on(event, now)` is told everything that happens and answers with what is to be done. Its
states are those of two charts. The user's is the turn detector's (`turns.detector.UserState`):

    IDLE ─p ≥ .6·start─▶ NOTICED ─p ≥ start─▶ CANDIDATE ─voice ≥ min_speech─▶ SPEAKING ⇄ PAUSED
      ▲                                                                                    │
      └────────────────────────────────── quiet ≥ wanted ──────────────────────────────────┘

A turn is open here from its beginning until its last words have been understood; what is told of
any other turn changes nothing. A reply of the agent's (`states.ReplyState`):

    PREPARING ─commit─▶ PENDING ─first sample─▶ SOUNDING ─all heard─▶ DONE
        │                 ▲ │                     ▲ │
     discard       resume │ │ hold         resume │ │ interrupt       any but PREPARING ─stopped
        ▼                 │ ▼                     │ ▼                 or failed─▶ INTERRUPTED
    DISCARDED             HELD                    HELD

(A reply without a word is DONE when it was PENDING.)

- Barge-in (`barge_in`): perhaps a voice, and SOUNDING is *ducked*; enough of it, or words, and it
  is HELD. When all words are known they take the turn, or it was a click, a cough, a backchannel.
- Preemptive generation: in a pause a reply to the words so far is PREPARING; the turn's end commits
  it if those were all, and discards it if they were not.
- One reply at a time. What a tool announces waits until nobody speaks.
- Silence (`silence`): who waits for a reply hears a filler; when nobody speaks the agent asks.

Whatever else is to happen is a new event, a case of one of the `_on` methods, and a command.
"""

from agent.config.load import Config
from agent.conversation.barge_in import BargeIn
from agent.conversation.commands import (
    Answer,
    Backchannel,
    Command,
    Explain,
    Ignore,
    Leave,
    Refuse,
    Say,
)
from agent.conversation.events import (
    Announcement,
    ContextChanged,
    ConversationEnded,
    ConversationEvent,
    ConversationStarted,
    PolicyEvent,
    ReplyEnded,
    ReplyEvent,
    ReplyProgress,
    ReplyStarted,
    ReplyStopped,
    ReplyWanted,
    RequestEvent,
    RequestWithdrawn,
    Silenced,
    TimerRang,
    ToolsTakeLong,
    TurnHeld,
    Typed,
    Woken,
    WordsAwaited,
)
from agent.conversation.preemptive import Preemptive
from agent.conversation.requests import Requests
from agent.conversation.silence import Silence
from agent.conversation.states import ReplyRecord, ReplyState, TurnRecord, committed
from agent.events import Decision, What
from agent.turns.events import (
    PreemptiveTranscript,
    SpeechCandidate,
    SpeechEnded,
    SpeechProgress,
    SpeechRejected,
    SpeechResumed,
    SpeechStarted,
    TranscriptionFailed,
    TurnEvent,
    TurnTranscript,
)


class Policy:
    """The policy decides who speaks; its whole state is in its fields and its parts'."""

    def __init__(self, config: Config) -> None:
        """`config` says what may interrupt, how far replies are prepared, and what is said."""
        self.barge_in = BargeIn(config.interruption, self._do, config.agent.name, config.spoken)
        self.silence = Silence(config.idle, config.thinking, self._do, config.wake)
        self.prepared = Preemptive(self._do)
        self._config = config
        self._turns: dict[int, TurnRecord] = {}  # open
        self._latest = 0
        self._spoken = 0  # the latest turn that was not typed
        self._waiting: list[TurnRecord] = []  # for a reply that may not be interrupted
        self._unanswered = False  # a turn was cut: the answer waits for the rest of it
        self._held = False  # the user holds the turn that is to begin or has begun
        self.requests = Requests()
        self._over = False
        self._replies = 0  # so far
        self._now = 0.0
        self._commands: list[Command] = []

    def configure(self, config: Config) -> None:
        """Go by another configuration from now on."""
        self._config = config
        self.barge_in.configure(config.interruption)
        self.silence.configure(config.idle, config.thinking)

    def on(self, event: PolicyEvent, now: float) -> list[Command]:
        """Return what is to be done after `event`, at `now` (seconds of the session's clock)."""
        self._now, self._commands = now, []
        if isinstance(event, TurnEvent):
            if (turn := self._turns.get(event.turn)) is not None:
                self._on_turn(turn, event)
        elif isinstance(event, ReplyEvent):
            self._on_reply(event)
        elif isinstance(event, RequestEvent):
            self._on_request(event)
        else:
            self._on_conversation(event)
        return self._commands

    def _on_conversation(self, event: ConversationEvent) -> None:
        """Something that is about no turn or reply that there is."""
        match event:
            case ConversationStarted():
                self._announce(Announcement(self._config.agent.greeting))
            case SpeechCandidate():
                self.barge_in.duck(self._now)
            case SpeechRejected():
                if not self._turns:  # or else its words decide
                    self.barge_in.resume("a click")
            case SpeechStarted(number, manual=manual) if number > self._spoken:
                turn = TurnRecord(number, self._now, manual=manual, held=self._held)
                self._turns[number] = turn
                self._spoken, self._latest = number, max(number, self._latest)
                self.silence.wake(number)
                if not manual:
                    self.barge_in.start(turn)
            case TimerRang("words"):
                self._hold(False)
            case TimerRang(timer):
                if text := self.silence.rang(timer, self._latest):
                    self._announce(Announcement(text))
            case Woken():
                self._cancel()
                self._announce(Announcement(self.silence.waking.wake()))
            case ConversationEnded():
                self._over = True
                self.silence.end()

    def _on_request(self, event: RequestEvent) -> None:
        """Something that somebody asks for who does not speak."""
        match event:
            case Announcement():
                self._announce(event)
            case Typed(number, text, request):
                self._latest = max(number, self._latest)
                self.silence.wake(number)
                self._commit(TurnRecord(number, text=text), request)
            case ReplyWanted(request):
                self.requests.want(request)
                self._rest()
            case TurnHeld(held):
                self._held = held
                if held:
                    self.prepared.discard("the user holds the turn")
                    self._cancel()
                self._rest()
            case WordsAwaited():
                self._held = False
                self.requests.words += 1
            case ContextChanged(awaited):
                self.prepared.discard("the conversation has changed")
                self._hold(awaited)
            case RequestWithdrawn(request):
                self._withdraw(request)
            case ReplyStopped(number):
                if self.barge_in.reply is not None and self.barge_in.reply.number == number:
                    self._cancel()
                    self._rest()
            case Silenced():
                self.prepared.discard("the agent is to be silent")
                self._withdraw(None)

    # The user's turns

    def _on_turn(self, turn: TurnRecord, event: TurnEvent) -> None:
        """Something about an open turn."""
        match event:
            case SpeechProgress(voice=voice, level=level, pitch=pitch):
                turn.voice, turn.level, turn.pitch = max(turn.voice, voice), level, pitch
                self.barge_in.decide(turn, self._now, final=False)
            case SpeechResumed():
                self.prepared.discard("the user goes on")
                self.barge_in.duck(self._now)
            case SpeechEnded(dropped=True):
                self._close(turn)
                self.prepared.discard("the turn was dropped")
                self.barge_in.resume("the turn was dropped")
                self._rest()
            case SpeechEnded():
                turn.cut, turn.committed = event.cut, event.committed
                turn.ended, turn.level, turn.pitch = True, event.level, event.pitch
                self._explain(turn, "commit", event.why, event.certainty)
            case TurnTranscript(text=text, final=False):
                turn.text = text
                self.barge_in.partials = True
                self.barge_in.decide(turn, self._now, final=False)
            case PreemptiveTranscript(text=text):
                self._prepare(turn, text)
            case TurnTranscript(text=text):
                self._close(turn)
                self._understood(turn, text)
                self._rest()
            case TranscriptionFailed():
                self._close(turn)
                self.prepared.discard("the recogniser failed")
                self._cancel()
                self._say(self._config.agent.apology)

    def _understood(self, turn: TurnRecord, text: str) -> None:
        """These are all the words of a turn that is over."""
        turn.text = self.barge_in.said(turn, text, self._now)
        match "stop" if turn.manual else self.barge_in.decide(turn, self._now, final=True):
            case "stop" if self.silence.waking.dismissed(turn.text):
                self.prepared.discard("the agent was sent to sleep")
                self._cancel()
                self._do(Ignore(turn.number, interrupted=False))
            case "stop" if turn.text or self._unanswered:
                self._commit(turn)
            case "wait" if turn.text:
                self._waiting.append(turn)
            case "backchannel":
                self.prepared.discard("a backchannel")
                self._do(Backchannel(turn.number, turn.text))
            case _:
                self.prepared.discard("no words in it")
                aside = self.barge_in.pass_over(turn, self._now)  # and then no echo's doing
                self._do(Ignore(turn.number, turn.interrupted and not aside))

    def _close(self, turn: TurnRecord) -> None:
        """No more comes of a turn."""
        del self._turns[turn.number]
        self.requests.words -= turn.committed and self.requests.words > 0

    def _commit(self, turn: TurnRecord, request: int = 0) -> None:
        """The turn is the user's: it enters the history, and its reply is heard."""
        self.barge_in.user.learn(turn.level, turn.text, turn.pitch)
        answered = request or self._config.turn.respond
        if answered or not turn.manual:
            self._cancel()
        for earlier in self._waiting:
            self._do(committed(earlier, None))
        self._waiting.clear()
        reply = self.prepared.take(turn)
        if not answered:
            self._unanswered = False
        elif turn.cut:
            self._unanswered = self._unanswered or bool(turn.text)
        elif self.requests.held:
            self._unanswered = False
            self.requests.want(request)
        else:
            self._unanswered = False
            reply = reply or self._new_reply(turn.number, ReplyState.PENDING, request)
            self._give(reply)
        self._do(committed(turn, reply, request))
        if reply is not None:
            self.silence.expect(reply)

    # Preemptive generation

    def _prepare(self, turn: TurnRecord, text: str) -> None:
        """These may be all the words: what follows from them is done now, but for the playing."""
        turn.text = self.barge_in.said(turn, text, self._now)
        settings = self._config.turn
        meaning = self.barge_in.decide(turn, self._now, final=True)
        speculates = settings.respond and settings.speculate in ("llm", "all")
        speculates = speculates and not self.requests.held
        if meaning != "stop" or not turn.text or not speculates:
            return
        if turn.attempts >= settings.max_guesses:
            why = f"{turn.attempts} replies have been prepared in vain (turn.max_guesses)"
            self._explain(turn, "wait", why)
            return
        self._cancel()
        self.prepared.discard(f"it was '{turn.text}'")
        self.prepared.prepare(turn, self._new_reply(turn.number, ReplyState.PREPARING))

    # The agent's replies

    def _on_reply(self, event: ReplyEvent) -> None:
        """Something about a reply; of one that is over it changes nothing."""
        current = self.barge_in.reply
        known = (current, self.prepared.reply)
        reply = next((r for r in known if r is not None and r.number == event.reply), None)
        match event:
            case ReplyProgress() if reply is not None:
                reply.progress = event
            case ReplyStarted(time=time) if reply is not None and reply is current:
                reply.began = time
                if reply.state is ReplyState.PENDING:
                    reply.state = ReplyState.SOUNDING
            case ToolsTakeLong() if reply is not None:
                self.silence.tools_take_long(reply)
            case ReplyEnded():
                if reply is not None and reply is current:
                    done = ReplyState.DONE if event.complete else ReplyState.INTERRUPTED
                    self.barge_in.end(reply, done)
                    self.silence.expect_no_more(reply)
                elif reply is not None:
                    self.prepared.discard("it is over")
                if self.barge_in.reply is None and self._waiting:
                    self._commit(self._waiting.pop())
                self._rest()

    def _new_reply(self, turn: int, state: ReplyState, request: int = 0) -> ReplyRecord:
        self._replies += 1
        return ReplyRecord(self._replies, turn, state, request=request)

    def _say(self, text: str, request: int = 0) -> None:
        """Something that is no answer."""
        reply = self._new_reply(self._latest, ReplyState.PENDING, request)
        self._give(reply)
        self._do(Say(reply.turn, reply.number, text, request))

    def _answer(self) -> None:
        """Answer who wants it, as soon as all words that it may be about are known."""
        words = self.requests.words or any(turn.ended for turn in self._turns.values())
        words = words or self.requests.held
        current = self.barge_in.reply
        if not self.requests.wanted or words:
            return
        if current is not None:
            if not current.progress.delivered:
                return
            self.barge_in.end(current, ReplyState.DONE)
            self.silence.expect_no_more(current)
            self._do(Leave(current.number))
        self.prepared.discard("another answer is wanted")
        request = self.requests.next_wanted()
        reply = self._new_reply(self._latest, ReplyState.PENDING, request)
        self._give(reply)
        self._do(Answer(reply.turn, reply.number, request))
        self.silence.expect(reply)

    def _hold(self, held: bool | None) -> None:
        """Have answers wait for words that somebody puts in, though not for long."""
        if held is not None and (timer := self.requests.hold(held)) is not None:
            self._do(timer)
            self._rest()

    def _withdraw(self, request: int | None) -> None:
        """What was asked for is not said: by one request, or by anybody."""
        for number in self.requests.withdraw(request):
            self._do(Refuse(number))
        current = self.barge_in.reply
        if current is not None and request in (None, current.request):
            self._cancel()
        self._rest()

    def _give(self, reply: ReplyRecord) -> None:
        """It is the turn of `reply`."""
        self.silence.end()
        self.barge_in.reply = reply

    def _cancel(self) -> None:
        """The turn is the user's: what the agent was saying is over."""
        if (reply := self.barge_in.cancel()) is not None:
            self.silence.expect_no_more(reply)

    def _announce(self, announcement: Announcement) -> None:
        """Say it as soon as nobody speaks; nothing is not said."""
        if announcement.text:
            self.requests.announce(announcement)
        elif announcement.request:
            self._do(Refuse(announcement.request))
        self._rest()

    def _rest(self) -> None:
        """If nobody speaks or is about to: what has waited for it is said, or time is watched."""
        self._answer()
        turns = self._turns.values()
        speaking = any(turn.ended or turn.held or not turn.manual for turn in turns)
        if self._held or speaking or self.prepared.reply or self.barge_in.reply:
            return
        if (said := self.requests.next_announcement(asked=self._over)) is not None:
            self._say(said.text, said.request)
        elif not self._over:
            self.silence.start()

    def _explain(self, turn: TurnRecord, what: What, why: str, sure: float | None = None) -> None:
        self._do(Explain(Decision(turn.number, what, why, sure)))

    def _do(self, command: Command) -> None:
        self._commands.append(command)
