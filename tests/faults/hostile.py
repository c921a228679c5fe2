"""A server that answers with bytes without end, and what it costs to be answered by it."""

import re
import socketserver
import threading
import zlib
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

MB = 1 << 20
STREAM = "text/event-stream"
JSON = "application/json"

Body = Callable[[], Iterable[bytes]]


def head(kind: str, status: str = "200 OK", *more: str) -> bytes:
    lines = [f"HTTP/1.1 {status}", f"Content-Type: {kind}", "Connection: close", *more, "", ""]
    return "\r\n".join(lines).encode()


def endless(piece: bytes, before: bytes = b"") -> Body:
    """So much of `piece` that nobody should take it: a quarter of a gigabyte at least."""
    piece = piece * (MB // len(piece) or 1)

    def body() -> Iterator[bytes]:
        yield before
        for _ in range(256):
            yield piece

    return body


def bomb(piece: bytes = b"\0") -> Body:
    """A gigabyte, compressed to one megabyte."""

    def body() -> Iterator[bytes]:
        packer = zlib.compressobj(9, zlib.DEFLATED, 31)
        for _ in range(64):
            yield packer.compress(piece * (16 * MB // len(piece)))
        yield packer.flush()

    return body


@contextmanager
def serving(head: bytes, body: Body) -> Iterator[str]:
    """Serve this to whoever asks for anything: the URL."""

    class Handler(socketserver.BaseRequestHandler):
        def handle(self) -> None:
            with suppress(OSError):
                request = b""
                while b"\r\n\r\n" not in request:
                    request += self.request.recv(65536)
                length = re.search(rb"content-length: (\d+)", request, re.IGNORECASE)
                left = int(length[1]) if length else 0
                left -= len(request.partition(b"\r\n\r\n")[2])
                while left > 0:
                    left -= len(self.request.recv(65536))
                self.request.sendall(head)
                for piece in body():
                    self.request.sendall(piece)

    class Server(socketserver.ThreadingTCPServer):
        daemon_threads = True
        allow_reuse_address = True

    with Server(("127.0.0.1", 0), Handler) as server:
        threading.Thread(target=server.serve_forever, args=(0.05,), daemon=True).start()
        try:
            yield f"http://127.0.0.1:{server.server_address[1]}/v1"
        finally:
            server.shutdown()


@contextmanager
def bounded_memory(most: int = 64 * MB) -> Iterator[None]:
    """Check that at no moment the process takes more than `most` bytes above what it takes now.

    Where the system does not tell (it is no Linux), nothing is checked.
    """
    status, reset = Path("/proc/self/status"), Path("/proc/self/clear_refs")
    if not status.exists():
        yield
        return
    reset.write_text("5")  # the peak is what it is now
    before = _kilobytes(status, "VmRSS")
    yield
    assert (_kilobytes(status, "VmHWM") - before) * 1024 < most


def _kilobytes(status: Path, name: str) -> int:
    found = re.search(rf"{name}:\s+(\d+)", status.read_text())
    assert found is not None
    return int(found[1])
