"""Whether the server lives, and whether it can be talked to: for those who watch over it."""

from prometheus_client import CONTENT_TYPE_LATEST, generate_latest
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import BaseRoute, Route

from agent.server.server import Server


def routes(server: Server) -> list[BaseRoute]:
    """`/healthz`: the process answers. `/readyz`: a conversation can begin, 503 while it cannot.

    `/metrics`: figures for Prometheus.
    """

    async def alive(_: Request) -> JSONResponse:
        return JSONResponse({"status": "ok"})

    async def ready(_: Request) -> JSONResponse:
        if server.ready:
            return JSONResponse({"status": "ready", "sessions": len(server.sessions)})
        state = "failed" if server.problem else "draining" if server.draining else "loading"
        return JSONResponse({"status": state, "reason": server.problem or None}, 503)

    async def metrics(_: Request) -> Response:
        text = generate_latest(server.metrics.registry)
        return Response(text, headers={"Content-Type": CONTENT_TYPE_LATEST})

    return [Route("/healthz", alive), Route("/readyz", ready), Route("/metrics", metrics)]
