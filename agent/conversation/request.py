"""What is wanted of the agent besides an answer to the user's voice, and how it is to be given."""

from collections.abc import Sequence
from dataclasses import dataclass, field, replace

import anyio

from llm_adapters import Message, ModelOptions, ToolSpec
from tts import TextToSpeech


@dataclass(frozen=True, slots=True, kw_only=True)
class ReplyOptions:
    """How a reply is made. None stands for the conversation's own."""

    instructions: str | None = None
    messages: Sequence[Message] | None = None
    """What it answers, in the place of the conversation so far."""
    tools: tuple[ToolSpec, ...] | None = None
    """Tools that somebody else runs: their calls end the reply, and are told to who watches."""
    own_tools: bool | None = None
    """Whether the agent's own tools may be called; they may."""
    must_call: bool | None = None
    """Whether a tool is to be called before anything else; it need not."""
    voice: TextToSpeech | None = None
    speaks: bool | None = None
    """Whether there is a voice at all, or text alone."""
    longest: int | None = None
    """Fragments of the language model's after which the reply is cut short."""
    model: ModelOptions | None = None
    """What the language model is asked for besides, if it takes any."""

    def over(self, other: "ReplyOptions") -> "ReplyOptions":
        """These options, where they say nothing those of `other`."""
        names = (
            "instructions",
            "tools",
            "own_tools",
            "must_call",
            "voice",
            "speaks",
            "longest",
            "model",
        )
        unsaid = {name: getattr(other, name) for name in names if getattr(self, name) is None}
        return replace(self, **unsaid)


@dataclass(slots=True, eq=False, kw_only=True)
class Request:
    """A request for one reply; it is done once that has been heard, or will not be."""

    text: str | None = None
    """What is to be said as it is; None for an answer of the language model."""
    options: ReplyOptions = field(default_factory=ReplyOptions)
    turn: int | None = None
    """The number of the turn that it answers; None for the user's latest."""
    done: anyio.Event = field(default_factory=anyio.Event)
    reply: int | None = None
    """Its number, once it has begun."""
    heard: str = ""
    """What was heard of it in the end."""
