"""What a language model is to the rest of Parley."""

from collections.abc import AsyncGenerator, Sequence
from dataclasses import dataclass
from typing import Literal, Protocol


class LanguageModelError(Exception):
    """A language model cannot be reached or failed; the message says what to do."""


@dataclass(frozen=True, slots=True)
class Message:
    """One entry of the conversation so far.

    An `interrupted` answer holds just the words that were heard before the user cut in.
    """

    role: Literal["system", "user", "assistant"]
    content: str
    interrupted: bool = False


@dataclass(frozen=True, slots=True)
class TextDelta:
    """A fragment of the reply, as the model emits it."""

    text: str


class LanguageModel(Protocol):
    """Something that answers a conversation, a fragment at a time."""

    async def load(self) -> None:
        """Make ready. Raises LanguageModelError."""

    async def aclose(self) -> None:
        """Give back what `load` took."""

    def reply(self, messages: Sequence[Message]) -> AsyncGenerator[TextDelta, None]:
        """Stream the answer to `messages`. Raises LanguageModelError; closing it cancels it."""
