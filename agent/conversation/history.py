"""What has been said and heard, as the language model is told (P3).

Which words of a reply were heard is arithmetic on word starts and played samples.
"""

from collections.abc import Sequence
from dataclasses import replace

from agent.conversation.generation import ReplySource
from agent.guards.text import valid
from llm_adapters import Message
from tts import SpokenWord

RECOGNISED_AFTER = 0.2
"""Seconds of a word after which a listener has it (spoken words in context are recognised about
200 ms after their onset: Marslen-Wilson, gating studies); shorter words count at their end."""


class History:
    """The history holds the conversation as it was heard: words whose audio left the speaker."""

    def __init__(self, instructions: str) -> None:
        """Starts with the system message `instructions`, if there are any."""
        self._messages = [Message("system", instructions)] if instructions else []
        self._asides: list[Message] = []
        self._tool_uses: list[tuple[int, ReplySource]] = []  # with where their messages stand

    @property
    def messages(self) -> tuple[Message, ...]:
        """All of it, oldest first. A tool that was still running gives its result once there."""
        told: list[Message] = []
        place = 0
        for until, source in self._tool_uses:
            told += [*self._messages[place:until], *source.messages]
            place = until
        return (*told, *self._messages[place:])

    def user(self, text: str) -> None:
        """Add what the user said, to the same message as what has had no answer yet."""
        if self._unanswered:
            text = f"{self._messages.pop().content} {text}"
        self._messages.append(Message("user", text))

    def with_user(self, text: str) -> tuple[Message, ...]:
        """Return the messages as they would be if the user said `text` now."""
        if self._unanswered:
            *messages, last = self.messages
            return (*messages, Message("user", f"{last.content} {text}"))
        return (*self.messages, Message("user", text))

    def aside(self, text: str) -> None:
        """Add what the user said to the agent's speech without wanting an answer."""
        aside = Message("user", f"({text})")
        self._asides.append(aside)
        self._messages.append(aside)

    def assistant(self, text: str, *, interrupted: bool = False) -> None:
        """Add what the agent was heard saying; nothing heard is nothing said."""
        if text:
            self._messages.append(Message("assistant", text, interrupted=interrupted))

    def tools_used(self, source: ReplySource) -> None:
        """Add the tools that a reply used, and what they gave, before the words heard of it."""
        if source.messages:
            self._tool_uses.append((len(self._messages), source))

    def recall(self, messages: Sequence[Message]) -> None:
        """Add an earlier conversation, which this one goes on with."""
        self._messages += (replace(each, content=valid(each.content)) for each in messages)

    @property
    def _unanswered(self) -> bool:
        """Whether the user's words are the last of all, and meant for an answer."""
        used_tools = self._tool_uses and self._tool_uses[-1][0] == len(self._messages)
        last = self._messages[-1] if self._messages and not used_tools else None
        return last is not None and last.role == "user" and last not in self._asides


def heard_words(
    words: Sequence[SpokenWord], played: int, generated: int, sample_rate: int
) -> Sequence[SpokenWord]:
    """Return the words heard once `played` of `generated` samples have left the speaker."""
    enough = round(RECOGNISED_AFTER * sample_rate)
    ends = [*(word.start for word in words[1:]), generated]
    count = 0
    for word, end in zip(words, ends, strict=False):
        if played < min(word.start + enough, max(end, word.start + 1)):
            break
        count += 1
    return words[:count]
