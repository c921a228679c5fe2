"""`/v1/models` and `/v1/audio/voices`: what there is to choose from."""

from typing import Any

from starlette.requests import Request
from starlette.responses import JSONResponse
from starlette.routing import BaseRoute, Route

from agent.server.errors import ApiError
from agent.server.server import Server
from tts import ManyVoices

CREATED = 1_700_000_000
"""When a model was made, in seconds: the protocol asks for it, and nobody reads it."""


def routes(server: Server) -> list[BaseRoute]:
    """The routes of what can be listed."""

    async def listed(_: Request) -> JSONResponse:
        return JSONResponse({"object": "list", "data": [*map(_model, names(server))]})

    async def one(request: Request) -> JSONResponse:
        name = request.path_params["name"]
        if name not in names(server):
            raise ApiError(f"there is no model {name!r}", status=404, code="model_not_found")
        return JSONResponse(_model(name))

    async def voices(_: Request) -> JSONResponse:
        return JSONResponse({"voices": [*_voices(server)]})

    return [
        Route("/v1/models", listed),
        Route("/v1/models/{name:path}", one),
        Route("/v1/audio/voices", voices),
    ]


def names(server: Server) -> list[str]:
    """Name the parts of the agent and what stands in for them; `parley` is all of it."""
    config = server.agent.config
    parts = (("stt", config.stt), ("llm", config.llm), ("tts", config.tts))
    engines = (f"{family}/{e.engine_name}" for family, section in parts for e in section.engines)
    return list(dict.fromkeys(["parley", *engines]))


def _model(name: str) -> dict[str, Any]:
    return {"id": name, "object": "model", "created": CREATED, "owned_by": "parley"}


def _voices(server: Server) -> list[str]:
    """The voice that is configured, then the others that the engine has."""
    own = getattr(server.agent.config.tts, "voice", None)
    engine = server.agent.tts
    others = engine.voices if isinstance(engine, ManyVoices) else ()
    return list(dict.fromkeys([*([own] if own else []), *others]))
