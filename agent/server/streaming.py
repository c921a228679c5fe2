"""An answer that is made while it is sent, and stops being made when nobody takes it any more."""

import json
import logging
from collections.abc import AsyncGenerator, Awaitable, Mapping
from contextlib import aclosing

import anyio
from starlette.requests import Request
from starlette.responses import Response
from starlette.types import Receive, Scope, Send

from agent.server.errors import GONE, ApiError

EVENTS = "text/event-stream"
STALLED = 30.0
"""Seconds that a client may take to read what it was sent."""

log = logging.getLogger("parley.server")


class Streaming(Response):
    """Response whose parts are made in the task that sends them, as cancel scopes want it.

    What fails before the first part is an answer of its own; later the connection breaks.
    """

    def __init__(
        self,
        parts: AsyncGenerator[bytes, None],
        media_type: str,
        headers: Mapping[str, str] | None = None,
    ) -> None:
        super().__init__(None, 200, headers, media_type)
        # Its length is not known.
        self.raw_headers = [each for each in self.raw_headers if each[0] != b"content-length"]
        self._parts = parts

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Send all parts, until the client hangs up."""
        problem: ApiError | None = None
        async with anyio.create_task_group() as tasks:
            tasks.start_soon(_hung_up, receive, tasks.cancel_scope)
            async with aclosing(self._parts) as parts:
                try:
                    first = await anext(parts, b"")
                except ApiError as error:
                    problem = error
                else:
                    await self._send(first, parts, send)
            tasks.cancel_scope.cancel()
        if problem is not None:
            await problem.response()(scope, receive, send)

    async def _send(self, part: bytes, rest: AsyncGenerator[bytes, None], send: Send) -> None:
        async def put(body: bytes, *, more: bool = True) -> None:
            with anyio.fail_after(STALLED):
                await send({"type": "http.response.body", "body": body, "more_body": more})

        await send({"type": "http.response.start", "status": 200, "headers": self.raw_headers})
        try:
            await put(part)
            async for each in rest:
                await put(each)
        except TimeoutError:
            log.warning("an answer broke off: its client does not read it")
            return
        except ApiError as error:
            if self.media_type != EVENTS:
                log.warning("an answer broke off: %s", error)
                return  # without its end: the client must not take it for whole
            await put(server_sent(error.body()))
        await put(b"", more=False)


async def while_there(request: Request, answer: Awaitable[Response]) -> Response:
    """Return an answer that is made as long as the client waits for it; its body has been read."""
    made = Response(status_code=GONE)
    problem: ApiError | None = None
    async with anyio.create_task_group() as tasks:
        tasks.start_soon(_hung_up, request.receive, tasks.cancel_scope)
        try:
            made = await answer
        except ApiError as error:
            problem = error
        tasks.cancel_scope.cancel()
    return made if problem is None else problem.response()


async def _hung_up(receive: Receive, scope: anyio.CancelScope) -> None:
    while (await receive())["type"] != "http.disconnect":
        pass
    scope.cancel()


def server_sent(data: object) -> bytes:
    """Return an event of a stream of `EVENTS`."""
    return f"data: {json.dumps(data)}\n\n".encode()
