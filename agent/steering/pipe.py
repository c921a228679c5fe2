"""The named pipe through which requests come on Windows, where there are no Unix sockets.

By the default access list of a pipe only its user, administrators and the system may write to it,
and a client opens it to write. A request and its answer are a message each. Of a client that leaves
before its answer nothing is known here: what it asked for is said all the same.
"""

from collections.abc import Awaitable, Callable
from contextlib import suppress
from multiprocessing.connection import Client, Connection, Listener

import anyio
from anyio import CapacityLimiter
from anyio.to_thread import run_sync

Answering = Callable[[bytes], Awaitable[bytes]]

FAMILY = "AF_PIPE"


def listen(address: str, family: str = FAMILY) -> Listener:
    """Open the pipe. Raises OSError, also if it is another's."""
    return Listener(address, family)


async def serve(
    listener: Listener, answer: Answering, *, limit: int, longest: int, patience: float
) -> None:
    """Answer the requests of `limit` clients at a time, until cancelled; close the listener.

    A request has at most `longest` bytes, and comes within `patience` seconds.
    """
    threads = CapacityLimiter(limit + 1)

    async def take(connection: Connection) -> None:
        with connection, suppress(OSError, EOFError, TimeoutError):
            with anyio.fail_after(patience):
                if not await run_sync(connection.poll, patience, limiter=threads):
                    return
                request = await run_sync(connection.recv_bytes, longest, limiter=threads)
            answered = await answer(request)
            with anyio.fail_after(patience):
                await run_sync(
                    connection.send_bytes, answered, abandon_on_cancel=True, limiter=threads
                )

    async with anyio.create_task_group() as tasks:
        try:
            while True:
                connection = await run_sync(
                    listener.accept, abandon_on_cancel=True, limiter=CapacityLimiter(1)
                )
                tasks.start_soon(take, connection)
        finally:
            with suppress(OSError):
                # The thread that waits for a client ends with this one.
                Client(listener.address).close()
            listener.close()


def exchange(
    address: str, request: bytes, patience: float | None, *, family: str = FAMILY
) -> bytes:
    """Return the answer to a request, which comes within `patience` seconds. Raises OSError."""
    try:
        with Client(address, family) as connection:
            connection.send_bytes(request)
            if not connection.poll(patience):
                raise TimeoutError("timed out")
            return connection.recv_bytes()
    except EOFError as error:
        raise OSError("it has closed the connection") from error


def reachable(address: str, family: str = FAMILY) -> bool:
    """Whether somebody listens at the pipe."""
    with suppress(OSError), Client(address, family):
        return True
    return False
