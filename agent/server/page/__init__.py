"""The web page: talk, studio, and the talk button for other pages. No build step, no network."""

from pathlib import Path

from starlette.requests import Request
from starlette.responses import FileResponse
from starlette.routing import BaseRoute, Mount, Route
from starlette.staticfiles import StaticFiles
from starlette.types import Scope

from agent.server.server import Server

STATIC = Path(__file__).with_name("static")
HEADERS = {
    "Content-Security-Policy": "default-src 'self'; connect-src *; style-src 'self'; "
    "img-src 'self' data:; media-src 'self' blob:; frame-ancestors 'none'; base-uri 'none'",
    "Cache-Control": "no-cache",
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
}


class _Files(StaticFiles):
    """The page's files, with its headers."""

    async def get_response(self, path: str, scope: Scope) -> FileResponse:
        """Answer with a file."""
        response = await super().get_response(path, scope)
        response.headers.update(HEADERS)
        # Another origin's page that has the talk button imports these modules.
        response.headers.setdefault("Access-Control-Allow-Origin", "*")
        return response  # type: ignore[return-value]


def routes(_: Server) -> list[BaseRoute]:
    """`/`: the page; `/page/`: its files; `/parley.js`: the talk button."""

    def file(name: str, path: str) -> Route:
        async def answer(_request: Request) -> FileResponse:
            return FileResponse(STATIC / name, headers=HEADERS)

        return Route(path, answer)

    return [
        file("index.html", "/"),
        file("icon.svg", "/favicon.ico"),
        file("parley.js", "/parley.js"),
        Mount("/page", _Files(directory=STATIC)),
    ]
