"""A real HTTP server on the loopback that speaks, well or badly, as the model's name says."""

import io
import json
import socket
import threading
import wave
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import uvicorn
from numpy.typing import NDArray

RATE = 24000
A_WORD = RATE // 10

Receive = Callable[[], Awaitable[dict[str, Any]]]
Send = Callable[[dict[str, Any]], Awaitable[None]]


def samples(text: str) -> NDArray[np.int16]:
    """A tenth of a second for each word: the number of the word in the clause, as a level."""
    levels = [1000 * number for number in range(1, len(text.split()) + 1)]
    return np.repeat(np.array(levels, "<i2"), A_WORD)


def wav(text: str) -> bytes:
    file = io.BytesIO()
    with wave.open(file, "wb") as writer:
        writer.setparams((1, 2, RATE, 0, "NONE", ""))
        writer.writeframes(samples(text).tobytes())
    return file.getvalue()


@dataclass
class Server:
    """Where it is, and what it was asked."""

    url: str
    asked: list[dict[str, Any]] = field(default_factory=list)
    gone: threading.Event = field(default_factory=threading.Event)
    """A client has hung up on a model that hangs."""

    async def __call__(self, scope: dict[str, Any], receive: Receive, send: Send) -> None:
        """The ASGI application."""
        body, more = b"", True
        while more:
            message = await receive()
            body += message.get("body", b"")
            more = message.get("more_body", False)
        headers = {key.decode(): value.decode() for key, value in scope["headers"]}
        request = json.loads(body)
        asked = request | {"path": scope["path"], "key": headers.get("authorization")}
        self.asked.append(asked)
        tries = sum(each["input"] == request["input"] for each in self.asked)
        status, kind, chunks = answer(request["model"], request["input"], tries)
        head = [(b"content-type", kind.encode())]
        await send({"type": "http.response.start", "status": status, "headers": head})
        for chunk in chunks:
            await send({"type": "http.response.body", "body": chunk, "more_body": True})
        if request["model"] == "hangs":
            while (await receive())["type"] != "http.disconnect":
                pass
            self.gone.set()
            return
        await send({"type": "http.response.body", "body": b"", "more_body": False})


def answer(model: str, text: str, tries: int) -> tuple[int, str, Iterator[bytes]]:
    """Status, content type and the pieces of the body."""
    pcm = samples(text).tobytes()
    if model == "later" and tries == 1:
        return 503, "application/json", iter([b'{"detail": "loading"}'])
    if model in ERRORS:
        status, kind, page = ERRORS[model]
        return status, kind, iter([page])
    if model == "wav":
        return 200, "audio/wav", iter([wav(text)[:50], wav(text)[50:]])
    if model == "unnamed-wav":
        return 200, "application/octet-stream", iter([wav(text)])
    if model == "endless":
        pcm = bytes(1 << 28)
    if model == "nothing":
        pcm = b""
    step = (
        1 << 20 if model == "endless" else 999 if model == "odd" else 4800
    )  # an odd one cuts samples in two
    return 200, "audio/pcm", (pcm[at : at + step] for at in range(0, len(pcm), step))


ERRORS = {
    "no-key": (401, "application/json", b'{"error": {"message": "bad key sk-secret"}}'),
    "unknown": (404, "application/json", b'{"error": {"message": "no such model"}}'),
    "bad": (400, "application/json", b'{"detail": "voice must be one of\\n af, bm"}'),
    "busy": (429, "application/json", b'{"error": "too many"}'),
    "page": (200, "text/html", b"<html>welcome</html>"),
    "long-error": (500, "text/plain", b"x" * (8 << 20)),
}


@contextmanager
def serving() -> Iterator[Server]:
    """Run it on a port of its own."""
    with socket.create_server(("127.0.0.1", 0)) as listening:
        server = Server(f"http://127.0.0.1:{listening.getsockname()[1]}/v1")
        config = uvicorn.Config(server, log_level="critical", lifespan="off")
        running = uvicorn.Server(config)
        thread = threading.Thread(target=running.run, args=([listening],))
        thread.start()
        try:
            yield server
        finally:
            running.should_exit = True
            thread.join()
