"""An MCP server that is a program: a message a line on stdin and stdout, and no line without end.

The `mcp` package has a transport for this, which keeps whatever it is sent: of a server that floods
its output, a gigabyte in seconds.
"""

import os
import signal
import subprocess
from collections.abc import AsyncGenerator, Mapping, Sequence
from contextlib import asynccontextmanager, suppress
from functools import partial
from typing import TYPE_CHECKING

import anyio
import anyio.lowlevel
from anyio.abc import ByteReceiveStream, ByteSendStream, Process
from anyio.streams.memory import MemoryObjectReceiveStream, MemoryObjectSendStream

from agent.guards.thread import run_in_thread

if TYPE_CHECKING:
    from mcp.client._transport import TransportStreams
    from mcp.shared.message import SessionMessage

LONGEST = 4 * 2**20
"""Bytes of a message, and of what is none between two of them: servers print to stdout, too."""
LINE = 100
"""Bytes that a line counts besides its own: reading it costs as much."""
LONGEST_STRING = 20_000
"""Bytes of a string in a long message that are read: more than is shown of it, and no picture."""
LONG = 2**16
"""Bytes of a message that is read on the event loop as it is."""
LAST_WORDS = 2000
"""Bytes that are kept of what it writes to stderr."""
GRACE = 2.0
"""Seconds to end in, when its stdin is closed, and again when it is told to."""


class StdioServer:
    """A server that runs while `connected` does, with all that it starts."""

    def __init__(self, command: Sequence[str], environment: Mapping[str, str]) -> None:
        """`environment` is what it is given besides the variables that every program needs."""
        self.fault = ""
        """Why it is not listened to any more, if so."""
        self._command = list(command)
        self._environment = environment
        self._words = b""

    @property
    def last_words(self) -> str:
        """The end of what it wrote to stderr."""
        return self._words.decode(errors="replace")

    @asynccontextmanager
    async def connected(self) -> AsyncGenerator["TransportStreams", None]:
        """Start it, and end it. Raises OSError if that cannot be."""
        from mcp.client.stdio import get_default_environment

        environment = get_default_environment() | dict(self._environment)
        process = await anyio.open_process(
            self._command, env=environment, stderr=subprocess.PIPE, start_new_session=True
        )
        try:
            async with self._connected_to(process) as streams:
                yield streams
        finally:
            with anyio.move_on_after(GRACE, shield=True):
                await process.aclose()  # its pipes may hold more than could be read in time

    @asynccontextmanager
    async def _connected_to(self, process: Process) -> AsyncGenerator["TransportStreams", None]:
        """Exchange messages with it, and end it."""
        assert process.stdin is not None
        assert process.stdout is not None
        assert process.stderr is not None
        told, receive = anyio.create_memory_object_stream["SessionMessage | Exception"](0)
        send, asked = anyio.create_memory_object_stream["SessionMessage"](0)
        silent = anyio.Event()  # both of its outputs have ended
        async with anyio.create_task_group() as tasks:

            async def listen(out: ByteReceiveStream, err: ByteReceiveStream) -> None:
                async with anyio.create_task_group() as both:
                    both.start_soon(self._hear, err)
                    both.start_soon(self._receive, out, told)
                silent.set()

            tasks.start_soon(listen, process.stdout, process.stderr)
            tasks.start_soon(_send, process.stdin, asked, told)
            try:
                yield receive, send
            finally:
                with anyio.CancelScope(shield=True), receive, send, asked, told:
                    receive.close()
                    send.close()
                    await _end(process, 0.0 if self.fault else GRACE)
                    with anyio.move_on_after(GRACE):
                        await silent.wait()
                tasks.cancel_scope.cancel()

    async def _receive(
        self, out: ByteReceiveStream, told: MemoryObjectSendStream["SessionMessage | Exception"]
    ) -> None:
        """Tell of every line that is a message; what comes when nobody listens is thrown away."""
        pending = bytearray()
        noise = 0  # bytes since the last message
        with suppress(anyio.BrokenResourceError, anyio.ClosedResourceError, OSError), told:
            async for chunk in out:
                *ends, rest = chunk.split(b"\n")
                for end in ends:
                    line = bytes(pending) + end
                    pending.clear()
                    message = await _message(line)
                    noise = noise + len(line) + LINE if message is None else 0
                    if message is not None:
                        await told.send(message)
                pending += rest
                if noise + len(pending) > LONGEST:
                    self.fault = "it floods its output with what is no message"
                    break
        pending.clear()
        with suppress(anyio.BrokenResourceError, anyio.ClosedResourceError, OSError):
            async for _ in out:
                pass

    async def _hear(self, err: ByteReceiveStream) -> None:
        with suppress(anyio.BrokenResourceError, anyio.ClosedResourceError, OSError):
            async for chunk in err:
                self._words = (self._words + chunk)[-LAST_WORDS:]


async def _message(line: bytes) -> "SessionMessage | None":
    """The message that a line is, if it is one."""
    from mcp.shared.message import SessionMessage
    from mcp.types import jsonrpc_message_adapter

    if not line.lstrip().startswith(b"{"):
        return None
    await anyio.lowlevel.checkpoint()  # there may be thousands of lines in a block
    if len(line) > LONG:
        line = await run_in_thread(partial(shortened, line), name="mcp")
    try:
        return SessionMessage(jsonrpc_message_adapter.validate_json(line, by_name=False))
    except ValueError:
        return None


async def _send(
    to: ByteSendStream,
    asked: MemoryObjectReceiveStream["SessionMessage"],
    told: MemoryObjectSendStream["SessionMessage | Exception"],
) -> None:
    try:
        async for message in asked:
            json = message.message.model_dump_json(by_alias=True, exclude_unset=True)
            await to.send(f"{json}\n".encode())
    except (anyio.BrokenResourceError, anyio.ClosedResourceError, OSError):
        told.close()  # no answer will come


def shortened(line: bytes, longest: int = LONGEST_STRING) -> bytes:
    """JSON with no string longer than so many bytes; what is no JSON stays what it is."""
    parts: list[bytes] = []
    kept = at = 0
    while (start := line.find(b'"', at)) >= 0:
        end = _end_of_string(line, start)
        if end < 0:
            return line
        if end - start > longest:
            parts += [line[kept : _safe(line, start + longest)], "…".encode()]
            kept = end
        at = end + 1
    return b"".join((*parts, line[kept:]))


def _end_of_string(line: bytes, start: int) -> int:
    """Where the string that begins at `start` has its closing mark; -1 if nowhere."""
    end = line.find(b'"', start + 1)
    while end >= 0:
        before = end - 1
        while line[before] == ord("\\"):
            before -= 1
        if (end - before) % 2:  # an even number of them
            return end
        end = line.find(b'"', end + 1)
    return -1


def _safe(line: bytes, cut: int) -> int:
    """A place before `cut` that is in no escape, no pair of them and no character."""
    escape = line.find(b"\\", cut - 12, cut)
    cut = escape if escape >= 0 else cut
    while line[cut - 1] == ord("\\") or line[cut] & 0xC0 == 0x80:
        cut -= 1
    half = line[cut - 6 : cut - 2].lower()
    return cut - 6 if half[:3] == b"\\ud" and half[3:] in b"89ab" else cut


async def _end(process: Process, grace: float) -> None:
    """End it and what it has started: asked by its closed stdin first, then told, then made to."""
    assert process.stdin is not None
    with suppress(OSError, anyio.BrokenResourceError, anyio.ClosedResourceError):
        await process.stdin.aclose()
    with anyio.move_on_after(grace):
        await process.wait()
    for number in (signal.SIGTERM, getattr(signal, "SIGKILL", signal.SIGTERM)):
        with suppress(OSError):
            os.killpg(process.pid, number) if hasattr(os, "killpg") else process.kill()
        with anyio.move_on_after(GRACE):
            await process.wait()
            break
