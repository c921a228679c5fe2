"""A real HTTP server on the loopback that transcribes, well or badly, as the model's name says."""

import json
import re
import socket
import threading
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

import uvicorn

Receive = Callable[[], Awaitable[dict[str, Any]]]
Send = Callable[[dict[str, Any]], Awaitable[None]]


@dataclass
class Server:
    """Where it is, and what it was asked: form fields, the file as bytes under `file`."""

    url: str
    asked: list[dict[str, Any]] = field(default_factory=list)

    async def __call__(self, scope: dict[str, Any], receive: Receive, send: Send) -> None:
        """The ASGI application."""
        body, more = b"", True
        while more:
            message = await receive()
            body += message.get("body", b"")
            more = message.get("more_body", False)
        headers = {key.decode(): value.decode() for key, value in scope["headers"]}
        form = _form(body, headers.get("content-type", ""))
        self.asked.append({**form, "path": scope["path"], "key": headers.get("authorization")})
        tries = sum(request["model"] == form["model"] for request in self.asked)
        status, kind, chunks = _answer(form, tries)
        head = [(b"content-type", kind.encode())]
        await send({"type": "http.response.start", "status": status, "headers": head})
        for chunk in chunks:
            await send({"type": "http.response.body", "body": chunk, "more_body": True})
        if form["model"] == "hangs":
            while (await receive())["type"] != "http.disconnect":
                pass
            return
        await send({"type": "http.response.body", "body": b"", "more_body": False})


def _answer(form: dict[str, Any], tries: int) -> tuple[int, str, list[bytes]]:
    """Status, content type and the pieces of the body."""
    model = form["model"]
    if model == "streams-later":
        model = "streams" if tries > 1 else "locked"
    if form.get("stream") == "true" and model in STREAMS:
        return 200, "text/event-stream", STREAMS[model]
    if form.get("stream") == "true" and model == "plain":
        return 400, "application/json", [b'{"error": {"message": "stream: not supported"}}']
    if model == "later" and tries > 1:
        model = "any"
    status, kind, body = ANSWERS.get(model, ANSWERS["any"])
    return status, kind, [body.encode()]


def _said(text: str) -> bytes:
    event = {"type": "transcript.text.delta", "delta": text}
    return b"data: " + json.dumps(event).encode() + b"\n\n"


def _done(text: str) -> bytes:
    event = {"type": "transcript.text.done", "text": text}
    return b"data: " + json.dumps(event).encode() + b"\n\ndata: [DONE]\n\n"


def _form(body: bytes, kind: str) -> dict[str, Any]:
    """The fields of a multipart form; those that come more than once as lists."""
    boundary = kind.partition("boundary=")[2].encode()
    form: dict[str, Any] = {}
    for part in body.split(b"--" + boundary)[1:-1]:
        head, _, value = part.partition(b"\r\n\r\n")
        found = re.search(rb'name="([^"]+)"', head)
        assert found is not None
        name, value = found.group(1).decode(), value.removesuffix(b"\r\n")
        if name.endswith("[]"):
            form.setdefault(name, []).append(value.decode())
        else:
            form[name] = value if b"filename=" in head else value.decode()
    return form


STREAMS = {
    "streams": [_said("Grüß"), _said(" dich"), _done("Grüß dich")],
    "stops": [_said("Once"), _said(" upon")],
    "hangs": [_said("Once"), _said(" upon")],
    "fails": [_said("Once"), b'data: {"error": {"message": "out of memory"}}\n\n'],
}
ANSWERS = {
    "any": (200, "application/json", '{"text": " Grüß dich, world. "}'),
    "later": (503, "application/json", '{"error": {"message": "loading"}}'),
    "page": (200, "text/html", "<!doctype html><html>Welcome</html>"),
    "locked": (401, "application/json", '{"error": {"message": "who are you?"}}'),
    "words": (
        200,
        "application/json",
        '{"text": "Hi", "language": "en", "words": [{"word": "Hi", "start": 0.5, "end": 0.75}]}',
    ),
}


@contextmanager
def serving() -> Iterator[Server]:
    """The server, running in a thread."""
    with socket.socket() as listening:
        listening.bind(("127.0.0.1", 0))
        application = Server(f"http://127.0.0.1:{listening.getsockname()[1]}/v1")
        config = uvicorn.Config(application, log_level="error", lifespan="off")
        server = uvicorn.Server(config)
        thread = threading.Thread(target=server.run, args=([listening],))
        thread.start()
        try:
            yield application
        finally:
            server.should_exit = True
            thread.join()
