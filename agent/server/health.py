"""Whether the server lives, and whether it can be talked to: for those who watch over it."""

from starlette.requests import Request
from starlette.responses import JSONResponse
from starlette.routing import BaseRoute, Route

from agent.server.server import Server


def routes(server: Server) -> list[BaseRoute]:
    """`/healthz`: the process answers. `/readyz`: a conversation can begin, 503 while it cannot."""

    async def alive(_: Request) -> JSONResponse:
        return JSONResponse({"status": "ok"})

    async def ready(_: Request) -> JSONResponse:
        if server.ready:
            return JSONResponse({"status": "ready", "sessions": len(server.sessions)})
        state = "failed" if server.problem else "draining" if server.draining else "loading"
        return JSONResponse({"status": state, "reason": server.problem or None}, 503)

    return [Route("/healthz", alive), Route("/readyz", ready)]
