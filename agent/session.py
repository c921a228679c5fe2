"""One conversation: the user's turns, the agent's replies, and what was heard.

The stage at the end of the graph: the user's words come in, the agent's voice goes to the
playback, and everything that happens is reported as an event.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import anyio
from anyio.abc import TaskGroup
from anyio.streams.memory import MemoryObjectReceiveStream, MemoryObjectSendStream

from agent.audio.playback import Playback
from agent.ears import SpeechBegan, SpeechEnded, SpeechInsisted
from agent.events import (
    Event,
    TurnCommitted,
    UserSpeechStarted,
    UserSpeechStopped,
    UserTranscript,
    WarningEvent,
)
from agent.history import History
from agent.latency import Stopwatch
from agent.reply import Reply, Thoughts
from agent.settings import AgentSettings
from agent.transcribe import NotUnderstood, Understood, UserWords
from llm_adapters import LanguageModel, TextDelta
from tts import ConversationalSpeech, Heard, TextToSpeech


@dataclass(slots=True)
class _Turn:
    """What is known of a turn of the user's that has not been answered yet."""

    watch: Stopwatch
    cut: bool = False


class Session:
    """A stage: UserWords in, nothing out but sound and events."""

    def __init__(
        self,
        llm: LanguageModel,
        tts: TextToSpeech,
        playback: Playback,
        settings: AgentSettings,
        report: Callable[[Event], None],
    ) -> None:
        """Engines that are loaded, the sound's way out, and who is told what happens."""
        self.history = History(settings.instructions)
        self._llm = llm
        self._tts = tts
        self._playback = playback
        self._settings = settings
        self._report = report
        self._turns: dict[int, _Turn] = {}
        self._reply: Reply | None = None
        self._unanswered = False  # a turn was cut: the answer waits for the rest of it

    async def __call__(
        self, receive: MemoryObjectReceiveStream[UserWords], send: MemoryObjectSendStream[Any]
    ) -> None:
        """Converse until the user's words end and the last reply has been spoken."""
        del send  # the voice goes to the playback, which knows what was really heard
        async with anyio.create_task_group() as replies:
            if self._settings.greeting:
                self._start_reply(replies, 0, _once(self._settings.greeting), Stopwatch())
            async for item in receive:
                self._on(item, replies)

    def _on(self, item: UserWords, replies: TaskGroup) -> None:
        match item:
            case SpeechBegan(turn):
                self._turns[turn] = _Turn(Stopwatch())
                self._report(UserSpeechStarted(turn))
            case SpeechInsisted():
                self._interrupt()
            case SpeechEnded():
                self._ended(item)
            case Understood(turn, text, final=False):
                self._report(UserTranscript(turn, text, final=False))
            case Understood():
                self._understood(item, replies)
            case NotUnderstood(turn):
                del self._turns[turn]
                self._interrupt()
                apology = _once(self._settings.apology)
                self._start_reply(replies, turn, apology, Stopwatch())

    def _ended(self, item: SpeechEnded) -> None:
        turn = self._turns[item.turn]
        turn.cut = item.cut
        turn.watch.mark("speech_stopped", item.stopped)
        turn.watch.mark("endpoint", item.decided)
        self._report(UserSpeechStopped(item.turn, round(item.speech_s, 3)))
        if item.cut:
            message = (
                f"the user has spoken for {item.speech_s:.0f} s without a pause: the turn was cut "
                "(turn.max_length), what follows is a new one"
            )
            self._report(WarningEvent("turns", "turn.cut", message))

    def _understood(self, item: Understood, replies: TaskGroup) -> None:
        number, text = item.turn, item.text
        turn = self._turns.pop(number)
        turn.watch.mark("transcript")
        self._report(UserTranscript(number, text, final=True))
        if text:
            self._interrupt()
            self._report(TurnCommitted(number, text))
            self.history.user(text)
            self._tell_voice(item.sound)
        if turn.cut:
            self._unanswered = self._unanswered or bool(text)
        elif text or self._unanswered:
            self._unanswered = False
            thoughts = self._llm.reply(self.history.messages)
            self._start_reply(replies, number, thoughts, turn.watch)

    def _start_reply(
        self, replies: TaskGroup, turn: int, thoughts: Thoughts, watch: Stopwatch
    ) -> None:
        self._reply = Reply(turn, self._tts, self._playback, self._report, self._settings.apology)
        replies.start_soon(self._run, self._reply, thoughts, watch)

    async def _run(self, reply: Reply, thoughts: Thoughts, watch: Stopwatch) -> None:
        try:
            await reply.run(thoughts, watch)
        finally:
            self._remember(reply)

    def _interrupt(self) -> None:
        """Silence, now; and what was heard goes into history before what interrupts it."""
        if self._reply is not None:
            self._reply.stop()
            self._remember(self._reply)

    def _remember(self, reply: Reply) -> None:
        if reply is self._reply and reply.outcome is not None:
            self._reply = None
            self.history.assistant(reply.outcome.heard, interrupted=reply.outcome.interrupted)
            self._tell_voice(reply.outcome.sound)

    def _tell_voice(self, sound: Heard | None) -> None:
        """How the last turn sounded, in the order of the conversation, to a voice that asks."""
        if sound is not None and isinstance(self._tts, ConversationalSpeech):
            self._tts.remember(sound)


async def _once(text: str) -> Thoughts:
    yield TextDelta(text)
