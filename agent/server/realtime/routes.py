"""The paths of the Realtime protocol: the WebSocket, and the keys for browsers."""

import json
import time
from collections.abc import Mapping
from functools import partial
from typing import Any, Literal

import anyio
from pydantic import BaseModel, ConfigDict, Field, ValidationError
from starlette.requests import Request
from starlette.responses import JSONResponse
from starlette.routing import BaseRoute, Route, WebSocketRoute
from starlette.websockets import WebSocket

from agent.server.errors import ApiError
from agent.server.realtime.beta import is_flat, session_of_beta
from agent.server.realtime.errors import RealtimeError
from agent.server.realtime.items import new_id
from agent.server.realtime.settings import SessionSettings, defaults
from agent.server.realtime.side_channel import watch
from agent.server.realtime.websocket import serve
from agent.server.server import Server

MAX_BODY = 1 << 20
"""Bytes of a session in a request."""


class ExpiresAfter(BaseModel):
    """How long a short-lived key is good."""

    anchor: Literal["created_at"] = "created_at"
    seconds: int = Field(default=600, ge=10, le=7200)


class SecretParams(BaseModel):
    """What a short-lived key is asked for with."""

    model_config = ConfigDict(extra="ignore")
    expires_after: ExpiresAfter = ExpiresAfter()
    session: dict[str, Any] = {}


def routes(server: Server) -> list[BaseRoute]:
    """The WebSocket at `/v1/realtime`, and short-lived keys in both shapes."""
    return [
        WebSocketRoute("/v1/realtime", partial(_connect, server)),
        Route("/v1/realtime/client_secrets", partial(_client_secret, server), methods=["POST"]),
        Route("/v1/realtime/sessions", partial(_beta_secret, server), methods=["POST"]),
        Route(
            "/v1/realtime/transcription_sessions", partial(_beta_secret, server), methods=["POST"]
        ),
    ]


async def _connect(server: Server, socket: WebSocket) -> None:
    """Hold a session, or a side channel to one that is a call."""
    await (watch if "call_id" in socket.query_params else serve)(server, socket)


async def _client_secret(server: Server, request: Request) -> JSONResponse:
    """Give out a short-lived key for a session."""
    try:
        params = SecretParams.model_validate(await _body(request))
    except ValidationError as error:
        first = error.errors()[0]
        where = ".".join(map(str, first["loc"]))
        raise ApiError(f"{where}: {first['msg']}", code="invalid_value", param=where) from None
    return JSONResponse(_give_out(server, params.session, params.expires_after.seconds))


async def _beta_secret(server: Server, request: Request) -> JSONResponse:
    """The same in the beta's shape."""
    given = await _body(request)
    session = session_of_beta(given) if is_flat(given) else given
    if request.url.path.endswith("transcription_sessions"):
        session["type"] = "transcription"
    told = _give_out(server, session, 60)
    secret = {"value": told["value"], "expires_at": told["expires_at"]}
    return JSONResponse({**told["session"], "client_secret": secret})


def _give_out(server: Server, session: Mapping[str, Any], seconds: int) -> dict[str, Any]:
    settings = effective(server, session)
    secret = server.keys.give_out(seconds, session)
    expires_at = int(time.time() + secret.expires_at - anyio.current_time())
    body = settings.body(new_id("sess"), expires_at)
    return {"value": secret.value, "expires_at": expires_at, "session": body}


def effective(server: Server, session: Mapping[str, Any]) -> SessionSettings:
    """The whole session that a connection would begin with. Raises ApiError."""
    session = session_of_beta(session) if is_flat(session) else session
    kind = session.get("type", "realtime")
    if kind not in ("realtime", "transcription"):
        message = "session.type is realtime or transcription"
        raise ApiError(message, code="invalid_value", param="session.type")
    try:
        return defaults(server.agent.config, kind).merged(session)
    except RealtimeError as error:
        raise ApiError(str(error), code=error.code, param=error.param) from None


async def _body(request: Request) -> dict[str, Any]:
    """A request's JSON object, {} for none. Raises ApiError."""
    content = b""
    async for piece in request.stream():
        content += piece
        if len(content) > MAX_BODY:
            message = f"the body is larger than {MAX_BODY >> 10} KiB"
            raise ApiError(message, status=413, code="request_too_large")
    try:
        value = json.loads(content or b"{}")
    except (ValueError, RecursionError):
        raise ApiError("the body is not JSON", code="invalid_json") from None
    if not isinstance(value, dict):
        raise ApiError("the body is a JSON object", code="invalid_json")
    return value
