"""Where Home Assistant dials in: a port, and the announcement by which it is found."""

import logging
import socket
from collections.abc import AsyncGenerator, Awaitable, Callable
from contextlib import asynccontextmanager

import anyio
from anyio.abc import SocketStream

from agent.guards.foreign import describe
from agent.server.security import is_loopback
from agent.server.server import ServeError, Server
from agent.server.wyoming.connection import Connection
from agent.server.wyoming.conversations import Conversations
from agent.server.wyoming.wire import EventStream

log = logging.getLogger(__name__)

CONNECTIONS = 64
"""Connections at a time; one more is closed at once. Home Assistant opens one for each request."""
SERVICE = "_wyoming._tcp.local."

Handle = Callable[[EventStream], Awaitable[None]]


@asynccontextmanager
async def listening(server: Server, host: str, port: int) -> AsyncGenerator[int]:
    """Answer Home Assistant for the block, also before models are loaded; gives the port.

    Raises ServeError.
    """
    async with (
        Conversations.open(lambda: server.agent, server.reporter) as conversations,
        accepting(
            lambda events: Connection(server, conversations, events).run(), host, port
        ) as taken,
        announced(server.agent.config.agent.name, host, taken),
    ):
        yield taken


@asynccontextmanager
async def accepting(handle: Handle, host: str, port: int) -> AsyncGenerator[int]:
    """Have each connection handled, side by side, for the block; gives the port.

    What `handle` raises ends its connection and is logged. Raises ServeError.
    """
    try:
        listener = await anyio.create_tcp_listener(local_host=host, local_port=port)
    except (OSError, OverflowError, UnicodeError) as error:
        reason = getattr(error, "strerror", None) or error
        raise ServeError(
            f"cannot listen at {host} port {port} ({reason}): choose another port for Wyoming"
        ) from None
    slots = anyio.CapacityLimiter(CONNECTIONS)

    async def serve(stream: SocketStream) -> None:
        async with stream:
            if slots.available_tokens < 1:
                log.warning("more than %d connections: one is closed", CONNECTIONS)
                return
            async with slots:
                try:
                    async with EventStream.over(stream) as events:
                        await handle(events)
                except Exception as error:  # noqa: BLE001  (it ends a connection, never more)
                    log.warning("a connection failed: %s", describe(error))

    async with listener, anyio.create_task_group() as tasks:
        tasks.start_soon(listener.serve, serve)
        try:
            yield listener.extra(anyio.abc.SocketAttribute.local_port)
        finally:
            tasks.cancel_scope.cancel()


@asynccontextmanager
async def announced(name: str, host: str, port: int) -> AsyncGenerator[None]:
    """Have Home Assistant find us by itself for the block; on loopback there is nobody to find us.

    Without a network it is logged, and that is all.
    """
    if is_loopback(host):
        yield
        return
    from zeroconf import IPVersion, NonUniqueNameException, ServiceInfo
    from zeroconf.asyncio import AsyncZeroconf

    try:
        zeroconf = AsyncZeroconf(ip_version=IPVersion.V4Only)
        address = host if host not in ("0.0.0.0", "::", "") else _own_address()
        service = ServiceInfo(
            SERVICE, f"{name}.{SERVICE}", addresses=[socket.inet_aton(address)], port=port
        )
        await zeroconf.async_register_service(service, allow_name_change=True)
    except (OSError, NonUniqueNameException) as error:
        log.warning("Home Assistant cannot find this server by itself (%s): add it there", error)
        yield
        return
    try:
        yield
    finally:
        with anyio.CancelScope(shield=True), anyio.move_on_after(2):
            await zeroconf.async_unregister_all_services()
            await zeroconf.async_close()


def _own_address() -> str:
    """The address by which the local network reaches us."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
        probe.connect(("224.0.0.251", 1))  # nothing is sent
        return str(probe.getsockname()[0])
