"""What is wanted of the agent besides an answer to the user's voice, and how it is to be given."""

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from itertools import count

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


class OpenRequests:
    """The requests of one conversation by their numbers, until they begin."""

    def __init__(self) -> None:
        self._numbers = count(1)
        self._open: dict[int, Request] = {}

    def new(self) -> int:
        """The number of a request to come."""
        return next(self._numbers)

    def add(self, request: Request, number: int | None) -> int:
        """Wait for a request to begin; returns its number: the one given, or a new one."""
        number = self.new() if number is None else number
        self._open[number] = request
        return number

    def begin(self, number: int) -> tuple[Request | None, int]:
        """The request of that number, which begins now."""
        return self._open.pop(number, None), number

    def refuse(self, number: int) -> None:
        """It never begins."""
        request, _ = self.begin(number)
        if request is not None:
            request.done.set()

    def close(self) -> None:
        """None of them begins any more."""
        for request in self._open.values():
            request.done.set()
