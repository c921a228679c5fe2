"""A worker thread for short jobs of many conversations: whoever waits goes along with the next.

The way to a thread and back costs more than such a job. So while one trip is under way the jobs
that come are gathered, and the next trip takes them all.
"""

from collections.abc import Callable
from typing import Any, TypeVar

import anyio
import anyio.to_thread

T = TypeVar("T")


class _Job:
    """One job, and what became of it."""

    def __init__(self, job: Callable[[], Any]) -> None:
        self.job = job
        self.turn = anyio.Event()
        """Set when it is done, or when it is this job's caller who makes the next trip."""
        self.done = False
        self.value: Any = None
        self.error: BaseException | None = None

    def do(self) -> None:
        """Do it, in the thread."""
        try:
            self.value = self.job()
        except BaseException as error:  # noqa: BLE001  (it is its caller's)
            self.error = error
        self.done = True


class SharedThread:
    """A worker thread that runs one job after the other, those that wait on one trip."""

    def __init__(self) -> None:
        self._limiter = anyio.CapacityLimiter(1)
        self._travelling = False
        self._waiting: list[_Job] = []

    async def run(self, job: Callable[[], T]) -> T:
        """Run what computes, and return or raise what it does.

        Cancelled, the job may be done all the same.
        """
        mine = _Job(job)
        self._waiting.append(mine)
        if self._travelling:
            try:
                await mine.turn.wait()
            except BaseException:
                self._left(mine)
                raise
        if not mine.done:
            await self._travel(mine)
        if mine.error is not None:
            raise mine.error
        value: T = mine.value
        return value

    async def _travel(self, mine: _Job) -> None:
        """Do all jobs that wait, and let the first of those that come meanwhile do the next.

        Cancelled before the trip has begun, the others' jobs wait again.
        """
        self._travelling = True
        jobs, self._waiting = self._waiting, []
        try:
            await anyio.to_thread.run_sync(_do, jobs, limiter=self._limiter)
        finally:
            for each in jobs:
                if each.done:
                    each.turn.set()
            self._waiting[:0] = [each for each in jobs if not each.done and each is not mine]
            self._hand_over()

    def _hand_over(self) -> None:
        self._travelling = bool(self._waiting)
        if self._waiting:
            self._waiting[0].turn.set()

    def _left(self, job: _Job) -> None:
        """Its caller is gone; if the next trip was theirs, it is somebody else's."""
        if job in self._waiting:
            leads = self._waiting[0] is job and job.turn.is_set()
            self._waiting.remove(job)
            if leads:
                self._hand_over()


def _do(jobs: list[_Job]) -> None:
    for each in jobs:
        each.do()
