"""Fallback between several language models: the first that works answers."""

from collections.abc import AsyncGenerator, Sequence
from contextlib import aclosing
from dataclasses import dataclass

import anyio

from llm_adapters.protocol import (
    AS_CONFIGURED,
    PATIENCE,
    ContextTooLongError,
    FailsFast,
    KeepsTime,
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

COOLDOWN = 30.0
"""Seconds that a model which failed is left alone; doubled each time it fails again."""
MAX_COOLDOWN = 600.0


@dataclass(slots=True)
class CircuitBreaker:
    """Circuit breaker of one model: open for a while after each failure, then tried once more."""

    name: str
    llm: LanguageModel
    failures: int = 0
    """In a row."""
    error: str = ""
    """Why it failed last."""
    retry_at: float = 0.0
    """When it may be tried again (`anyio.current_time()`)."""

    @property
    def is_open(self) -> bool:
        """Whether the model is left alone for now."""
        return self.failures > 0 and anyio.current_time() < self.retry_at

    def trip(self, error: LanguageModelError) -> None:
        """Leave the model alone: it has failed."""
        self.error = str(error)
        cooldown = min(MAX_COOLDOWN, COOLDOWN * 2**self.failures)
        self.failures += 1
        self.retry_at = anyio.current_time() + cooldown


class Fallback:
    """Language model that asks one after the other, in order, those that failed of late last.

    A model that fails in the middle of its reply ends the reply: nothing is ever said twice.
    Each change of the model that answers is a `Notice`.
    """

    def __init__(self, models: Sequence[tuple[str, LanguageModel]]) -> None:
        """The models with the names that notices call them by; the first is the one wanted."""
        self._breakers = [CircuitBreaker(name, llm) for name, llm in models]
        for breaker in self._breakers[:-1]:
            if isinstance(breaker.llm, FailsFast):
                breaker.llm.fail_fast()
        self._answering = self._breakers[0]

    @property
    def patience(self) -> float:
        """Seconds until all of them have had their time."""
        models = [breaker.llm for breaker in self._breakers]
        return sum(m.patience if isinstance(m, KeepsTime) else PATIENCE for m in models)

    async def load(self) -> None:
        """Load all. Raises the first one's LanguageModelError if none can be loaded."""
        errors: dict[int, LanguageModelError] = {}

        async def load(index: int, breaker: CircuitBreaker) -> None:
            try:
                await breaker.llm.load()
            except LanguageModelError as error:
                errors[index] = error
                breaker.trip(error)

        async with anyio.create_task_group() as tasks:
            for index, breaker in enumerate(self._breakers):
                tasks.start_soon(load, index, breaker)
        if len(errors) == len(self._breakers):
            raise errors[0]

    async def aclose(self) -> None:
        """Close all."""
        for breaker in self._breakers:
            await breaker.llm.aclose()

    async def warm_up(self, messages: Sequence[Message], tools: Sequence[ToolSpec] = ()) -> None:
        """Warm up the first that can be. Raises the first one's LanguageModelError if none can."""
        errors: list[LanguageModelError] = []
        for breaker in self._order():
            try:
                if isinstance(breaker.llm, WarmsUp):
                    await breaker.llm.warm_up(messages, tools)
            except LanguageModelError as error:
                breaker.trip(error)
                errors.append(error)
            else:
                return
        raise errors[0]

    async def summarise(self) -> None:
        """Have the model that answers do so, if it can. Raises LanguageModelError."""
        if isinstance(self._answering.llm, Summarises):
            await self._answering.llm.summarise()

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
        order = self._order()
        for breaker in order:
            begun = False
            try:
                async with aclosing(reply_with(breaker.llm, messages, tools, options)) as reply:
                    async for item in reply:
                        if not begun and isinstance(item, TextDelta | ToolCall):
                            begun = True
                            if (notice := self._answers(breaker)) is not None:
                                yield notice
                        yield item
            except LanguageModelError as error:
                if not isinstance(error, ContextTooLongError):
                    breaker.trip(error)
                if begun or breaker is order[-1]:
                    raise
            else:
                return

    def _order(self) -> list[CircuitBreaker]:
        """Who is asked first: one that is left alone only if all others have failed now."""
        return sorted(self._breakers, key=lambda breaker: breaker.is_open)

    def _answers(self, breaker: CircuitBreaker) -> Notice | None:
        """Close the breaker of a model that works, and say so if another one answered before."""
        breaker.failures = 0
        before, self._answering = self._answering, breaker
        if breaker is before:
            return None
        if breaker is self._breakers[0]:
            return Notice("llm.recovered", f"{breaker.name} answers again")
        reason = f"{before.name} fails ({before.error})"
        return Notice("llm.fallback", f"{reason}: {breaker.name} answers")
