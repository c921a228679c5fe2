"""The server's log: a line of JSON for each thing, with its session, and no word of what is said.

Messages of engines may quote what they were given. They are left out, as the texts of unexpected
exceptions are, unless `server.log_words` is set.
"""

import logging
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from traceback import format_tb
from typing import Any

from agent.events import (
    AssistantDone,
    AssistantInterrupted,
    AssistantResumed,
    ErrorEvent,
    Event,
    NoticeEvent,
    TurnCommitted,
    TurnLatency,
    WarningEvent,
)
from agent.guards.control_characters import json_line
from agent.guards.secrets import redacted

log = logging.getLogger("parley.server")

TOLD = (
    AssistantDone,
    AssistantInterrupted,
    AssistantResumed,
    ErrorEvent,
    TurnCommitted,
    TurnLatency,
    NoticeEvent,
    WarningEvent,
)
"""The events that are logged."""
WORDS = ("text", "heard", "unheard", "message")
"""Their fields that are, or may quote, what is said."""
REFUSED = "ASGI callable returned without completing handshake."
LEVELS = {ErrorEvent: logging.ERROR, WarningEvent: logging.WARNING}


def log_event(session: str, event: Event, *, words: bool) -> None:
    """Log an event of a session, with what is said in it only if `words`."""
    if not isinstance(event, TOLD):
        return
    fields = {k: v for k, v in event.record().items() if k != "type" and (words or k not in WORDS)}
    extra = {"session": session, "fields": fields}
    log.log(LEVELS.get(type(event), logging.INFO), event.type, extra=extra)


def no_refusal(record: logging.LogRecord) -> bool:
    """Whether it is worth a line: uvicorn takes a WebSocket that was refused for an error."""
    return record.getMessage() != REFUSED


class JsonFormatter(logging.Formatter):
    """One line of JSON for a record: time, level, logger, message, session, and an event's own."""

    def __init__(self, *, words: bool = False) -> None:
        """`words`: whether the text of an exception may stand there."""
        super().__init__()
        self._words = words

    def format(self, record: logging.LogRecord) -> str:
        """Return the line, without secrets."""
        line: dict[str, Any] = {
            "time": datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds"),
            "level": record.levelname.lower(),
            "logger": record.name,
            "message": record.getMessage(),
            "session": getattr(record, "session", None),
            **getattr(record, "fields", {}),
        }
        kind, error, trace = record.exc_info or (None, None, None)
        if kind is not None:
            line["exception"] = f"{kind.__name__}: {error}" if self._words else kind.__name__
            line["traceback"] = "".join(format_tb(trace))
        return json_line(redacted({k: v for k, v in line.items() if v is not None}))


@contextmanager
def logging_to_stderr(*, words: bool) -> Iterator[None]:
    """Write the logs of the server and of its libraries to stderr for the block."""
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(JsonFormatter(words=words))
    handler.addFilter(no_refusal)
    loggers = {
        "parley": logging.INFO,
        "uvicorn": logging.WARNING,
        "opentelemetry": logging.WARNING,  # such as a collector that is away
        "asyncio": logging.ERROR,
    }
    for name, level in loggers.items():
        logger = logging.getLogger(name)
        logger.setLevel(level)
        logger.addHandler(handler)
    try:
        yield
    finally:
        for name in loggers:
            logging.getLogger(name).removeHandler(handler)
