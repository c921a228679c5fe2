"""What a client may take before it is anybody's: time for a request's head, and for its body.

uvicorn has no limit on either: connections that say next to nothing would be kept, until there are
no descriptors left for anybody. And it stops reading a WebSocket after each message, which costs
more than the message where each is 20 ms of sound.
"""

import asyncio
from typing import Any, ClassVar

import anyio
import h11
from starlette.types import ASGIApp, Message, Receive, Scope, Send
from uvicorn.protocols.http.h11_impl import H11Protocol
from uvicorn.protocols.websockets.websockets_sansio_impl import WebSocketsSansIOProtocol

from agent.server.errors import ApiError

HEAD = 20.0
"""Seconds that the head of a request may take, and a connection may be idle before the first."""
WAITING = 256
"""Connections at a time of which no head is there yet; for one more the oldest is closed."""
LONGEST_HEADER = 8000
"""Bytes of a header of a WebSocket, whose library takes no more, and does not say so."""
GRACE = 30.0
"""Seconds in which a body need not have begun."""
SLOWEST = 4096.0
"""Bytes a second that a body must come with after that."""

MANY, LARGE = 16, 1 << 16
"""Messages that may wait to be taken, and bytes of one, until a WebSocket is not read any more."""


class Socket(WebSocketsSansIOProtocol):
    """A WebSocket that is read on while little waits to be taken."""

    def send_receive_event_to_app(self) -> None:
        """Hand on a message, and stop reading if it is one of many, or large."""
        little = sum(map(len, self.frames)) < LARGE and self.queue.qsize() < MANY
        if little and not self.read_paused:
            self.read_paused = True  # so that it is not done
            super().send_receive_event_to_app()
            self.read_paused = False
        else:
            super().send_receive_event_to_app()


class Connection(H11Protocol):
    """A connection that is closed when the head of a request takes too long; see `connection`."""

    waiting: ClassVar[dict["Connection", asyncio.TimerHandle]]
    _upgraded = False

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        """Begin to wait for the first request."""
        super().connection_made(transport)
        self._watch()

    def data_received(self, data: bytes) -> None:
        """Take more of it."""
        super().data_received(data)
        self._watch()

    def on_response_complete(self) -> None:
        """Begin to wait for the next one."""
        super().on_response_complete()
        self._watch()

    def connection_lost(self, exc: Exception | None) -> None:
        """Wait for nothing any more."""
        self._forget()
        super().connection_lost(exc)

    def handle_websocket_upgrade(self, event: h11.Request) -> None:
        """Hand the connection over, unless it would not be answered."""
        self._upgraded = True
        if any(len(name) + len(value) > LONGEST_HEADER for name, value in self.headers):
            self.send_400_response("A header is too long.")
        else:
            super().handle_websocket_upgrade(event)

    def _watch(self) -> None:
        under_way = self.cycle is not None and not self.cycle.response_complete
        if under_way or self._upgraded or self.transport.is_closing():
            self._forget()
        elif self not in self.waiting:
            self.waiting[self] = self.loop.call_later(HEAD, self.transport.abort)
            if len(self.waiting) > WAITING:
                oldest = next(iter(self.waiting))
                oldest._forget()
                oldest.transport.abort()

    def _forget(self) -> None:
        if (timer := self.waiting.pop(self, None)) is not None:
            timer.cancel()


def connection() -> type[Connection]:
    """Return the connections of one server, which know of each other."""
    return type("ServerConnection", (Connection,), {"waiting": {}})


class Patience:
    """Middleware that waits for a body as long as it comes at a bearable rate."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Have one request answered; an ApiError is raised where its body is read."""
        begun, size, whole = anyio.current_time(), 0, scope["type"] != "http"

        if whole:
            await self._app(scope, receive, send)
            return

        async def patiently() -> Message:
            nonlocal size, whole
            if whole:
                return await receive()
            message: dict[str, Any] | Any = None
            with anyio.move_on_after(begun + GRACE + size / SLOWEST - anyio.current_time()):
                message = await receive()
            if message is None:
                told, headers = "the request comes too slowly", {"Connection": "close"}
                raise ApiError(told, status=408, code="request_timeout", headers=headers)
            size += len(message.get("body", b""))
            whole = not message.get("more_body", False)
            return message

        await self._app(scope, patiently, send)
