"""The paths of WebRTC: an offer is answered, a call is hung up, or watched from a server."""

import json
import logging
from collections.abc import Mapping
from functools import partial
from typing import Any

import anyio
from starlette.datastructures import UploadFile
from starlette.formparsers import MultiPartException
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import BaseRoute, Route
from starlette.websockets import WebSocket, WebSocketDisconnect

from agent.server.errors import ApiError
from agent.server.realtime.websocket import STALLED, SUBPROTOCOL, Outbox, close, refuse
from agent.server.security import key_of
from agent.server.server import Server

MAX_SDP = 256 << 10
"""Bytes of an offer."""
MAX_SESSION = 1 << 20
"""Bytes of a session in a form."""

log = logging.getLogger("parley.server")


def routes(server: Server) -> list[BaseRoute]:
    """`POST /v1/realtime/calls` with an offer, and its older path; `POST …/calls/ID/hangup`."""
    return [
        Route("/v1/realtime/calls", partial(_answer, server), methods=["POST"]),
        Route("/v1/realtime", partial(_answer, server), methods=["POST"]),
        Route("/v1/realtime/calls/{call_id}/hangup", partial(_hang_up, server), methods=["POST"]),
    ]


async def _answer(server: Server, request: Request) -> Response:
    """Answer an offer: the call goes on when the request is over."""
    from agent.server.realtime.routes import effective

    try:
        from agent.server.realtime.webrtc import Call
    except ImportError as error:
        message = f"WebRTC needs {error.name}"
        raise ApiError(message, status=501, code="not_installed") from None
    secret = server.keys.secret(key_of(request.headers))
    offer, given = await _offer(request)
    session = {**(secret.session if secret is not None else {}), **given}
    if effective(server, session).type != "realtime":
        raise ApiError("a call is a realtime session", param="session.type")
    if server.tasks is None:
        raise ApiError("the server does not run", status=503, code="not_ready")
    model = request.query_params.get("model")
    call = Call(server, session=session, model=model)
    answer = await server.tasks.start(partial(_held, server, call), offer)
    location = f"/v1/realtime/calls/{call.id}"
    headers = {"Location": location}
    return Response(answer, 201, headers, media_type="application/sdp")


async def _held(server: Server, call: Any, offer: str, *, task_status: Any) -> None:
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
    try:
        form = await request.form(max_files=2, max_fields=4, max_part_size=MAX_SESSION)
    except MultiPartException as error:
        raise ApiError(f"the form cannot be read: {error.message}", code="invalid_form") from None
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


async def watch(server: Server, socket: WebSocket) -> None:
    """Hold a side channel to a call: all of its events, and client events of a server's own."""
    call = server.calls.get(socket.query_params["call_id"])
    if call is None:
        error = ApiError("there is no such call", status=404, code="call_not_found")
        await refuse(socket, error)
        return
    offered = socket.scope.get("subprotocols", [])
    await socket.accept(SUBPROTOCOL if SUBPROTOCOL in offered else None)
    outbox = Outbox()
    call.session.greet(outbox.put)
    leave = call.watch(outbox.put)
    try:
        async with anyio.create_task_group() as tasks:
            tasks.start_soon(_write, socket, outbox, tasks.cancel_scope)
            tasks.start_soon(_until_over, call, tasks.cancel_scope)
            await _read(socket, call)
            tasks.cancel_scope.cancel()
    finally:
        leave()
        outbox.close()
        outbox.frames.close()
        with anyio.move_on_after(2, shield=True):
            await close(socket, 1000, "the call is over")


async def _read(socket: WebSocket, call: Any) -> None:
    while True:
        try:
            message = await socket.receive()
        except (WebSocketDisconnect, RuntimeError):
            return
        if message["type"] == "websocket.disconnect":
            return
        call.session.receive(message.get("text") or message.get("bytes") or b"")


async def _write(socket: WebSocket, outbox: Outbox, scope: anyio.CancelScope) -> None:
    """Send what happens; who does not read it is left."""
    async for frame in outbox.frames:
        with anyio.move_on_after(STALLED) as patience:
            try:
                await socket.send_text(frame)
            except (WebSocketDisconnect, RuntimeError):
                break
        outbox.waiting -= len(frame)
        if patience.cancelled_caught or outbox.overflown.is_set():
            break
    scope.cancel()


async def _until_over(call: Any, scope: anyio.CancelScope) -> None:
    await call.over.wait()
    scope.cancel()
