"""Summary of the turns that are left out of a long conversation, made by the model."""

from collections.abc import Sequence
from dataclasses import dataclass, replace

from llm_adapters.context_window import Fitted, shorten
from llm_adapters.protocol import Message

TASK = (
    "Sum up the part of a conversation that follows in one sentence of at most 60 words, for the "
    "assistant who goes on with it: names, facts, wishes and decisions. Write the sentence alone."
)
TOKENS = 400
"""Longest answer; most of it for a model that thinks first."""
LONGEST = 1000
"""Characters of an answer that are kept."""


@dataclass(slots=True)
class Summary:
    """Summary of the oldest turns, as long as it is of those that are left out."""

    _text: str = ""
    _of: tuple[Message, ...] = ()
    _dropped: tuple[Message, ...] = ()

    def insert(self, fitted: Fitted) -> tuple[Message, ...]:
        """Return what is shown of a conversation, with what is known of the turns before it.

        It stands with the instructions: many models take no second message of the system.
        """
        self._dropped = fitted.dropped
        if not self._text or not self._of or fitted.dropped[: len(self._of)] != self._of:
            return fitted.shown
        known = f"Earlier in this conversation: {self._text}"
        if not fitted.system:
            return (Message("system", known), *fitted.shown)
        first, *others = fitted.shown
        return (replace(first, content=f"{first.content}\n\n{known}"), *others)

    @property
    def due(self) -> tuple[Message, ...]:
        """The turns that were left out last, if they are more than the summary is of."""
        return () if self._dropped == self._of else self._dropped

    def request(self, due: Sequence[Message], window: int) -> list[Message]:
        """What the model is asked, within `window` tokens."""
        covered = len(self._of) if tuple(due[: len(self._of)]) == self._of else 0
        lines = [f"{m.role}: {m.content}" for m in map(_short, due[covered:]) if m.content]
        if covered and self._text:
            lines.insert(0, f"Before: {self._text}")
        text = Message("user", "\n".join(lines))
        return [Message("system", TASK), shorten(text, max(100, window - 200))]

    def keep(self, due: tuple[Message, ...], text: str) -> None:
        """Keep what the model made of the turns `due`; "" where it made nothing of them.

        What is known already then stands, if it is of the same conversation.
        """
        before = self._text if due[: len(self._of)] == self._of else ""
        self._of, self._text = due, " ".join(text.split())[:LONGEST] or before


def _short(message: Message) -> Message:
    return shorten(message, 200)
