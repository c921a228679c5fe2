"""Wyoming's events on a connection: a line of JSON, JSON, bytes. Each part has a limit.

The package's own reader has none: a line, a length or a silence of the peer's would be ours.
"""

import json
from collections.abc import AsyncGenerator, Iterator
from contextlib import asynccontextmanager, contextmanager
from io import BytesIO
from typing import Any, Self

import anyio
import anyio.lowlevel
from anyio.abc import ByteStream
from anyio.streams.buffered import BufferedByteReceiveStream
from wyoming.event import Event, Eventable, write_event

from agent.errors import ParleyError
from agent.guards.text import valid_json

LINE = 64 << 10
"""Bytes of an event's line."""
DATA = 256 << 10
"""Bytes of the data that follow it."""
PAYLOAD = 1 << 20
"""Bytes of sound in one event: half a minute as Home Assistant sends it."""
IDLE = 600.0
"""Seconds until the next event's line must be there."""
REST = 30.0
"""Seconds until the rest of an event must be there."""
TAKEN = 15.0
"""Seconds until the peer must have taken what it is sent."""
AHEAD = 16
"""Events that may wait for the peer."""


class WireError(ParleyError):
    """What comes is not this protocol, or too much of it: the connection cannot go on."""


class EventError(ParleyError):
    """One event that cannot be understood; the next one may be."""


class EventStream:
    """Events both ways on one connection; made by `EventStream.over`."""

    def __init__(self, stream: ByteStream) -> None:
        self._bytes = BufferedByteReceiveStream(stream)
        self._send, self._outgoing = anyio.create_memory_object_stream[bytes](AHEAD)

    @classmethod
    @asynccontextmanager
    async def over(cls, stream: ByteStream) -> AsyncGenerator[Self]:
        """Read and send events over `stream` for the block; what was sent leaves before it ends.

        A peer that takes nothing ends the block.
        """
        events = cls(stream)
        async with anyio.create_task_group() as tasks:
            tasks.start_soon(events._write, stream, tasks.cancel_scope)
            with events._send:
                yield events

    async def send(self, event: Eventable | Event) -> None:
        """Send an event; waits while many wait for the peer, does nothing when it is gone."""
        written = BytesIO()
        write_event(event if isinstance(event, Event) else event.event(), written)
        try:
            await self._send.send(written.getvalue())
        except (anyio.BrokenResourceError, anyio.ClosedResourceError):
            await anyio.lowlevel.checkpoint()

    async def read(self) -> Event | None:
        """Return the next event; None at the end. Raises WireError or EventError."""
        try:
            with anyio.fail_after(IDLE):
                line = await self._bytes.receive_until(b"\n", LINE)
            header = _object(line)
            sizes = [_length(header, key, most) for key, most in _LENGTHS.items()]
            with anyio.fail_after(REST):
                data, payload = [await self._bytes.receive_exactly(n) for n in sizes]
        except TimeoutError:
            raise WireError("nothing comes any more") from None
        except anyio.DelimiterNotFound:
            raise WireError(f"an event's line is longer than {LINE} bytes") from None
        except (anyio.IncompleteRead, anyio.EndOfStream, anyio.BrokenResourceError, OSError):
            return None
        kind = header.get("type")
        if not isinstance(kind, str):
            raise EventError("an event without a type")
        try:
            inline = header.get("data") or {}
            return Event(kind, {**inline, **_object(data or b"{}")}, payload or None)
        except (TypeError, WireError):
            raise EventError(f"the data of {kind[:64]!r} are no JSON object") from None

    async def _write(self, stream: ByteStream, scope: anyio.CancelScope) -> None:
        try:
            async for event in self._outgoing:
                with anyio.fail_after(TAKEN):
                    await stream.send(event)
        except (TimeoutError, anyio.BrokenResourceError, anyio.ClosedResourceError, OSError):
            scope.cancel()
        finally:
            self._outgoing.close()


@contextmanager
def taken_apart(event: Event) -> Iterator[None]:
    """Raise EventError for what an event lacks: the package does not look."""
    try:
        yield
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        raise EventError(f"{event.type[:64]}: {error!r:.200}") from None


_LENGTHS = {"data_length": DATA, "payload_length": PAYLOAD}


def _object(text: bytes) -> dict[str, Any]:
    """Return a JSON object. Raises WireError for anything else."""
    try:
        value = valid_json(json.loads(text))
    except (ValueError, RecursionError):
        value = None
    if not isinstance(value, dict):
        raise WireError("this is not Wyoming's protocol: a line with a JSON object is awaited")
    return value


def _length(header: dict[str, Any], key: str, most: int) -> int:
    """Return how many bytes follow. Raises WireError for no such number, or too many."""
    length = header.get(key) or 0
    if not isinstance(length, int) or isinstance(length, bool) or length < 0:
        raise WireError(f"{key} is no number of bytes")
    if length > most:
        raise WireError(f"{key} is {length}, more than {most} bytes")
    return length
