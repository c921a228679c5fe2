"""What has been said and heard, as the language model is told."""

from llm_adapters import Message


class History:
    """The conversation as it was heard: only words whose audio left the speaker are in it."""

    def __init__(self, instructions: str) -> None:
        """Starts with the system message `instructions`, if there are any."""
        self._messages = [Message("system", instructions)] if instructions else []

    @property
    def messages(self) -> tuple[Message, ...]:
        """All of it, oldest first."""
        return tuple(self._messages)

    def user(self, text: str) -> None:
        """The user said `text`; what they said before without an answer is the same message."""
        last = self._messages[-1] if self._messages else None
        if last is not None and last.role == "user":
            self._messages[-1] = Message("user", f"{last.content} {text}")
        else:
            self._messages.append(Message("user", text))

    def assistant(self, text: str, *, interrupted: bool = False) -> None:
        """The agent was heard saying `text`; nothing heard is nothing said."""
        if text:
            self._messages.append(Message("assistant", text, interrupted=interrupted))
