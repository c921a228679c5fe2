"""What a language model is to the rest of Parley."""

from collections.abc import AsyncGenerator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal, Protocol, TypeAlias, runtime_checkable


class LanguageModelError(Exception):
    """A language model cannot be reached or failed; the message says what to do."""


@dataclass(frozen=True, slots=True)
class ToolSpec:
    """A tool that the model may call; `parameters` is the JSON schema of its arguments."""

    name: str
    description: str
    parameters: Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class ToolCall:
    """The model wants a tool run; `arguments` is JSON as the model gave it, so it may be none."""

    id: str
    name: str
    arguments: str


@dataclass(frozen=True, slots=True)
class Message:
    """One entry of the conversation so far.

    An `interrupted` answer holds just the words that were heard before the user cut in. `calls`
    are the tools that an assistant's message asks for; each is answered by a message of role
    `tool`, whose `call_id` names it and whose content is the result.
    """

    role: Literal["system", "user", "assistant", "tool"]
    content: str
    interrupted: bool = False
    calls: tuple[ToolCall, ...] = ()
    call_id: str | None = None


@dataclass(frozen=True, slots=True)
class TextDelta:
    """A fragment of the reply, as the model emits it."""

    text: str


@dataclass(frozen=True, slots=True)
class Usage:
    """What a request cost in tokens; `cached` of the `prompt` were known to the server already."""

    prompt: int
    completion: int
    cached: int = 0


@dataclass(frozen=True, slots=True)
class Notice:
    """Something people should know and nobody should hear, such as the switch to another model.

    `code` is a stable word such as `llm.fallback`.
    """

    code: str
    message: str


ReplyItem: TypeAlias = TextDelta | ToolCall | Usage | Notice
"""What a reply is made of. Text is spoken as it comes; the tool calls are complete when given."""


class LanguageModel(Protocol):
    """Something that answers a conversation, a fragment at a time."""

    async def load(self) -> None:
        """Make ready. Raises LanguageModelError."""

    async def aclose(self) -> None:
        """Give back what `load` took."""

    def reply(
        self, messages: Sequence[Message], tools: Sequence[ToolSpec] = ()
    ) -> AsyncGenerator[ReplyItem, None]:
        """Stream the answer to `messages`. Raises LanguageModelError; closing it cancels it."""


@runtime_checkable
class GivesWay(Protocol):
    """What a language model can do besides whose patience with its server is long."""

    def give_way(self) -> None:
        """From now on, fail sooner rather than later: another one is there to answer."""


@runtime_checkable
class WarmsUp(Protocol):
    """What a language model can do besides whose first reply takes longer than the others."""

    async def warm_up(self, messages: Sequence[Message], tools: Sequence[ToolSpec] = ()) -> None:
        """Make the reply to a conversation that begins so the quicker. Raises LanguageModelError.

        `messages` are those before the user's first, such as the persona.
        """
