"""The first and the last event of a conversation."""

from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager

import anyio

from agent.config.load import Config, public
from agent.events import Report, SessionEnded, SessionStarted
from agent.guards.text import valid_json


@asynccontextmanager
async def reported(report: Report, config: Config) -> AsyncGenerator[None]:
    """Tell that a conversation begins and, after the block, how it ended."""
    report(SessionStarted(valid_json(public(config))))
    reason = "failed"
    try:
        yield
        reason = "finished"
    except anyio.get_cancelled_exc_class():
        reason = "cancelled"
        raise
    finally:
        report(SessionEnded(reason))
