"""The border to a language model."""

from collections.abc import AsyncGenerator, Awaitable, Callable, Sequence
from contextlib import aclosing
from dataclasses import replace
from functools import partial

import anyio
from anyio.lowlevel import checkpoint

from agent.engines.border import Border
from agent.guards.text import ValidText, valid
from llm_adapters import (
    AS_CONFIGURED,
    PATIENCE,
    LanguageModel,
    LanguageModelError,
    Message,
    ModelOptions,
    Notice,
    ReplyItem,
    Summarises,
    TakesOptions,
    TextDelta,
    ToolCall,
    ToolSpec,
    Usage,
    WarmsUp,
    reply_with,
)

NEXT = 20.0
"""Seconds until it must go on: what comes more slowly nobody listens to."""
BESIDE = 600.0
"""Seconds for what nobody waits for, such as the warm-up."""


class GuardedLanguageModel:
    """A language model of which nothing worse can come than `LanguageModelError`, and not late."""

    warm_up: Callable[[Sequence[Message], Sequence[ToolSpec]], Awaitable[None]]
    summarise: Callable[[], Awaitable[None]]
    reply_with: Callable[
        [Sequence[Message], Sequence[ToolSpec], ModelOptions], AsyncGenerator[ReplyItem, None]
    ]

    def __init__(self, llm: LanguageModel) -> None:
        self._llm = llm
        self._border = Border(llm, "llm", "the language model", LanguageModelError)
        # Only where the model has them: they are what tells that it can.
        if isinstance(llm, WarmsUp):
            self.warm_up = self._warm_up
        if isinstance(llm, Summarises):
            self.summarise = self._summarise
        if isinstance(llm, TakesOptions):
            self.reply_with = self._reply

    @property
    def patience(self) -> float:
        """Seconds until a reply begins, or has failed."""
        return self._border.limit(PATIENCE)

    @property
    def ready(self) -> bool:
        """Whether it can be asked at once."""
        return self._border.ready

    def fail_fast(self) -> None:
        """Wait less from now on: another model is there to answer."""
        self._border.fail_fast()

    async def load(self) -> None:
        """Load the model. Raises LanguageModelError."""
        await self._border.load()

    async def aclose(self) -> None:
        """Close it; what fails is told."""
        await self._border.aclose()

    async def retire(self) -> None:
        """Close it as soon as nobody uses it; whoever uses it again has it loaded again."""
        await self._border.retire()

    def reply(
        self, messages: Sequence[Message], tools: Sequence[ToolSpec] = ()
    ) -> AsyncGenerator[ReplyItem, None]:
        """Stream the answer to `messages`. Raises LanguageModelError, also when it hangs."""
        return self._reply(messages, tools, AS_CONFIGURED)

    async def _reply(
        self, messages: Sequence[Message], tools: Sequence[ToolSpec], options: ModelOptions
    ) -> AsyncGenerator[ReplyItem, None]:
        text = ValidText()
        answer = partial(reply_with, self._llm, messages, tools, options)
        async with self._border.use(lambda: aclosing(answer())) as (items, use):
            limit, spent = self.patience, 0.0
            while True:
                began = anyio.current_time()
                with use.limited("gave no word", limit, spent):
                    try:
                        item = _checked(await use.run(partial(anext, items)))
                    except StopAsyncIteration:
                        break
                # What is no word prolongs nothing: a model may think for ever.
                spent += anyio.current_time() - began
                if isinstance(item, TextDelta):
                    item = TextDelta(text.feed(item.text))
                else:
                    await checkpoint()  # for whoever gives them without end
                if isinstance(item, ToolCall) or (isinstance(item, TextDelta) and item.text):
                    limit, spent = max(NEXT, self._border.own_patience), 0.0
                yield item
        if rest := text.finish():
            yield TextDelta(rest)

    async def _warm_up(self, messages: Sequence[Message], tools: Sequence[ToolSpec] = ()) -> None:
        assert isinstance(self._llm, WarmsUp)
        await self._beside("the warm-up", partial(self._llm.warm_up, messages, tools))

    async def _summarise(self) -> None:
        assert isinstance(self._llm, Summarises)
        await self._beside("the summary", self._llm.summarise)

    async def _beside(self, what: str, work: Callable[[], Awaitable[None]]) -> None:
        """Await what the model does while nobody waits for it."""
        with anyio.move_on_after(BESIDE) as patience:
            async with self._border.counted():
                with self._border.failing():
                    await work()
        if patience.cancelled_caught:
            raise LanguageModelError(f"{what} did not end within {BESIDE:g} s")


def _checked(item: ReplyItem) -> ReplyItem:
    """Return a part of a reply in valid text. Raises LanguageModelError for what is none."""
    match item:
        case TextDelta(str()) | Usage():
            return item
        case ToolCall(str(), str(), str()):
            call_id, name, arguments = map(valid, (item.id, item.name, item.arguments))
            return ToolCall(call_id, name, arguments)
        case Notice(str(), str(), "info" | "warning"):
            return replace(item, message=valid(item.message))
    raise LanguageModelError(f"the language model gave {item!r:.80}, which is no part of a reply")
