"""The listener: takes requests from other processes of the same user, each a connection."""

import os
import socket
import struct
import sys
from collections.abc import AsyncGenerator, Callable, Coroutine
from contextlib import ExitStack, asynccontextmanager, suppress
from functools import partial
from typing import Any

import anyio
from anyio.abc import SocketAttribute, SocketStream
from anyio.streams.buffered import BufferedByteReceiveStream

from agent.errors import ParleyError
from agent.events import ErrorEvent, Report, WarningEvent
from agent.steering.client import runs
from agent.steering.place import Instance, claimed, instances
from agent.steering.requests import LINE, Answer, perform
from agent.steering.steering import Steering

CLIENTS = 16
"""Connections at a time."""

ROOT = 0
PATIENCE = 5.0
"""Seconds in which a request must have come, and an answer have been taken."""


@asynccontextmanager
async def reachable(
    name: str, microphone: str, report: Report
) -> AsyncGenerator["Reachable | None", None]:
    """Hold a name for a conversation that is going to be; None where that cannot be, and is told.

    Who else has the name, or listens to the same microphone, is told too: it does not matter to
    the conversation.
    """
    with ExitStack() as stack:
        try:
            running = [each for each in instances() if each.pid != os.getpid() and runs(each)]
            mine, others = stack.enter_context(claimed(name, microphone))
        except ParleyError as error:
            _warn(report, "control.off", f"parley ctl cannot steer this conversation: {error}")
            yield None
            return
        if others:
            who = " and ".join(f"process {other.pid}" for other in others)
            message = f"{who} runs as '{others[0].name}': parley ctl --to {mine.name} steers this"
            _warn(report, "control.name", message)
        for other in running:
            if other.microphone == microphone:
                message = f"process {other.pid} ('{other.name}') listens to the same microphone"
                _warn(report, "control.microphone", f"{message}: both hear the user")
        yield Reachable(mine, report)


class Reachable:
    """A conversation that other processes of the user can reach under its name."""

    def __init__(self, instance: Instance, report: Report) -> None:
        self.name = instance.name
        self._address = instance.address
        self._report = report
        self._clients = 0

    @asynccontextmanager
    async def steered(self, steering: Steering) -> AsyncGenerator[None, None]:
        """Take requests for the length of a block."""
        try:
            serve = await self._open(steering)
        except OSError as error:
            self._off(error)
            yield
            return

        async def take() -> None:
            try:
                await serve()
            except OSError as error:  # of what requests come through: the conversation goes on
                self._off(error)

        async with anyio.create_task_group() as tasks:
            tasks.start_soon(take)
            yield
            tasks.cancel_scope.cancel()

    def _off(self, error: OSError) -> None:
        why = f"{self._address}: {error.strerror or error}"
        _warn(self._report, "control.off", f"parley ctl cannot steer this conversation: {why}")

    async def _open(self, steering: Steering) -> Callable[[], Coroutine[Any, Any, None]]:
        """Open what requests come through; what is returned takes them. Raises OSError."""
        if sys.platform == "win32":
            from agent.steering import pipe

            async def answer(line: bytes) -> bytes:
                return (await perform(steering, line)).line()

            opened = pipe.listen(self._address)
            limits = {"limit": CLIENTS, "longest": LINE, "patience": PATIENCE}
            return partial(pipe.serve, opened, answer, **limits)
        listener = await anyio.create_unix_listener(self._address, mode=0o600)

        async def serve() -> None:
            async with listener:
                await listener.serve(lambda client: self._serve(client, steering))

        return serve

    async def _serve(self, client: SocketStream, steering: Steering) -> None:
        """One request and its answer; whatever a client does, the conversation goes on."""
        self._clients += 1
        try:
            async with client:
                with suppress(anyio.BrokenResourceError, anyio.ClosedResourceError, TimeoutError):
                    await self._answer(client, steering)
        except Exception as error:  # noqa: BLE001  (P6: told, and the conversation goes on)
            self._report(ErrorEvent("control", type(error).__name__, str(error), recovered=True))
        finally:
            self._clients -= 1

    async def _answer(self, client: SocketStream, steering: Steering) -> None:
        if not _ours(client):
            return
        if self._clients > CLIENTS:
            await _send(client, Answer(False, f"{CLIENTS} others are waiting: try again later"))
            return
        stream = BufferedByteReceiveStream(client)
        try:
            with anyio.fail_after(PATIENCE):
                line = await stream.receive_until(b"\n", LINE)
        except (TimeoutError, anyio.IncompleteRead):
            return
        except anyio.DelimiterNotFound:
            await _send(client, Answer(False, f"a request has at most {LINE} bytes"))
            return
        answer: Answer | None = None
        async with anyio.create_task_group() as tasks:
            tasks.start_soon(_until_gone, client, tasks.cancel_scope)
            answer = await perform(steering, line)
            tasks.cancel_scope.cancel()
        if answer is not None:
            await _send(client, answer)


async def _until_gone(client: SocketStream, scope: anyio.CancelScope) -> None:
    """Who leaves before the answer does not want it any more."""
    with suppress(anyio.EndOfStream, anyio.BrokenResourceError):
        while True:
            await client.receive()
    scope.cancel()


async def _send(client: SocketStream, answer: Answer) -> None:
    with anyio.fail_after(PATIENCE):
        await client.send(answer.line())


def _ours(client: SocketStream) -> bool:
    """Whether the other end is this user, or root; where the system tells."""
    if sys.platform != "linux":
        return True  # the folder lets nobody else in
    raw = client.extra(SocketAttribute.raw_socket)
    credentials = raw.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, struct.calcsize("3i"))
    _pid, user, _group = struct.unpack("3i", credentials)
    return user in (os.geteuid(), ROOT)


def _warn(report: Report, code: str, message: str) -> None:
    report(WarningEvent("control", code, message))
