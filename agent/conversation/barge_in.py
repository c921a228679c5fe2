"""Who has the floor: the agent's reply, and what the user's voice does to it.

A reply is softened as soon as there may be a voice, silenced when the voice is meant to interrupt,
and taken up again when it was not.
"""

from collections.abc import Callable
from dataclasses import dataclass, field

from agent.audio.playback import Playback
from agent.config.sections import InterruptionSettings
from agent.conversation.latency import Stopwatch
from agent.conversation.reply import Reply
from agent.events import What
from agent.turns.backchannel import is_backchannel
from agent.turns.interruption import BACKCHANNEL, Meaning, Verdict, weigh


@dataclass(slots=True)
class UserTurn:
    """What is known of a turn of the user's that has not been answered yet."""

    number: int
    over: Reply | None  # the reply that sounded when it began
    watch: Stopwatch = field(default_factory=Stopwatch)
    voice: float = 0.0  # seconds, since it began or went on
    text: str = ""  # its words so far
    stopped: bool = False  # a reply was silenced for it
    cut: bool = False
    guesses: int = 0
    wasted_tokens: int = 0


class BargeIn:
    """The reply that is spoken or about to be, if there is one."""

    def __init__(
        self,
        playback: Playback,
        settings: InterruptionSettings,
        decide: Callable[[int, What, str], None],
        taken: Callable[[Reply], None],
    ) -> None:
        """`decide` is told of every decision; `taken` of a reply that was stopped for good."""
        self.reply: Reply | None = None
        self.partials = False
        """Whether the recogniser gives words while they are spoken."""
        self._playback = playback
        self._settings = settings
        self._decide = decide
        self._taken = taken
        self._ducked = False

    @property
    def speaker(self) -> Reply | None:
        """The reply that can be heard now."""
        return self.reply if self.reply is not None and self.reply.sounding else None

    def give(self, reply: Reply) -> None:
        """It is the turn of `reply`, at full level."""
        self.reply = reply
        self._raise()

    def notice(self) -> None:
        """There may be a voice: the reply is softened."""
        reply = self.speaker
        if reply is not None and self._spared(reply) is None and not self._ducked:
            self._ducked = True
            self._playback.duck()
            self._decide(reply.turn, "duck", "perhaps a voice")

    def dismiss(self, why: str) -> None:
        """There was none, or none that matters: the reply goes on, where it was silenced."""
        if self.reply is not None and self.reply.held:
            self.reply.resume()
            self._decide(self.reply.turn, "resume", why)
        if self._raise():
            self._decide(self.reply.turn if self.reply else 0, "unduck", why)

    def begin(self, turn: UserTurn) -> None:
        """The user speaks: a reply that has not begun waits for what it is."""
        reply = self.reply
        if reply is not None and reply.spoken_for is None and reply.outcome is None:
            reply.hold()
            self._decide(turn.number, "hold", "the user speaks while the reply is prepared")

    def weigh(self, turn: UserTurn, *, final: bool) -> Meaning:
        """What the user means by what is known of their turn; the reply is treated accordingly.

        `stop` is also the answer when there is no reply to be stopped.
        """
        reply = self.reply
        if reply is None or reply.outcome is not None:
            return self._afterwards(turn, final=final)
        verdict = self._verdict(reply, turn, final=final)
        if verdict.meaning == "stop" and not reply.held:
            reply.hold()
            turn.stopped = True
            self._decide(turn.number, "stop", verdict.why)
        elif final and verdict.meaning != "stop":
            if verdict.meaning == "backchannel":
                self._decide(turn.number, "backchannel", verdict.why)
            self.dismiss(verdict.why)
        return verdict.meaning

    def take(self) -> None:
        """The user has the floor: what the agent was saying is over."""
        reply = self.reply
        if self._raise():
            self._decide(reply.turn if reply else 0, "unduck", "the reply is over")
        if reply is not None:
            reply.stop()
            self._taken(reply)

    def _raise(self) -> bool:
        """Back to the full level; whether it was not."""
        ducked, self._ducked = self._ducked, False
        if ducked:
            self._playback.unduck()
        return ducked

    def _verdict(self, reply: Reply, turn: UserTurn, *, final: bool) -> Verdict:
        if (spared := self._spared(reply)) is not None:
            return Verdict("wait", spared)
        if reply.spoken_for is None:
            if turn.text:
                return Verdict("stop", f"'{turn.text}', before the reply began")
            return Verdict("nothing" if final else "wait", "no words in it")
        verdict = weigh(
            self._settings,
            spoken=reply.spoken_for,
            voice=turn.voice,
            text=turn.text,
            final=final,
            partials=self.partials,
        )
        if verdict.meaning == "backchannel" and reply.asks:
            return Verdict("stop", f"'{turn.text}' answers the question")
        return verdict

    def _spared(self, reply: Reply) -> str | None:
        """Why the reply cannot be interrupted now."""
        if not reply.thoughts.interruptible:
            return "this reply is not to be interrupted"
        if reply.spoken_for is not None and reply.spoken_for < self._settings.spared:
            return f"interruption.allow: {str(self._settings.allow).lower()}"
        return None

    def _afterwards(self, turn: UserTurn, *, final: bool) -> Meaning:
        """A "yeah" that ends after the reply is still a backchannel, or answers its question."""
        heard_out = turn.over is not None and turn.over.heard_out and not turn.over.asks
        if final and heard_out and turn.voice < BACKCHANNEL and is_backchannel(turn.text):
            self._decide(turn.number, "backchannel", f"'{turn.text}', at the end of the reply")
            return "backchannel"
        return "stop"
