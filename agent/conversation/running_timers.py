"""Which timers run, as far as the policy knows. Pure, a part of it."""

from collections.abc import Callable

from agent.conversation.commands import Command, SetTimer, StopTimer
from agent.conversation.events import TimerName


class RunningTimers:
    """Sets and stops timers by commands, and knows which run."""

    def __init__(self, do: Callable[[Command], None]) -> None:
        self._do = do
        self._run: set[TimerName] = set()

    def __contains__(self, timer: TimerName) -> bool:
        return timer in self._run

    def set(self, timer: TimerName, seconds: float | None) -> None:
        """Have it ring in so many seconds from now, or not at all."""
        self.stop(timer)
        if seconds is not None:
            self._run.add(timer)
            self._do(SetTimer(timer, seconds))

    def stop(self, timer: TimerName) -> None:
        """Have it not ring."""
        if timer in self._run:
            self._run.remove(timer)
            self._do(StopTimer(timer))

    def rang(self, timer: TimerName) -> bool:
        """It has rung; whether it was one that runs."""
        runs = timer in self._run
        self._run.discard(timer)
        return runs
