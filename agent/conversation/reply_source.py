"""What a reply is made of: the language model's thinking, or a sentence that is known already."""

from collections.abc import AsyncGenerator, Sequence
from typing import Protocol

from llm_adapters import Message, TextDelta


class ReplySource(Protocol):
    """Something to say, as it comes to mind."""

    @property
    def silent(self) -> bool:
        """Whether it is meant that there is nothing to say."""

    @property
    def interruptible(self) -> bool:
        """Whether the user may cut in."""

    @property
    def messages(self) -> Sequence[Message]:
        """What belongs into the history before the words heard: tools' calls and results."""

    def text(self) -> AsyncGenerator[TextDelta, None]:
        """The words to speak. Iterated once; closing it ends the thinking."""


class FixedText:
    """A greeting, an apology, an announcement; an empty one is silence."""

    messages: Sequence[Message] = ()
    interruptible = True

    def __init__(self, text: str) -> None:
        self._text = text
        self.silent = not text

    async def text(self) -> AsyncGenerator[TextDelta, None]:
        """All of it."""
        if self._text:
            yield TextDelta(self._text)
