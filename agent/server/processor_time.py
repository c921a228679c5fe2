"""The processor time that the server takes, with that of its engines' processes, for Prometheus."""

import os
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

from prometheus_client.core import CounterMetricFamily
from prometheus_client.registry import Collector

NAME = "parley_processor_seconds"
_PROC = Path("/proc")


class ProcessorTime(Collector):
    """Collector that looks when somebody asks."""

    def collect(self) -> Iterator[CounterMetricFamily]:
        """Give the one figure."""
        what = "Processor time of the server and of its engines' processes"
        yield CounterMetricFamily(NAME, what, value=processor_seconds())


def processor_seconds() -> float:
    """Return the processor time of this process and all below it, in seconds.

    Of processes that have not ended, on Linux alone: elsewhere the system does not tell.
    """
    times = os.times()
    own = times.user + times.system + times.children_user + times.children_system
    return own + sum(map(_with_children, _children(os.getpid())))


def _with_children(pid: int) -> float:
    with suppress(OSError, ValueError, IndexError):  # it has ended meanwhile
        # The name, in parentheses, may hold anything.
        fields = (_PROC / f"{pid}/stat").read_text("utf-8", "replace").rpartition(")")[2].split()
        ticks = sum(map(int, fields[11:15]))  # its own and those of its children that have ended
        return ticks / os.sysconf("SC_CLK_TCK") + sum(map(_with_children, _children(pid)))
    return 0.0


def _children(pid: int) -> Iterator[int]:
    for file in (_PROC / f"{pid}/task").glob("*/children"):
        with suppress(OSError):
            yield from map(int, file.read_text("ascii").split())
