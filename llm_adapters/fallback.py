"""Several language models, of which the first that works answers."""

from collections.abc import AsyncGenerator, Sequence
from contextlib import aclosing
from dataclasses import dataclass

import anyio

from llm_adapters.protocol import (
    GivesWay,
    LanguageModel,
    LanguageModelError,
    Message,
    Notice,
    ReplyItem,
    TextDelta,
    ToolCall,
    ToolSpec,
    WarmsUp,
)

REST = 30.0
"""Seconds that a model which failed is left alone; doubled each time it fails again."""
LONGEST_REST = 600.0


@dataclass(slots=True)
class Candidate:
    """A model, and whether it has failed of late (a circuit breaker)."""

    name: str
    llm: LanguageModel
    failures: int = 0
    error: str = ""
    """Why it failed last."""
    until: float = 0.0
    """When it may be tried again (`anyio.current_time()`)."""

    @property
    def usable(self) -> bool:
        """Whether it is not resting."""
        return not self.failures or anyio.current_time() >= self.until

    def failed(self, error: LanguageModelError) -> None:
        """Let it rest."""
        self.error = str(error)
        rest = min(LONGEST_REST, REST * 2**self.failures)
        self.failures += 1
        self.until = anyio.current_time() + rest


class Fallback:
    """Asks one after the other, in order, those that failed of late last.

    A model that fails in the middle of its reply ends the reply: nothing is ever said twice.
    Each change of the model that answers is a `Notice`.
    """

    def __init__(self, models: Sequence[tuple[str, LanguageModel]]) -> None:
        """The models with the names that notices call them by; the first is the one wanted."""
        self._candidates = [Candidate(name, llm) for name, llm in models]
        for candidate in self._candidates[:-1]:
            if isinstance(candidate.llm, GivesWay):
                candidate.llm.give_way()
        self._answering = self._candidates[0]

    async def load(self) -> None:
        """Load all. Raises the first one's LanguageModelError if none can be loaded."""
        errors: dict[int, LanguageModelError] = {}

        async def load(index: int, candidate: Candidate) -> None:
            try:
                await candidate.llm.load()
            except LanguageModelError as error:
                errors[index] = error
                candidate.failed(error)

        async with anyio.create_task_group() as tasks:
            for index, candidate in enumerate(self._candidates):
                tasks.start_soon(load, index, candidate)
        if len(errors) == len(self._candidates):
            raise errors[0]

    async def aclose(self) -> None:
        """Close all."""
        for candidate in self._candidates:
            await candidate.llm.aclose()

    async def warm_up(self, messages: Sequence[Message], tools: Sequence[ToolSpec] = ()) -> None:
        """Warm up the first that can be. Raises the first one's LanguageModelError if none can."""
        errors: list[LanguageModelError] = []
        for candidate in self._order():
            try:
                if isinstance(candidate.llm, WarmsUp):
                    await candidate.llm.warm_up(messages, tools)
            except LanguageModelError as error:
                candidate.failed(error)
                errors.append(error)
            else:
                return
        raise errors[0]

    async def reply(
        self, messages: Sequence[Message], tools: Sequence[ToolSpec] = ()
    ) -> AsyncGenerator[ReplyItem, None]:
        """Stream the answer to `messages`. Raises the last one's LanguageModelError."""
        order = self._order()
        for candidate in order:
            begun = False
            try:
                async with aclosing(candidate.llm.reply(messages, tools)) as reply:
                    async for item in reply:
                        if not begun and isinstance(item, TextDelta | ToolCall):
                            begun = True
                            if (notice := self._now_answers(candidate)) is not None:
                                yield notice
                        yield item
            except LanguageModelError as error:
                candidate.failed(error)
                if begun or candidate is order[-1]:
                    raise
            else:
                return

    def _order(self) -> list[Candidate]:
        """Who is asked first: a resting one only if all others have failed now."""
        return sorted(self._candidates, key=lambda candidate: not candidate.usable)

    def _now_answers(self, candidate: Candidate) -> Notice | None:
        """It works: forget its failures, and say so if another one answered before."""
        candidate.failures = 0
        before, self._answering = self._answering, candidate
        if candidate is before:
            return None
        if candidate is self._candidates[0]:
            return Notice("llm.recovered", f"{candidate.name} answers again")
        reason = f"{before.name} fails ({before.error})"
        return Notice("llm.fallback", f"{reason}: {candidate.name} answers")
