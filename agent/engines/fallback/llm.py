"""Fallback between several language models: the first that works answers."""

from collections.abc import AsyncGenerator, Sequence
from contextlib import aclosing

from agent.engines.fallback.ranking import Candidate, Ranking
from agent.engines.llm import GuardedLanguageModel
from llm_adapters import (
    AS_CONFIGURED,
    ContextTooLongError,
    LanguageModel,
    LanguageModelError,
    Message,
    ModelOptions,
    Notice,
    ReplyItem,
    Summarises,
    TextDelta,
    ToolCall,
    ToolSpec,
    WarmsUp,
    reply_with,
)


class LanguageModelFallback:
    """Language model that asks one after the other, in order, those that failed of late last.

    A model that fails in the middle of its reply ends the reply: nothing is ever said twice.
    Each change of the model that answers is a `Notice`.
    """

    def __init__(self, models: Sequence[tuple[str, LanguageModel]]) -> None:
        """The models with the names that notices call them by; the first is the one wanted."""
        guarded = [(name, GuardedLanguageModel(llm)) for name, llm in models]
        self._models = Ranking(guarded, LanguageModelError)

    @property
    def patience(self) -> float:
        """Seconds until all of them have had their time."""
        return self._models.patience

    async def load(self) -> None:
        """Load all. Raises the first one's LanguageModelError if none can be loaded."""
        await self._models.load()

    async def aclose(self) -> None:
        """Close all."""
        await self._models.aclose()

    async def warm_up(self, messages: Sequence[Message], tools: Sequence[ToolSpec] = ()) -> None:
        """Warm up the first that can be. Raises the first one's LanguageModelError if none can."""
        errors: list[LanguageModelError] = []
        for candidate in self._models.order():
            try:
                await self._models.prepare(candidate)
                if isinstance(candidate.engine, WarmsUp):
                    await candidate.engine.warm_up(messages, tools)
            except LanguageModelError as error:
                candidate.breaker.trip(error)
                errors.append(error)
            else:
                return
        raise errors[0]

    async def summarise(self) -> None:
        """Have the model that answers do so, if it can. Raises LanguageModelError."""
        used = self._models.used
        if isinstance(used, Summarises):
            await used.summarise()

    async def reply(
        self, messages: Sequence[Message], tools: Sequence[ToolSpec] = ()
    ) -> AsyncGenerator[ReplyItem, None]:
        """Stream the answer to `messages`. Raises the last one's LanguageModelError."""
        async with aclosing(self.reply_with(messages, tools, AS_CONFIGURED)) as reply:
            async for item in reply:
                yield item

    async def reply_with(
        self, messages: Sequence[Message], tools: Sequence[ToolSpec], options: ModelOptions
    ) -> AsyncGenerator[ReplyItem, None]:
        """As `reply`, in this way by those that take any. One that is too small is not broken."""
        order = self._models.order()
        for candidate in order:
            begun = False
            try:
                await self._models.prepare(candidate)
                async with aclosing(
                    reply_with(candidate.engine, messages, tools, options)
                ) as reply:
                    async for item in reply:
                        if not begun and isinstance(item, TextDelta | ToolCall):
                            begun = True
                            if (notice := self._notice(candidate)) is not None:
                                yield notice
                        yield item
            except LanguageModelError as error:
                if not isinstance(error, ContextTooLongError):
                    candidate.breaker.trip(error)
                if begun or candidate is order[-1]:
                    raise
            else:
                return

    def _notice(self, candidate: Candidate[GuardedLanguageModel]) -> Notice | None:
        """Note that a model works, and say so if another one answered before."""
        change = self._models.works(candidate, "answers")
        return None if change is None else Notice(f"llm.{change.code}", change.message)
