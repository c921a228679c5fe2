"""A name for each answer: OpenAI's clients hand `x-request-id` to who reports a failure."""

from starlette.datastructures import MutableHeaders
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from agent.server.realtime.items import new_id

HEADER = "x-request-id"


class RequestId:
    """Middleware around everything: refusals have a name, too."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Have one request answered."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return

        async def named(message: Message) -> None:
            if message["type"] == "http.response.start":
                MutableHeaders(scope=message)[HEADER] = new_id("req")
            await send(message)

        await self._app(scope, receive, named)
