"""Ranking of engines that stand in for each other: which one is used, and which rest."""

from collections.abc import Callable, Sequence
from copy import copy
from dataclasses import dataclass
from functools import partial
from typing import Generic, Protocol, Self, TypeVar

import anyio

from agent.engines.apart import beside, called_apart
from agent.engines.border import BEGIN, FAST

COOLDOWN = 30.0
"""Seconds that an engine which failed is left alone; doubled each time it fails again."""
MAX_COOLDOWN = 600.0


class GuardedEngine(Protocol):
    """An engine behind its border: one that hangs or breaks is one to go on from."""

    @property
    def ready(self) -> bool: ...
    @property
    def patience(self) -> float: ...
    def fail_fast(self) -> None: ...
    async def load(self) -> None: ...
    async def aclose(self) -> None: ...


E = TypeVar("E", bound=GuardedEngine)


@dataclass(slots=True, eq=False)
class CircuitBreaker:
    """Circuit breaker of one engine: open for a while after each failure, then tried once more."""

    name: str
    used: bool = False
    """Whether it is the one that worked last."""
    failures: int = 0
    """In a row."""
    error: str = ""
    """Why it failed last."""
    retry_at: float = 0.0
    """When it may be tried again (`anyio.current_time()`)."""
    unloaded: bool = False
    """Whether it could not be loaded."""
    loading: bool = False
    """Whether it is being loaded beside the conversation."""

    @property
    def is_open(self) -> bool:
        """Whether the engine is left alone for now."""
        return self.failures > 0 and anyio.current_time() < self.retry_at

    def trip(self, error: Exception) -> None:
        """Leave the engine alone: it has failed."""
        self.error = str(error)
        cooldown = min(MAX_COOLDOWN, COOLDOWN * 2**self.failures)
        self.failures += 1
        self.retry_at = anyio.current_time() + cooldown


@dataclass(frozen=True, slots=True)
class Candidate(Generic[E]):
    """A candidate is an engine with its breaker."""

    breaker: CircuitBreaker
    engine: E

    @property
    def loads_first(self) -> bool:
        """Whether it has to be loaded, or started anew, before it can be used."""
        return self.breaker.unloaded or not self.engine.ready


@dataclass(frozen=True, slots=True)
class Change:
    """Change of the engine that is used: `fallback` or `recovered`, and what people are told."""

    code: str
    message: str


class Ranking(Generic[E]):
    """Ranking of engines in the order in which they are wanted; those that fail come last.

    An engine that could not be loaded, or hung, is loaded beside the conversation when it may be
    tried again: nobody waits for a download or a large model.
    """

    def __init__(self, engines: Sequence[tuple[str, E]], failure: type[Exception]) -> None:
        """The engines with the names that people know them by; `failure` is their error."""
        self.candidates = [Candidate(CircuitBreaker(name), engine) for name, engine in engines]
        self.candidates[0].breaker.used = True
        self._failure = failure
        for candidate in self.candidates[:-1]:
            candidate.engine.fail_fast()

    def changed(self, change: Callable[[E], E]) -> Self:
        """Return it for other forms of the same engines: they rest and fail as one."""
        other = copy(self)
        other.candidates = [Candidate(c.breaker, change(c.engine)) for c in self.candidates]
        return other

    @property
    def engines(self) -> list[E]:
        """All of them."""
        return [candidate.engine for candidate in self.candidates]

    @property
    def used(self) -> E:
        """The engine that worked last."""
        return next(c.engine for c in self.candidates if c.breaker.used)

    @property
    def next(self) -> E:
        """The engine that will be asked next."""
        return min(self.candidates, key=_rests).engine

    @property
    def loaded(self) -> E:
        """The first engine that could be loaded."""
        return min(self.candidates, key=lambda c: c.breaker.unloaded).engine

    @property
    def patience(self) -> float:
        """Seconds until all of them have had their time."""
        return sum(BEGIN + engine.patience for engine in self.engines)

    async def load(self) -> None:
        """Load all. Raises the first one's error if none can be loaded."""
        breakers = [candidate.breaker for candidate in self.candidates]
        errors: dict[CircuitBreaker, Exception] = {}

        async def load(candidate: Candidate[E]) -> None:
            try:
                await self._load(candidate)
            except self._failure as error:
                errors[candidate.breaker] = error

        async with anyio.create_task_group() as tasks:
            for candidate in self.candidates:
                resting = candidate.breaker.unloaded and candidate.breaker.is_open
                if not resting or all(breaker.unloaded for breaker in breakers):
                    tasks.start_soon(load, candidate)
        if all(breaker.unloaded for breaker in breakers):
            raise errors[breakers[0]]

    async def aclose(self) -> None:
        """Close all."""
        for engine in self.engines:
            await engine.aclose()

    def order(self) -> list[Candidate[E]]:
        """Who is asked, in turn: one that is left alone only if all others have failed now."""
        for candidate in self.candidates:
            if candidate.loads_first and not _rests(candidate):
                work = partial(self._load_beside, candidate)
                candidate.breaker.loading = beside(work)
        return sorted(self.candidates, key=_rests)

    async def prepare(self, candidate: Candidate[E]) -> None:
        """Load an engine that is about to be asked, if it has to be. Raises its error."""
        if not candidate.loads_first:
            return
        if candidate.breaker.loading:
            raise self._failure(candidate.breaker.error)
        with anyio.move_on_after(FAST) as limit:
            await self._load(candidate)
        if limit.cancelled_caught:
            raise self._failure(f"{candidate.breaker.name} was not loaded within {FAST:g} s")

    def works(self, candidate: Candidate[E], what: str) -> Change | None:
        """Close the breaker of an engine that works: what to tell if another one did before.

        `what` it does is a verb, such as `answers`.
        """
        breaker = candidate.breaker
        breaker.failures = 0
        before = next(c.breaker for c in self.candidates if c.breaker.used)
        if before is breaker:
            return None
        before.used, breaker.used = False, True
        if breaker is self.candidates[0].breaker:
            return Change("recovered", f"{breaker.name} {what} again")
        return Change("fallback", f"{before.name} fails ({before.error}): {breaker.name} {what}")

    async def _load(self, candidate: Candidate[E]) -> None:
        try:
            await called_apart(candidate.engine.load)
        except self._failure as error:
            candidate.breaker.unloaded = True
            candidate.breaker.trip(error)
            raise
        candidate.breaker.unloaded = False

    async def _load_beside(self, candidate: Candidate[E]) -> None:
        try:
            await self._load(candidate)
        except self._failure:
            pass  # the breaker has it
        finally:
            candidate.breaker.loading = False


def _rests(candidate: Candidate[E]) -> bool:
    return candidate.breaker.is_open or candidate.breaker.loading
