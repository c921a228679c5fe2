"""The application: what is answered at which path, behind the gate."""

from collections.abc import Callable, Iterable

from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.middleware import Middleware
from starlette.middleware.cors import CORSMiddleware
from starlette.requests import ClientDisconnect
from starlette.routing import BaseRoute

from agent.server import audio, health, page, studio
from agent.server.connections import Patience
from agent.server.errors import ApiError, on_api_error, on_defect, on_gone, on_http_error
from agent.server.realtime import calls
from agent.server.realtime import routes as realtime
from agent.server.request_id import HEADER, RequestId
from agent.server.security import Gate
from agent.server.server import Server

Routes = Callable[[Server], list[BaseRoute]]
"""What a module of a protocol contributes."""

MODULES: tuple[Routes, ...] = (
    health.routes,
    page.routes,
    audio.routes,
    studio.routes,
    realtime.routes,
    calls.routes,
)
"""The protocols on HTTP."""


def create_app(server: Server, hosts: Iterable[str] = ()) -> Starlette:
    """Make the application of a server; `hosts` are the names that it is reached by."""
    origins = server.settings.origins
    cors = Middleware(
        CORSMiddleware,
        allow_origins=origins,
        allow_methods=["*"],
        allow_headers=["*"],
        expose_headers=["Location", "Retry-After", HEADER],
    )
    gate = Middleware(Gate, keys=server.keys, origins=origins, hosts={*hosts})
    return Starlette(
        routes=[route for routes in MODULES for route in routes(server)],
        middleware=[Middleware(RequestId), cors, gate, Middleware(Patience)],
        exception_handlers={
            ApiError: on_api_error,
            HTTPException: on_http_error,
            ClientDisconnect: on_gone,
            Exception: on_defect,
        },
    )
