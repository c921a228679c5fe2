"""Threads that help with what a compiled call shares with them."""

import time
from collections.abc import Iterator
from contextlib import contextmanager
from threading import Thread

from tts.transformer.cpu.int8_loops import Room
from tts.transformer.cpu.shared_loops import help_out
from tts.transformer.cpu.team_loops import STOP, new_team

_OFTEN, _RARELY = 16, 256  # calls from one try of the other way to the next


class Helpers:
    """So many threads beside the one that calls; none of them waits between calls."""

    def __init__(self, count: int) -> None:
        """Compiles, if this machine has not done so before."""
        self.count, self.team, self.room = count, new_team(), Room()
        self._calls, self._every, self._took = 0, _OFTEN, [0.0, 0.0]  # how long alone, with help
        self.team[STOP] = 1
        if count:
            help_out(self.team)

    @contextmanager
    def at_work(self) -> Iterator[None]:
        """With their help."""
        self.team[STOP] = 0
        threads = [
            Thread(target=help_out, args=(self.team,), name="loop-helper")
            for _ in range(self.count)
        ]
        for thread in threads:
            thread.start()
        try:
            yield
        finally:
            self.team[STOP] = 1
            for thread in threads:
                thread.join()

    @contextmanager
    def if_quicker(self) -> Iterator[None]:
        """With their help, if calls like this one are quicker so at present.

        They are not where other programs want the processors: now and then the other way is tried.
        """
        if not self.count:
            yield
            return
        self._calls += 1
        quicker = self._took[1] <= self._took[0]
        tries = self._calls % self._every == 0
        helped = quicker != tries
        begun = time.perf_counter()
        if helped:
            with self.at_work():
                yield
        else:
            yield
        took = time.perf_counter() - begun
        self._took[helped] = (self._took[helped] + took) / 2
        if tries:
            changed = (self._took[1] <= self._took[0]) != quicker
            self._every = _OFTEN if changed else min(2 * self._every, _RARELY)
