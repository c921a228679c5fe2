"""Many users at once, who do not begin at the same moment, and what all of them found."""

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

import anyio

from agent.errors import leaves_of
from agent.load_test.caller import THINKS, Caller
from agent.load_test.speech import room, seconds
from agent.load_test.target import Target, TargetError


@dataclass(slots=True)
class LoadTest:
    """A load test, which can be looked at while it runs, and when it was cut off."""

    target: Target
    conversations: int
    turns: int
    """Of each conversation."""
    sentences: Sequence[Sequence[str]]
    """What the users say, in frames."""
    callers: list[Caller] = field(default_factory=list)
    broken: list[str] = field(default_factory=list)
    """Why conversations did not come to their end."""
    began: float = 0.0
    seconds: float = 0.0
    """How long it took, or has taken so far."""
    server_seconds: float | None = None
    """The processor time that the server took; None if it does not say."""
    own_seconds: float = 0.0

    async def run(self, done: Callable[[], object] = lambda: None) -> None:
        """Hold all conversations; `done` is called after each turn. Raises TargetError.

        That is raised for what no conversation could begin with; what befalls one of them is told
        in `broken`.
        """
        await self.target.check()
        before, own = await self.target.processor_seconds(), time.process_time()
        self.began = anyio.current_time()
        try:
            async with anyio.create_task_group() as tasks:
                for number in range(self.conversations):
                    tasks.start_soon(self._converse, number, done)
        finally:
            self.seconds = anyio.current_time() - self.began
            self.own_seconds = time.process_time() - own
            if before is not None:
                with anyio.move_on_after(2, shield=True):
                    self.server_seconds = await self._since(before)

    async def _since(self, before: float) -> float | None:
        try:
            now = await self.target.processor_seconds()
        except TargetError:  # it has gone, as the conversations say
            return None
        return None if now is None else now - before

    async def _converse(self, number: int, done: Callable[[], object]) -> None:
        """Hold one conversation; they begin within the time of a turn."""
        longest = max(map(seconds, self.sentences)) + THINKS[1]
        await anyio.sleep(number / self.conversations * longest)
        caller = Caller(number, self.sentences, _ROOM)
        self.callers.append(caller)
        try:
            async with self.target.line() as line:
                await caller.converse(line, self.turns, done)
        except (TargetError, ExceptionGroup) as error:
            reasons = list(leaves_of(error))
            if not all(isinstance(reason, TargetError) for reason in reasons):
                raise
            self.broken.append(str(reasons[0]))


_ROOM = room()
