"""What has been said and heard, as the language model is told."""

from collections.abc import Sequence

from agent.conversation.reply_source import ReplySource
from llm_adapters import Message


class History:
    """The conversation as it was heard: only words whose audio left the speaker are in it."""

    def __init__(self, instructions: str) -> None:
        """Starts with the system message `instructions`, if there are any."""
        self._messages = [Message("system", instructions)] if instructions else []
        self._asides: list[Message] = []
        self._thoughts: list[tuple[int, ReplySource]] = []  # with where their messages stand

    @property
    def messages(self) -> tuple[Message, ...]:
        """All of it, oldest first. A tool that was still running gives its result once there."""
        told: list[Message] = []
        place = 0
        for until, thoughts in self._thoughts:
            told += [*self._messages[place:until], *thoughts.messages]
            place = until
        return (*told, *self._messages[place:])

    def user(self, text: str) -> None:
        """The user said `text`; what they said before without an answer is the same message."""
        if self._unanswered:
            text = f"{self._messages.pop().content} {text}"
        self._messages.append(Message("user", text))

    def with_user(self, text: str) -> tuple[Message, ...]:
        """The messages as they would be if the user said `text` now."""
        if self._unanswered:
            *messages, last = self.messages
            return (*messages, Message("user", f"{last.content} {text}"))
        return (*self.messages, Message("user", text))

    def aside(self, text: str) -> None:
        """The user said `text` to the agent's speech without wanting an answer."""
        aside = Message("user", f"({text})")
        self._asides.append(aside)
        self._messages.append(aside)

    def assistant(self, text: str, *, interrupted: bool = False) -> None:
        """The agent was heard saying `text`; nothing heard is nothing said."""
        if text:
            self._messages.append(Message("assistant", text, interrupted=interrupted))

    def thought(self, thoughts: ReplySource) -> None:
        """The tools that a reply used, and what they gave, before the words heard of it."""
        if thoughts.messages:
            self._thoughts.append((len(self._messages), thoughts))

    def recall(self, messages: Sequence[Message]) -> None:
        """An earlier conversation, which this one goes on with."""
        self._messages += messages

    @property
    def _unanswered(self) -> bool:
        """Whether the user's words are the last of all, and meant for an answer."""
        used_tools = self._thoughts and self._thoughts[-1][0] == len(self._messages)
        last = self._messages[-1] if self._messages and not used_tools else None
        return last is not None and last.role == "user" and last not in self._asides
