"""What a reply says: what the language model generates for a turn, or a sentence known already.

The model's text is spoken as it comes, and the tools that it asks for run in between.
"""

from collections.abc import AsyncGenerator, Callable, Sequence
from contextlib import aclosing
from dataclasses import dataclass, replace
from typing import ClassVar, Protocol

from agent.conversation.floor import Floor
from agent.conversation.tool_use import CALLS, ToolUse
from agent.events import Event, NoticeEvent, WarningEvent, nobody
from agent.tools import Toolbox
from agent.tools.confirmation import Question
from llm_adapters import (
    AS_CONFIGURED,
    LanguageModel,
    LanguageModelError,
    Message,
    ModelOptions,
    Notice,
    Summarises,
    TextDelta,
    ToolCall,
    ToolSpec,
    Usage,
    WarmsUp,
    reply_with,
)

MUST_CALL = "Your next step has to be a call of one of your functions: make it now."
NO_WORDS = "Write no words at all, not even an introduction: only the call."
"""What a model is told that has answered a demand for a call in words."""


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
    def question(self) -> Question | None:
        """What the user is asked at its end before a tool runs, if anything."""

    @property
    def messages(self) -> Sequence[Message]:
        """What belongs into the history before the words heard: tools' calls and results."""

    @property
    def cut(self) -> bool:
        """Whether it ended because it was as long as it may be."""

    def text(self) -> AsyncGenerator[TextDelta, None]:
        """The words to speak. Iterated once; closing it ends the generation."""


class FixedText:
    """A fixed text is said as it is: a greeting, an apology, an announcement; "" is silence."""

    messages: Sequence[Message] = ()
    question: Question | None = None
    interruptible = True
    cut = False

    def __init__(self, text: str) -> None:
        self._text = text
        self.silent = not text

    async def text(self) -> AsyncGenerator[TextDelta, None]:
        """All of it."""
        if self._text:
            yield TextDelta(self._text)


class Generation:
    """A generation is the model's answer to one turn, tools included.

    Iterate `text` once; leaving it early ends it.

    No tool runs before the reply has the floor: until then the turn may not be the user's last
    word, and leaving leaves nothing behind. Once it runs, a tool finishes whatever becomes of the
    reply.
    """

    def __init__(
        self,
        llm: LanguageModel,
        messages: Sequence[Message],
        toolbox: Toolbox | None,
        *,
        turn: int,
        report: Callable[[Event], None],
        floor: Floor,
        waiting: Callable[[], None] = lambda: None,
        others: Sequence[ToolSpec] = (),
        called: Callable[[tuple[ToolCall, ...]], None] = nobody,
        cost: Callable[[Usage], None] = nobody,
        longest: int | None = None,
        must_call: bool = False,
        options: ModelOptions = AS_CONFIGURED,
    ) -> None:
        """`messages` end with the user's; `waiting` is told when tools begin to take long.

        `others` are tools that somebody else runs: `called` is told of their calls, with which it
        ends. `cost` is told what a request cost. After `longest` fragments it is cut. It
        `must_call` a tool first: a model that does not is asked twice, and then left its words.
        `options` are for a model that takes any.
        """
        self.cut = False
        """Whether it ended because it was as long as it may be."""
        self._others = {spec.name: spec for spec in others}
        self._called = called
        self._cost = cost
        self._left = longest
        self._must_call = must_call
        self._options = options
        self._ended = False  # with a call that somebody else answers
        self._llm = llm
        self._asked = tuple(messages)
        self._tools = ToolUse(toolbox, turn, floor, waiting) if toolbox is not None else None
        self._turn = turn
        self._report = report
        self._floor = floor

    @property
    def silent(self) -> bool:
        """Whether nothing is meant to be said: the user wanted silence."""
        return self._ended or (self._tools is not None and self._tools.silent)

    @property
    def interruptible(self) -> bool:
        """Whether the user may cut in."""
        return self._tools is None or self._tools.interruptible

    @property
    def question(self) -> Question | None:
        """What the user is asked at its end before a tool runs, if anything."""
        return self._tools.question if self._tools is not None else None

    @property
    def messages(self) -> tuple[Message, ...]:
        """The tool calls with their results, to stand in the history before the words heard."""
        return self._tools.messages() if self._tools is not None else ()

    async def text(self) -> AsyncGenerator[TextDelta, None]:
        """What is to be spoken, as it comes. Raises LanguageModelError."""
        if self._tools is not None and self._asked:
            async with aclosing(self._tools.answer(self._asked[-1].content)) as deltas:
                async for delta in deltas:
                    yield delta
        while self._tools is None or not self._tools.had_their_say:
            said = ""
            calls: list[ToolCall] = []
            asked = self._demand(calls) if self._must_call else self._ask(calls)
            async with aclosing(asked) as deltas:
                async for delta in deltas:
                    said += delta.text
                    yield delta
                    if self._cut_now():
                        return
            theirs = tuple(call for call in calls if call.name in self._others)
            calls = [call for call in calls if call.name not in self._others]
            if theirs:
                self._ended = True
                await self._floor.wait()
                self._called(theirs)
            if self._tools is None or not calls:
                return
            if said and not said[-1].isspace():
                # Another sentence follows, and the voice need not wait for it to speak this one.
                yield TextDelta(" ")
            async with aclosing(self._tools.run(said, calls)) as deltas:
                async for delta in deltas:
                    yield delta
            if self._ended:
                return

    def _cut_now(self) -> bool:
        """One fragment more: was it the last that there may be?"""
        if self._left is not None:
            self._left -= 1
            self.cut = self._left <= 0
        return self.cut

    async def _demand(self, calls: list[ToolCall]) -> AsyncGenerator[TextDelta, None]:
        """A request that is to end with a call: its words wait until it is known whether it does.

        A model that answers in words is asked once more, and then they are its answer.
        """
        self._must_call = False
        deltas: list[TextDelta] = []
        for demand in (MUST_CALL, f"{MUST_CALL} {NO_WORDS}"):
            async with aclosing(self._ask(calls, demand)) as asked:
                deltas = [delta async for delta in asked]
            if calls or not self._may_call:
                break
        for delta in deltas:
            yield delta

    @property
    def _may_call(self) -> bool:
        return bool(self._others or (self._tools is not None and self._tools.specs))

    async def _ask(
        self, calls: list[ToolCall], demand: str = ""
    ) -> AsyncGenerator[TextDelta, None]:
        """One request to the model; the tools that it asks for go into `calls`."""
        told = self._tools.messages(said=True) if self._tools is not None else ()
        own = self._tools.specs if self._tools is not None else ()
        most = self._tools.left if self._tools is not None and own else 0
        most = max(most, CALLS if self._others else 0)
        tools = (*(t for t in own if t.name not in self._others), *self._others.values())
        asked = demanding(self._asked, demand) if demand and tools else self._asked
        answer = reply_with(self._llm, (*asked, *told), tools, self._options)
        async with aclosing(answer) as reply:
            async for item in reply:
                match item:
                    case TextDelta():
                        yield item
                    case ToolCall() if len(calls) < most:
                        calls.append(item)
                    case ToolCall():
                        where = f"more than {CALLS} tools in one turn" if most else "no tool"
                        message = f"the model calls {item.name} where it may call {where}"
                        self._report(WarningEvent("llm", "llm.call_ignored", message))
                        if most:
                            return  # whoever calls that many will not come to an end
                    case Usage():
                        cost = (item.prompt, item.completion, item.cached)
                        self._report(ModelUsage(self._turn, *cost))
                        self._cost(item)
                    case Notice(code, message, "info"):
                        self._report(NoticeEvent("llm", code, message))
                    case Notice(code, message):
                        self._report(WarningEvent("llm", code, message))


def demanding(messages: Sequence[Message], demand: str) -> Sequence[Message]:
    """Return messages with a demand in the system message: templates allow one, at the front."""
    system = messages[0] if messages and messages[0].role == "system" else Message("system", "")
    said = "\n\n".join(filter(None, (system.content, demand)))
    rest = messages[1:] if system in messages[:1] else messages
    return (replace(system, content=said), *rest)


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


async def summarise(llm: LanguageModel, report: Callable[[Event], None]) -> None:
    """Have a model that can do so sum up what it was not shown any more; it may fail."""
    if not isinstance(llm, Summarises):
        return
    try:
        await llm.summarise()
    except LanguageModelError as error:
        report(WarningEvent("llm", "llm.summary", str(error)))
