"""The Realtime protocol on a WebSocket: frames in, frames out, and an end to both."""

import json
import logging
import math
from collections.abc import Awaitable, Callable, Mapping
from contextlib import closing, suppress
from functools import partial
from typing import Any

import anyio
from starlette.websockets import WebSocket, WebSocketDisconnect, WebSocketState

from agent.server.errors import ApiError
from agent.server.realtime.beta import BetaShape, asks_for_beta
from agent.server.realtime.errors import RealtimeError
from agent.server.realtime.frames import take
from agent.server.realtime.session import RealtimeSession
from agent.server.recording import recorded
from agent.server.security import key_of
from agent.server.server import Server

log = logging.getLogger("parley.server")

SUBPROTOCOL = "realtime"
MAX_UNSENT = 32 << 20
"""Characters that may wait for a client to read them."""
STALLED = 30.0
"""Seconds that a client may take to read one frame."""
FAREWELL = 5.0
"""Seconds that a reply has to end in when the server stops."""


class Outbox:
    """What waits to be sent, in order, and how much of it."""

    def __init__(self) -> None:
        self._send, self.frames = anyio.create_memory_object_stream[str](math.inf)
        self.waiting = 0
        self.overflown = anyio.Event()
        """Set when the client has not read for too long: the session ends."""

    def put(self, event: Mapping[str, Any]) -> None:
        """Have an event sent."""
        frame = json.dumps(event, ensure_ascii=False, separators=(",", ":"))
        self.waiting += len(frame)
        if self.waiting > MAX_UNSENT:
            self.overflown.set()
            return
        with suppress(anyio.BrokenResourceError, anyio.ClosedResourceError):
            self._send.send_nowait(frame)

    def close(self) -> None:
        """Nothing more comes."""
        self._send.close()


async def serve(server: Server, socket: WebSocket) -> None:
    """Hold one session with a client, from its connection to its end."""
    key = key_of(socket.headers)
    secret = server.keys.secret(key)
    query = socket.query_params
    kind = "transcription" if query.get("intent") == "transcription" else "realtime"
    given = dict(secret.session) if secret is not None else {}
    if given.get("type") == "transcription":
        kind = "transcription"
    offered = socket.scope.get("subprotocols", [])
    try:
        rate = server.agent.tts.sample_rate
        with (
            server.session("realtime", speaks=kind == "realtime") as counted,
            recorded(server.settings.record, counted.id, rate, counted.report) as recording,
        ):
            await socket.accept(SUBPROTOCOL if SUBPROTOCOL in offered else None)
            outbox = Outbox()
            shape = BetaShape(outbox.put, spoken=asks_for_beta(socket.headers), session=given)
            session = RealtimeSession(
                server.agent,
                shape.send,
                kind=kind,  # type: ignore[arg-type]
                model=query.get("model"),
                session=shape.session,
                report=counted.report,
                recording=recording,
                seconds=server.settings.session_minutes * 60,
            )
            await _Connection(server, socket, session, outbox, shape).hold(counted.ending)
    except ApiError as error:
        await refuse(socket, error)


class _Connection:
    """One connection: who reads, who writes, and who ends it."""

    def __init__(
        self,
        server: Server,
        socket: WebSocket,
        session: RealtimeSession,
        outbox: Outbox,
        shape: BetaShape,
    ) -> None:
        self._patience = server.settings.idle_minutes * 60
        self._latest = anyio.current_time()  # when something came
        self._socket = socket
        self._session = session
        self._outbox = outbox
        self._shape = shape
        self._why = (1000, "")

    async def hold(self, ending: anyio.Event) -> None:
        """Hold it until one side ends it."""
        with closing(self._outbox), self._outbox.frames:
            await self._hold(ending)

    async def _hold(self, ending: anyio.Event) -> None:
        async with anyio.create_task_group() as tasks:
            tasks.start_soon(self._write, tasks.cancel_scope)
            async with anyio.create_task_group() as inner:
                drain = partial(self._drain, ending)
                for task in (self._read, self._watch_silence, drain, self._watch_outbox):
                    inner.start_soon(self._until_over, task, inner.cancel_scope)
                try:
                    await self._session.run()
                except Exception as error:
                    log.exception("session failed", extra={"session": self._session.id})
                    told = RealtimeError(f"the session failed: {type(error).__name__}", code=None)
                    told.kind = "server_error"
                    self._session.refuse(told)
                    self._why = (1011, "internal error")
                inner.cancel_scope.cancel()
            self._outbox.close()

    async def _until_over(self, task: Callable[[], Awaitable[None]], _: anyio.CancelScope) -> None:
        await task()
        self._session.close()

    async def _read(self) -> None:
        """Give the session what the client sends, until it goes."""
        await self._session.begun.wait()
        while True:
            try:
                message = await self._socket.receive()
            except (WebSocketDisconnect, RuntimeError):
                return
            if message["type"] == "websocket.disconnect":
                return
            self._latest = anyio.current_time()
            frame = message.get("text")
            await self._take(frame if frame is not None else message.get("bytes") or b"")

    async def _watch_silence(self) -> None:
        """Wait until the client has said nothing for too long; one timer for many messages."""
        while anyio.current_time() < (end := self._latest + self._patience):  # noqa: ASYNC110
            await anyio.sleep_until(end)
        told = RealtimeError("nothing has come for too long", code="session_expired")
        self._session.refuse(told)

    async def _take(self, frame: str | bytes) -> None:
        try:
            event = await take(frame, self._shape.event)
        except RealtimeError as error:
            self._session.refuse(error)
        else:
            self._session.handle(event)

    async def _drain(self, ending: anyio.Event) -> None:
        """The server stops: the reply that is being made may end."""
        await ending.wait()
        told = RealtimeError("the server is stopping: connect again", code="server_stopping")
        told.kind = "server_error"
        self._session.refuse(told)
        with anyio.move_on_after(FAREWELL):
            await self._session.idle()
        self._why = (1001, "the server is stopping")

    async def _watch_outbox(self) -> None:
        await self._outbox.overflown.wait()
        self._why = (1008, "too slow to read")

    async def _write(self, scope: anyio.CancelScope) -> None:
        """Send what there is, until nothing more comes; a client that does not read is left."""
        with self._outbox.frames as frames:
            async for frame in frames:
                with anyio.move_on_after(STALLED) as patience:
                    try:
                        await self._socket.send_text(frame)
                    except (WebSocketDisconnect, RuntimeError):
                        break
                self._outbox.waiting -= len(frame)
                if patience.cancelled_caught or self._outbox.overflown.is_set():
                    self._why = (1008, "too slow to read")
                    break
        self._session.close()
        with anyio.move_on_after(2, shield=True):
            await close(self._socket, *self._why)
        scope.cancel()


async def refuse(socket: WebSocket, error: ApiError) -> None:
    """Answer before the upgrade with OpenAI's error; after it, as an event."""
    if socket.application_state is WebSocketState.CONNECTING:
        if "websocket.http.response" in socket.scope.get("extensions", {}):
            await socket.send_denial_response(error.response())
        else:
            await socket.close(1013, str(error)[:120])
        return
    with suppress(RuntimeError, WebSocketDisconnect):
        told = RealtimeError(str(error), code=error.code)
        await socket.send_text(json.dumps({"event_id": "event_0", **told.event()}))
        await close(socket, 1013, str(error)[:120])


async def close(socket: WebSocket, code: int, reason: str) -> None:
    """Close a WebSocket that is open."""
    if socket.application_state is WebSocketState.CONNECTED:
        with suppress(RuntimeError, WebSocketDisconnect):
            await socket.close(code, reason)
