"""A server that runs: its socket, its certificate, and an end in which replies end."""

import errno
import logging
import socket
from collections.abc import AsyncGenerator, Iterator
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass

import anyio
import uvicorn

from agent.doctor.certificate import problem
from agent.doctor.checks_server import Address
from agent.errors import ConfigError
from agent.server.app import create_app
from agent.server.connections import Socket, connection
from agent.server.security import is_loopback
from agent.server.server import ServeError, Server

DRAIN = 6.0
"""Seconds that replies have to end in when the server is asked to stop."""
HINTS = {
    errno.EADDRINUSE: "is another server there? --port chooses another",
    errno.EACCES: "ports below 1024 are the administrator's; --port chooses another",
}
"""What to do where one cannot listen."""
PING = 20.0
"""Seconds between a WebSocket's pings, and until its answer must have come."""
MAX_MESSAGE = 24 << 20
"""Bytes of a WebSocket's message: 15 MiB of samples are 20 MiB of base64."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Place(Address):
    """The address of a server that is to run."""

    def address(self, port: int) -> str:
        """Return the address of the page."""
        scheme = "http" if self.tls_cert is None else "https"
        name = f"[{self.host}]" if ":" in self.host else self.host
        return f"{scheme}://{name}:{port}/"

    def check(self) -> None:
        """Raise ConfigError if the certificate and its key are not one that can be used."""
        if (self.tls_cert is None) != (self.tls_key is None):
            raise ConfigError("a certificate needs its key: give both of --tls-cert and --tls-key")
        told = problem(self.tls_cert, self.tls_key) if self.tls_cert and self.tls_key else ""
        if told:
            raise ConfigError(told)


def listen(place: Place) -> socket.socket:
    """Open the socket. Raises ServeError: the port is taken, the address is none of ours."""
    try:
        family, kind, protocol, _, address = socket.getaddrinfo(
            place.host, place.port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE
        )[0]
        opened = socket.socket(family, kind, protocol)
        try:
            opened.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            opened.bind(address)
            opened.listen(1024)
        except OSError:
            opened.close()
            raise
    except (OSError, OverflowError, UnicodeError) as error:
        where = f"{place.host} port {place.port}"
        reason = getattr(error, "strerror", None) or error
        hint = HINTS.get(error.errno or 0) if isinstance(error, OSError) else None
        hint = hint or "--host is an address of this computer"
        raise ServeError(f"cannot listen at {where} ({reason}): {hint}") from None
    opened.setblocking(False)
    return opened


@asynccontextmanager
async def running(server: Server, place: Place) -> AsyncGenerator[str, None]:
    """Answer at `place` until the block ends, and let replies end then; gives the page's address.

    The agent is loaded by the caller: `/readyz` says when. Raises ServeError or ConfigError.
    """
    place.check()
    with listen(place) as opened:
        hosts = set() if not is_loopback(place.host) else {place.host}
        config = uvicorn.Config(
            create_app(server, hosts),
            lifespan="off",
            http=connection(),
            ws=Socket,
            log_config=None,
            log_level=logging.WARNING,
            access_log=False,  # addresses may hold keys
            ws_max_size=MAX_MESSAGE,
            ws_ping_interval=PING,
            ws_ping_timeout=PING,
            ws_per_message_deflate=False,  # sound does not shrink, and each would take its time
            server_header=False,
            timeout_graceful_shutdown=1,
            ssl_certfile=place.tls_cert,
            ssl_keyfile=place.tls_key,
        )
        http = _Http(config)
        address = place.address(opened.getsockname()[1])
        async with anyio.create_task_group() as tasks:
            tasks.start_soon(http.serve, [opened])
            await http.listening.wait()
            try:
                async with anyio.create_task_group() as server.tasks:
                    try:
                        yield address
                    finally:
                        with anyio.CancelScope(shield=True):
                            await server.drain(DRAIN)
                        server.tasks.cancel_scope.cancel()
            finally:
                with anyio.CancelScope(shield=True):
                    http.should_exit = True
                    await http.over.wait()


class _Http(uvicorn.Server):
    """uvicorn's server, which leaves the signals to us, and tells when it listens and is over."""

    def __init__(self, config: uvicorn.Config) -> None:
        super().__init__(config)
        self.listening = anyio.Event()
        self.over = anyio.Event()

    @contextmanager
    def capture_signals(self) -> Iterator[None]:
        """Leave them alone."""
        yield

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        """Begin to answer."""
        await super().startup(sockets)
        self.listening.set()

    async def serve(self, sockets: list[socket.socket] | None = None) -> None:
        """Answer until `should_exit`, or until cancelled."""
        try:
            await super().serve(sockets)
        finally:
            self.over.set()
