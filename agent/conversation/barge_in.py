"""Barge-in: what the user's voice does to the agent's reply. Pure, a part of the turn policy.

A reply is ducked as soon as there may be a voice, silenced when the voice is meant to interrupt,
and resumed when it was not. What a voice means is weighed in `agent.turns.interruption`.
"""

from collections.abc import Callable

from agent.audio.echo.text import repeats
from agent.config.sections import InterruptionSettings
from agent.conversation.commands import (
    Command,
    Duck,
    Explain,
    Hold,
    Interrupt,
    Resume,
    Stop,
    Unduck,
)
from agent.conversation.states import ReplyRecord, ReplyState, TurnRecord
from agent.events import Decision
from agent.turns.addressee import recalls
from agent.turns.backchannels import bids_to_go_on, is_backchannel, is_laughter
from agent.turns.interruption import BACKCHANNEL, Meaning, Verdict, decide
from agent.turns.side_talk import Evidence, VoiceProfile, says_again

AMONG = 3.0
"""Seconds after words to somebody else in which these are answered."""

RECALLED = 10.0
"""Seconds in which words that were not answered can be said to have been for the agent."""


class BargeIn:
    """Barge-in ducks, holds, resumes and cancels the reply that is spoken or about to be."""

    def __init__(
        self,
        settings: InterruptionSettings,
        do: Callable[[Command], None],
        name: str = "",
        language: str | None = None,
    ) -> None:
        """`do` is given the commands; `name` is the agent's, `language` the user's."""
        self.reply: ReplyRecord | None = None
        self.partials = False
        """Whether the recogniser gives words while they are spoken."""
        self.user = VoiceProfile(name)
        self.language = language
        """The code of the user's, None where it is not known."""
        self._last: ReplyRecord | None = None  # that is over
        self._overheard = "", 0.0  # words that were not answered, and when
        self._settings = settings
        self._do = do

    def configure(self, settings: InterruptionSettings) -> None:
        """Go by other settings from now on."""
        self._settings = settings

    def start(self, turn: TurnRecord) -> None:
        """Note that the user speaks: a reply that has not begun waits for what it is."""
        reply = self.reply
        if reply is None:
            return
        if reply.sounding:
            turn.over = reply
        if reply.began is None:
            reply.state = ReplyState.HELD
            why = "the user speaks while the reply is prepared"
            self._do(Hold(turn.number, why, reply.number))

    def duck(self, now: float) -> None:
        """Lower the reply: there may be a voice."""
        reply = self.reply
        if reply is None or not reply.sounding or reply.ducked:
            return
        if self._spared(reply, now) is None:
            reply.ducked = True
            self._do(Duck(reply.turn, "perhaps a voice"))

    def resume(self, why: str) -> None:
        """Let the reply go on, where it was silenced: there was no voice, or none that matters."""
        reply = self.reply
        if reply is None:
            return
        if reply.state is ReplyState.HELD:
            reply.state = ReplyState.PENDING if reply.began is None else ReplyState.SOUNDING
            self._do(Resume(reply.turn, why, reply.number))
        self._unduck(reply, why)

    def decide(self, turn: TurnRecord, now: float, *, final: bool) -> Meaning:
        """Decide what the user means by what is known of their turn; treat the reply accordingly.

        `final`: these are all the words. `stop` is also the answer when there is no reply to be
        stopped.
        """
        reply = self.reply
        if reply is None:
            return self._decide_afterwards(turn, final=final)
        verdict = self._verdict(reply, turn, now, final=final)
        if verdict.meaning == "stop":
            if reply.state is not ReplyState.HELD:
                reply.state = ReplyState.HELD
                turn.interrupted = True
                self._do(Interrupt(turn.number, verdict.why, reply.number))
        elif final:
            if verdict.meaning == "backchannel":
                self._do(Explain(Decision(turn.number, "backchannel", verdict.why)))
            self.resume(verdict.why)
        return verdict.meaning

    def pass_over(self, turn: TurnRecord, now: float) -> bool:
        """Note that a turn which was understood is not answered; whether it is side talk."""
        if not turn.text or (why := self._aside(turn)) is None:
            return False
        if turn.over is None:
            self.user.pass_over(turn.text)
        self._overheard = turn.text, now
        self._do(Explain(Decision(turn.number, "ignore", why)))
        return True

    def said(self, turn: TurnRecord, text: str, now: float) -> str:
        """All that the user wants with a turn: its words, but for an echo, and those recalled."""
        text = self._but_for_echo(turn, text)
        before, when = self._overheard
        meant = self.user.names_agent(text) or recalls(text, self.language)
        if not before or now - when > RECALLED or not meant:
            return text
        return f"{before} {text}"

    def _but_for_echo(self, turn: TurnRecord, text: str) -> str:
        """The user's words; none if they are the agent's own, come back through the air."""
        if turn.over is None or not repeats(text, turn.over.progress.echoed):
            return text
        why = f"the agent's own words: '{text}'"
        self._do(Explain(Decision(turn.number, "echo", why)))
        return ""

    def cancel(self) -> ReplyRecord | None:
        """End the reply, which is returned: the turn is the user's."""
        reply = self.reply
        if reply is not None:
            self.end(reply, ReplyState.INTERRUPTED)
            self._do(Stop(reply.number))
        return reply

    def end(self, reply: ReplyRecord, state: ReplyState) -> None:
        """Note that the reply is over, in this state."""
        self._unduck(reply, "the reply is over")
        reply.state = state
        self._last = reply
        self.reply = None

    def _unduck(self, reply: ReplyRecord, why: str) -> None:
        if reply.ducked:
            reply.ducked = False
            self._do(Unduck(reply.turn, why))

    def _verdict(self, reply: ReplyRecord, turn: TurnRecord, now: float, *, final: bool) -> Verdict:
        if (spared := self._spared(reply, now)) is not None:
            return Verdict("wait", spared)
        if reply.began is None:
            if turn.text:
                return Verdict("stop", f"'{turn.text}', before the reply began")
            return Verdict("nothing" if final else "wait", "no words in it")
        verdict = decide(
            self._settings,
            spoken=now - reply.began,
            voice=turn.voice,
            text=turn.text,
            final=final,
            partials=self.partials,
            evidence=self._evidence(turn),
            expected=reply.progress.asks or self._says_again(turn),
            language=self.language,
        )
        if verdict.meaning == "backchannel" and reply.progress.asks:
            return Verdict("stop", f"'{turn.text}' answers the question")
        return verdict

    def _spared(self, reply: ReplyRecord, now: float) -> str | None:
        """Why the reply cannot be interrupted now."""
        if not reply.progress.interruptible:
            return "this reply is not to be interrupted"
        if reply.began is not None and now - reply.began < self._settings.spared:
            return f"interruption.allow: {str(self._settings.allow).lower()}"
        return None

    def _decide_afterwards(self, turn: TurnRecord, *, final: bool) -> Meaning:
        """A "yeah" that ends after the reply is still a backchannel, or answers its question.

        "Go on" then asks for more.
        """
        over = turn.over
        heard_out = over is not None and over.state is ReplyState.DONE and not over.progress.asks
        brief = turn.voice < BACKCHANNEL and not bids_to_go_on(turn.text, self.language)
        listens = brief and is_backchannel(turn.text, self.language)
        if final and heard_out and (listens or is_laughter(turn.text)):
            why = f"'{turn.text}', at the end of the reply"
            self._do(Explain(Decision(turn.number, "backchannel", why)))
            return "backchannel"
        if final and self._ignores(turn):
            return "nothing"
        return "stop"

    def _ignores(self, turn: TurnRecord) -> bool:
        """Whether a turn that ends when the agent is silent was said to somebody else.

        Who answers a question, or was passed over and insists, was not, however softly they speak.
        """
        if self._aside(turn) is None:
            return False
        if turn.over is not None:
            return True
        asked = self._last is not None and self._last.progress.asks
        return not asked and not self.user.insists(turn.text)

    def _aside(self, turn: TurnRecord) -> str | None:
        """Why a turn is side talk; None where it may be for the agent, or somebody says it is."""
        if self._settings.side_talk == "hear" or turn.committed:
            return None
        evidence, over = self._evidence(turn), turn.over
        why = evidence.side_talk(turn.text, self.language)
        if why is not None or over is None or over.state is ReplyState.INTERRUPTED:
            return why
        expected = over.progress.asks or self._says_again(turn)
        return None if expected else evidence.said_to_others(turn.text, self.language)

    def _evidence(self, turn: TurnRecord) -> Evidence:
        words, when = self._overheard
        among = turn.over is not None and bool(words) and turn.began - when < AMONG
        return self.user.weigh(turn.level, turn.pitch, among=among)

    def _says_again(self, turn: TurnRecord) -> bool:
        """Whether these are words that were not answered: they are meant."""
        return says_again(turn.text, self._overheard[0])
