"""Preemptive generation: a reply to what may be all of a turn. Pure, a part of the turn policy."""

from collections.abc import Callable

from agent.conversation.commands import Command, Discard, Prepare
from agent.conversation.states import ReplyRecord, ReplyState, TurnRecord, plain


class Preemptive:
    """A preemptive reply is prepared in a pause; the turn's end takes it, or it is in vain."""

    def __init__(self, do: Callable[[Command], None]) -> None:
        """`do` is given the commands."""
        self.reply: ReplyRecord | None = None
        """The one that there is."""
        self._do = do
        self._turn = TurnRecord(0)
        self._text = ""  # of the turn, which it answers

    def prepare(self, turn: TurnRecord, reply: ReplyRecord) -> None:
        """Prepare `reply` to the words that there are of `turn`."""
        turn.attempts += 1
        self.reply, self._turn, self._text = reply, turn, turn.text
        self._do(Prepare(turn.number, f"'{turn.text}'", reply.number, turn.text))

    def take(self, turn: TurnRecord) -> ReplyRecord | None:
        """Return the reply that was prepared for just these words, if there is one."""
        if (reply := self.reply) is None:
            return None
        if self._turn is not turn or plain(self._text) != plain(turn.text):
            self.discard(f"it was '{turn.text}'")
        elif turn.cut or reply.progress.failure:
            self.discard(reply.progress.failure or "the turn was cut")
        else:
            self.reply = None
            reply.state = ReplyState.PENDING
            return reply
        return None

    def discard(self, why: str) -> None:
        """Drop what was prepared in vain, if anything."""
        if (reply := self.reply) is None:
            return
        self.reply = None
        tokens = reply.progress.tokens
        self._turn.wasted_tokens += tokens
        reply.state = ReplyState.DISCARDED
        self._do(Discard(self._turn.number, f"{why}: {tokens} tokens wasted", reply.number))
