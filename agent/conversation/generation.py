"""What a reply says: what the language model generates for a turn, or a sentence known already.

The model's text is spoken as it comes, and the tools that it asks for run in between.
"""

from collections.abc import AsyncGenerator, Callable, Sequence
from contextlib import aclosing
from dataclasses import dataclass, replace
from typing import ClassVar, Protocol

import anyio

from agent.events import Event, WarningEvent
from agent.tools import Toolbox
from agent.tools.toolbox import Run
from llm_adapters import (
    LanguageModel,
    LanguageModelError,
    Message,
    Notice,
    TextDelta,
    ToolCall,
    ToolSpec,
    Usage,
    WarmsUp,
)

ROUNDS = 8
"""Times in one turn that the model may use tools; then it has to answer."""
PATIENCE = 1.0
"""Seconds that tools may run before the user hears a filler."""


@dataclass(frozen=True, slots=True)
class ModelUsage(Event):
    """What a request to the model cost in tokens, where the model says.

    `cached` of the `prompt` were known to the server already. A reply that is left early has a
    cost too, but nobody tells it.
    """

    type: ClassVar[str] = "llm.usage"
    turn: int
    prompt: int
    completion: int
    cached: int


class ReplySource(Protocol):
    """A reply source gives text to speak, as it comes."""

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
        """The words to speak. Iterated once; closing it ends the generation."""


class FixedText:
    """A fixed text is said as it is: a greeting, an apology, an announcement; "" is silence."""

    messages: Sequence[Message] = ()
    interruptible = True

    def __init__(self, text: str) -> None:
        self._text = text
        self.silent = not text

    async def text(self) -> AsyncGenerator[TextDelta, None]:
        """All of it."""
        if self._text:
            yield TextDelta(self._text)


@dataclass(frozen=True, slots=True)
class _Round:
    """What the model said and the tools that it then asked for."""

    text: str
    calls: tuple[ToolCall, ...]
    runs: tuple[Run, ...]

    def messages(self, text: str = "") -> tuple[Message, ...]:
        """The calls and, for every one of them, what came of it so far."""
        results = zip(self.calls, self.runs, strict=True)
        return (
            Message("assistant", text, calls=self.calls),
            *(Message("tool", run.tell(), call_id=call.id) for call, run in results),
        )


class Generation:
    """A generation is the model's answer to one turn, tools included.

    Iterate `text` once; leaving it early ends it.

    No tool runs before `committed` is set: until then the turn may not be the user's last word,
    and leaving leaves nothing behind. Once it runs, a tool finishes whatever becomes of the reply.
    """

    def __init__(
        self,
        llm: LanguageModel,
        messages: Sequence[Message],
        toolbox: Toolbox | None,
        *,
        turn: int,
        report: Callable[[Event], None],
        committed: anyio.Event,
        waiting: Callable[[], None] = lambda: None,
    ) -> None:
        """`messages` end with the user's; `waiting` is told when tools begin to take long."""
        self.silent = False
        """Whether nothing is meant to be said: the user wanted silence."""
        self.interruptible = True
        """Whether the user may cut in."""
        self._llm = llm
        self._asked = tuple(messages)
        self._toolbox = toolbox
        self._turn = turn
        self._report = report
        self._committed = committed
        self._waiting = waiting
        self._rounds: list[_Round] = []

    @property
    def messages(self) -> tuple[Message, ...]:
        """The tool calls with their results, to stand in the history before the words heard.

        Every call has its result; one that still runs says so, and gives it once it is there.
        """
        return tuple(message for round_ in self._rounds for message in round_.messages())

    async def text(self) -> AsyncGenerator[TextDelta, None]:
        """What is to be spoken, as it comes. Raises LanguageModelError."""
        question = self._toolbox.question if self._toolbox is not None else None
        if question is not None and question.answered_yes(self._asked):
            await self._committed.wait()
            # A call of its own: the one that the question was about has been answered.
            call = replace(question.call, id=f"{question.call.id}-confirmed")
            async with aclosing(self._use("", [call], confirmed=True)) as deltas:
                async for delta in deltas:
                    yield delta
        while not (self._rounds and self._said_instead()):
            said = ""
            calls: list[ToolCall] = []
            async with aclosing(self._ask(calls)) as deltas:
                async for delta in deltas:
                    said += delta.text
                    yield delta
            if not calls:
                return
            if said and not said[-1].isspace():
                # Another sentence follows, and the voice need not wait for it to speak this one.
                yield TextDelta(" ")
            await self._committed.wait()
            async with aclosing(self._use(said, calls)) as deltas:
                async for delta in deltas:
                    yield delta

    async def _ask(self, calls: list[ToolCall]) -> AsyncGenerator[TextDelta, None]:
        """One request to the model; the tools that it asks for go into `calls`."""
        told = tuple(m for round_ in self._rounds for m in round_.messages(round_.text))
        may_call = self._toolbox is not None and len(self._rounds) < ROUNDS
        tools = self._toolbox.specs if self._toolbox is not None and may_call else ()
        async with aclosing(self._llm.reply((*self._asked, *told), tools)) as reply:
            async for item in reply:
                match item:
                    case TextDelta():
                        yield item
                    case ToolCall() if tools:
                        calls.append(item)
                    case ToolCall():
                        message = f"the model calls {item.name} where it may call no tool"
                        self._report(WarningEvent("llm", "llm.call_ignored", message))
                    case Usage():
                        cost = (item.prompt, item.completion, item.cached)
                        self._report(ModelUsage(self._turn, *cost))
                    case Notice(code, message):
                        self._report(WarningEvent("llm", code, message))

    async def _use(
        self, text: str, calls: Sequence[ToolCall], *, confirmed: bool = False
    ) -> AsyncGenerator[TextDelta, None]:
        """Run the tools, all at once, and wait for them; what one of them wants said is text."""
        assert self._toolbox is not None
        if confirmed:
            self._toolbox.question = None
        runs = tuple(self._toolbox.start(c, self._turn, confirmed=confirmed) for c in calls)
        self._rounds.append(_Round(text, tuple(calls), runs))
        with anyio.move_on_after(PATIENCE):
            await _all(runs)
        if not all(run.done.is_set() for run in runs):
            self._waiting()
            await _all(runs)
        for run in runs:
            if run.say is not None and run.say.text:
                self.interruptible = self.interruptible and run.say.interruptible
                yield TextDelta(run.say.text)

    def _said_instead(self) -> bool:
        """Whether a tool of the last round has had its say, so that the model needs none."""
        says = [run.say for run in self._rounds[-1].runs if run.say is not None]
        if not says:
            return False
        self.silent = not any(say.text for say in says)
        return True


async def warm_up(
    llm: LanguageModel,
    messages: Sequence[Message],
    tools: Sequence[ToolSpec],
    report: Callable[[Event], None],
) -> None:
    """Have a model that can be warmed up read what every request will begin with.

    A failure is a warning: the first reply will show whether it lasts.
    """
    if not isinstance(llm, WarmsUp):
        return
    try:
        await llm.warm_up(messages, tools)
    except LanguageModelError as error:
        report(WarningEvent("llm", "llm.warm_up", str(error)))


async def _all(runs: Sequence[Run]) -> None:
    for run in runs:
        await run.done.wait()
