"""The paths of WebRTC: an offer is answered, a call is hung up."""

import json
from collections.abc import Mapping
from functools import partial
from typing import TYPE_CHECKING, Any

from anyio.abc import TaskStatus
from starlette.datastructures import UploadFile
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import BaseRoute, Route

from agent.server.audio.requests import read_form
from agent.server.errors import ApiError
from agent.server.realtime.beta import asks_for_beta
from agent.server.realtime.routes import effective
from agent.server.security import key_of
from agent.server.server import Server

if TYPE_CHECKING:
    from agent.server.realtime.webrtc import Call

MAX_SDP = 256 << 10
"""Bytes of an offer."""
MAX_SESSION = 1 << 20
"""Bytes of a session in a form."""


def routes(server: Server) -> list[BaseRoute]:
    """`POST /v1/realtime/calls` with an offer, and its older path; `POST …/calls/ID/hangup`."""
    # Here, and not at the first call, which would hold up all others for as long as it takes.
    from agent.server.realtime.webrtc import Call

    answer = partial(_answer, server, Call)
    return [
        Route("/v1/realtime/calls", answer, methods=["POST"]),
        Route("/v1/realtime", answer, methods=["POST"]),
        Route("/v1/realtime/calls/{call_id}/hangup", partial(_hang_up, server), methods=["POST"]),
    ]


async def _answer(server: Server, make: "type[Call]", request: Request) -> Response:
    """Answer an offer: the call goes on when the request is over."""
    secret = server.keys.secret(key_of(request.headers))
    offer, given = await _offer(request)
    session = {**(secret.session if secret is not None else {}), **given}
    if effective(server, session).type != "realtime":
        raise ApiError("a call is a realtime session", param="session.type")
    if server.tasks is None:
        raise ApiError("the server does not run", status=503, code="not_ready")
    model = request.query_params.get("model")
    call = make(server, session=session, model=model, beta=asks_for_beta(request.headers))
    answer = await server.tasks.start(partial(_held, server, call), offer)
    location = f"/v1/realtime/calls/{call.id}"
    headers = {"Location": location}
    return Response(answer, 201, headers, media_type="application/sdp")


async def _held(server: Server, call: "Call", offer: str, *, task_status: TaskStatus[str]) -> None:
    """Run a call, which is known by its id as long as it goes on."""
    server.calls[call.id] = call
    try:
        await call.run(offer, task_status=task_status)
    finally:
        del server.calls[call.id]


async def _offer(request: Request) -> tuple[str, Mapping[str, Any]]:
    """The offer and the session of a request, bare or in a form. Raises ApiError."""
    kind = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    if kind == "multipart/form-data":
        offer, session = await _form(request)
    elif kind in ("application/sdp", "text/plain", ""):
        body = b""
        async for piece in request.stream():
            body += piece
            if len(body) > MAX_SDP:
                raise ApiError("the offer is too large", status=413, code="request_too_large")
        offer, session = body.decode("utf-8", "replace"), {}
    else:
        message = "an offer is application/sdp, or multipart/form-data with sdp and session"
        raise ApiError(message, status=415, code="unsupported_content_type")
    if not offer.lstrip().startswith("v="):
        raise ApiError("the offer is no SDP: it begins with v=0", code="invalid_offer")
    return offer, session


async def _form(request: Request) -> tuple[str, Mapping[str, Any]]:
    most = MAX_SDP + MAX_SESSION
    form = await read_form(request, most, files=2, fields=4, field=MAX_SESSION)
    try:
        offer, given = await _text(form.get("sdp")), await _text(form.get("session"))
    finally:
        await form.close()
    if len(offer) > MAX_SDP:
        raise ApiError("the offer is too large", status=413, code="request_too_large")
    try:
        session = json.loads(given or "{}")
    except (ValueError, RecursionError):
        session = None
    if not isinstance(session, dict):
        raise ApiError("session is a JSON object", code="invalid_json", param="session")
    return offer, session


async def _text(part: UploadFile | str | None) -> str:
    """What a part of a form holds, whether it came with a file's name or not."""
    if isinstance(part, UploadFile):
        return (await part.read(MAX_SESSION)).decode("utf-8", "replace")
    return part or ""


async def _hang_up(server: Server, request: Request) -> Response:
    """End a call."""
    call = server.calls.get(request.path_params["call_id"])
    if call is None:
        raise ApiError("there is no such call", status=404, code="call_not_found")
    call.hang_up()
    return Response(status_code=200)
