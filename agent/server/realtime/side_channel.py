"""A side channel to a call: a server sees all of its events, and sends client events of its own."""

from typing import Any

import anyio
from starlette.websockets import WebSocket, WebSocketDisconnect

from agent.server.errors import ApiError
from agent.server.realtime.beta import BetaShape, asks_for_beta
from agent.server.realtime.errors import RealtimeError
from agent.server.realtime.frames import take
from agent.server.realtime.session import RealtimeSession
from agent.server.realtime.websocket import STALLED, SUBPROTOCOL, Outbox, close, refuse
from agent.server.server import Server


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
    shape = BetaShape(outbox.put, spoken=asks_for_beta(socket.headers), session={})
    call.session.greet(shape.send)
    leave = call.watch(shape.send)
    try:
        async with anyio.create_task_group() as tasks:
            tasks.start_soon(_write, socket, outbox, tasks.cancel_scope)
            tasks.start_soon(_until_over, call, tasks.cancel_scope)
            await _read(socket, call.session, shape)
            tasks.cancel_scope.cancel()
    finally:
        leave()
        outbox.close()
        outbox.frames.close()
        with anyio.move_on_after(2, shield=True):
            await close(socket, 1000, "the call is over")


async def _read(socket: WebSocket, session: RealtimeSession, shape: BetaShape) -> None:
    while True:
        try:
            message = await socket.receive()
        except (WebSocketDisconnect, RuntimeError):
            return
        if message["type"] == "websocket.disconnect":
            return
        try:
            event = await take(message.get("text") or message.get("bytes") or b"", shape.event)
        except RealtimeError as error:
            session.refuse(error)
        else:
            session.handle(event)


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
