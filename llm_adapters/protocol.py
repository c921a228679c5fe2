"""The protocol of a language model: what an adapter of `llm_adapters` has to do.

An adapter is a class with the three methods of `LanguageModel`. In plain words:

- The constructor takes keyword arguments only, with types and defaults: they are the keys of the
  section `llm` in the configuration, and `Annotated[..., Field(description=...)]` explains them.
  It must be quick, and import nothing heavy.
- `load` does what is slow, such as importing a package or reading a model; it can be called again.
- `reply` is an async generator. It yields a `TextDelta` for each fragment of text as soon as it is
  there, and, where the model calls tools, whole `ToolCall`s; `Usage` and `Notice` are optional.
  Closed early, as when the user cuts in, it stops the model at once.
- Whatever computes runs in a worker thread or a process, never on the event loop.
- What goes wrong is raised as `LanguageModelError`, with a message that says what to do.

Parley waits `PATIENCE` seconds for the first word of a reply. `WarmsUp`, `FailsFast`, `KeepsTime`,
`Summarises` and `TakesOptions` are what an adapter can do besides. It is registered by one line in
`llm_adapters.ADAPTERS`, or as an entry point of group `parley.llm`.
"""

from collections.abc import AsyncGenerator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal, Protocol, TypeAlias, runtime_checkable

PATIENCE = 60.0
"""Seconds until a reply must begin, for a model that does not keep time itself. A small one reads a
prompt of some thousand tokens on a laptop's processor in half of that."""


class LanguageModelError(Exception):
    """A language model cannot be reached or failed; the message says what to do."""


class ContextTooLongError(LanguageModelError):
    """A conversation is longer than the model takes, and nothing of it may be left out."""


@dataclass(frozen=True, slots=True)
class ToolSpec:
    """A tool that the model may call; `parameters` is the JSON schema of its arguments."""

    name: str
    description: str
    parameters: Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class ToolCall:
    """Call of a tool by the model; `arguments` is JSON as the model gave it, so it may be none."""

    id: str
    name: str
    arguments: str


@dataclass(frozen=True, slots=True)
class Message:
    """One entry of the conversation so far.

    An `interrupted` answer holds just the words that were heard before the user cut in, by an
    estimate if `estimated`: the voice did not say when it spoke them. `calls`
    are the tools that an assistant's message asks for; each is answered by a message of role
    `tool`, whose `call_id` names it and whose content is the result. `images` of a user's message
    are addresses, `https:` or `data:`; a model that sees none goes by the words. `agent` names
    which of several said it, where that matters.
    """

    role: Literal["system", "user", "assistant", "tool"]
    content: str
    interrupted: bool = False
    calls: tuple[ToolCall, ...] = ()
    call_id: str | None = None
    estimated: bool = False
    images: tuple[str, ...] = ()
    agent: str = ""


@dataclass(frozen=True, slots=True)
class TextDelta:
    """A fragment of the reply, as the model emits it."""

    text: str


@dataclass(frozen=True, slots=True)
class Usage:
    """Cost of a request in tokens; `cached` of the `prompt` were known to the server already."""

    prompt: int
    completion: int
    cached: int = 0


@dataclass(frozen=True, slots=True)
class Notice:
    """Message that people should see and nobody should hear, such as a switch of models.

    `code` is a stable word such as `llm.fallback`; `level` is `info` where nothing is amiss.
    """

    code: str
    message: str
    level: Literal["info", "warning"] = "warning"


Effort: TypeAlias = Literal["none", "minimal", "low", "medium", "high", "xhigh"]
"""How much a model thinks before it answers."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Truncation:
    """What becomes of a conversation that is too long: its oldest turns are left out.

    As much is kept then as is the share `keep` of what there may be, so that what is sent begins
    alike for many turns. `limit`: tokens of the conversation without its system messages and tools;
    None for what the model takes.
    """

    keep: float = 0.5
    limit: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class ModelOptions:
    """How one reply is wanted; None and what is not given are as the adapter is configured."""

    effort: Effort | None = None
    truncation: Truncation | None = Truncation()
    """None: nothing is left out, it is a ContextTooLongError."""
    parallel_calls: bool = True
    """Whether several tools may be called at once."""


AS_CONFIGURED = ModelOptions()
"""Nothing else is wanted."""


ReplyItem: TypeAlias = TextDelta | ToolCall | Usage | Notice
"""What a reply is made of. Text is spoken as it comes; the tool calls are complete when given."""


class LanguageModel(Protocol):
    """A language model: it answers a conversation, a fragment at a time."""

    async def load(self) -> None:
        """Make ready. Raises LanguageModelError."""

    async def aclose(self) -> None:
        """Give back what `load` took."""

    def reply(
        self, messages: Sequence[Message], tools: Sequence[ToolSpec] = ()
    ) -> AsyncGenerator[ReplyItem, None]:
        """Stream the answer to `messages`. Raises LanguageModelError; closing it cancels it."""


@runtime_checkable
class TakesOptions(Protocol):
    """A language model of which one reply can be wanted otherwise than it was configured."""

    def reply_with(
        self, messages: Sequence[Message], tools: Sequence[ToolSpec], options: ModelOptions
    ) -> AsyncGenerator[ReplyItem, None]:
        """As `LanguageModel.reply`, in this way. What the model does not know is told by a Notice.

        Raises ContextTooLongError where nothing may be left out and all of it is too much.
        """


def reply_with(
    llm: LanguageModel,
    messages: Sequence[Message],
    tools: Sequence[ToolSpec],
    options: ModelOptions,
) -> AsyncGenerator[ReplyItem, None]:
    """Stream an answer as `options` have it, where the model takes any and they want something."""
    if options != AS_CONFIGURED and isinstance(llm, TakesOptions):
        return llm.reply_with(messages, tools, options)
    return llm.reply(messages, tools)


@runtime_checkable
class FailsFast(Protocol):
    """A language model that can be told to fail sooner rather than later."""

    def fail_fast(self) -> None:
        """Use short timeouts from now on: another model is there to answer."""


@runtime_checkable
class KeepsTime(Protocol):
    """A language model that fails by itself when a reply takes too long."""

    @property
    def patience(self) -> float:
        """Seconds that it may take for the next word, or for its failure, whatever it tries."""


@runtime_checkable
class WarmsUp(Protocol):
    """A language model whose first reply takes longer than the others, unless it is warmed up."""

    async def warm_up(self, messages: Sequence[Message], tools: Sequence[ToolSpec] = ()) -> None:
        """Load the model and its prompt cache for a conversation. Raises LanguageModelError.

        `messages` are those before the user's first, such as the instructions.
        """


@runtime_checkable
class Summarises(Protocol):
    """A language model that leaves out the oldest turns of a conversation that is too long."""

    async def summarise(self) -> None:
        """Sum up what was left out last, if anything, for the replies to come.

        To be called between replies, and cancelled when the next one begins. Raises
        LanguageModelError.
        """
