"""Who is told what happens at the borders to the engines: the conversation that they work for."""

import logging
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from contextvars import ContextVar

import anyio

from agent.engines.apart import children_of
from agent.events import Event, Report
from agent.guards.foreign import only

_log = logging.getLogger(__name__)


def _write_down(event: Event) -> None:
    _log.warning("%s", event.record().get("message"))


_report: ContextVar[Report] = ContextVar("report", default=_write_down)


@asynccontextmanager
async def borders(report: Report) -> AsyncGenerator[None]:
    """Have `report` told, within the block and its tasks, what happens at the borders.

    An engine that cannot be stopped holds up the end of the block, and nothing before.
    """
    token = _report.set(report)
    try:
        async with anyio.create_task_group() as tasks:
            with children_of(tasks):
                yield
            tasks.cancel_scope.cancel()
    except BaseExceptionGroup as group:
        raise only(group) from None
    finally:
        _report.reset(token)


def tell(event: Event) -> None:
    """Tell whoever listens to the conversation that we are in; without one it is logged."""
    _report.get()(event)
