"""A real HTTP server on the loopback that completes chats, well or badly.

How it behaves is the name of the model asked for, a key of `BEHAVIOURS`.
"""

import json
import socket
import threading
import time
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

import uvicorn

Receive = Callable[[], Awaitable[dict[str, Any]]]
Send = Callable[[dict[str, Any]], Awaitable[None]]

REPLY = ["Grüß", " dich", ",", " world", "."]
"""What it says, a fragment per event."""


@dataclass
class Exchange:
    """One request, and the means to answer it."""

    model: str
    body: dict[str, Any]
    headers: dict[str, str]
    client: tuple[str, int]
    """Address and port it came from: the same for requests on one connection."""
    tries: int
    """Which request for this model it is, from 1."""
    receive: Receive
    send: Send
    time: float = field(default_factory=time.monotonic)
    gone: threading.Event = field(default_factory=threading.Event)
    """Set once the client has closed the connection of an unfinished answer."""

    async def start(
        self, status: int = 200, kind: str = "text/event-stream", **headers: str
    ) -> None:
        """The head of the answer; underscores in header names stand for dashes."""
        pairs = {"content-type": kind, **{k.replace("_", "-"): v for k, v in headers.items()}}
        lines = [(k.encode(), v.encode()) for k, v in pairs.items()]
        await self.send({"type": "http.response.start", "status": status, "headers": lines})

    async def write(self, data: bytes, *, more: bool = True) -> None:
        """Some of the body; the last of it if not `more`."""
        await self.send({"type": "http.response.body", "body": data, "more_body": more})

    async def fail(self, status: int, message: str, **headers: str) -> None:
        """A refusal in OpenAI's form."""
        await self.start(status, "application/json", **headers)
        await self.write(json.dumps({"error": {"message": message}}).encode(), more=False)

    async def say(self, *words: str) -> None:
        """A fragment per word."""
        for word in words:
            await self.write(event({"role": "assistant", "content": word}))

    async def end(self) -> None:
        """The end that a good reply has: reason, usage, end mark."""
        await self.write(event({}, finish="stop"))
        await self.write(b'data: {"choices": [], "usage": {"total_tokens": 9}}\n\n')
        await self.write(b"data: [DONE]\n\n", more=False)

    async def hang(self) -> None:
        """Say no more until the client has gone."""
        while (await self.receive())["type"] != "http.disconnect":
            pass
        self.gone.set()


class DropError(Exception):
    """Raised by a behaviour to have the connection dropped."""


def event(delta: dict[str, Any], finish: str | None = None) -> bytes:
    """A chunk of a streamed chat completion."""
    choice = {"index": 0, "delta": delta, "finish_reason": finish}
    chunk = {"object": "chat.completion.chunk", "choices": [choice]}
    return b"data: " + json.dumps(chunk, ensure_ascii=False).encode() + b"\n\n"


async def good(x: Exchange) -> None:
    await x.start()
    await x.say(*REPLY)
    await x.end()


async def good_later(x: Exchange) -> None:
    """Fails twice."""
    await (good(x) if x.tries > 2 else x.fail(500, "out of memory"))


async def busy(x: Exchange) -> None:
    """Too many requests the first time."""
    await (good(x) if x.tries > 1 else x.fail(429, "slow down", retry_after="0.4"))


async def drops_first(x: Exchange) -> None:
    """Drops the first connection after the head of the answer."""
    if x.tries == 1:
        await x.start()
        raise DropError
    await good(x)


async def drops_midway(x: Exchange) -> None:
    await x.start()
    await x.say("Once", " upon")
    raise DropError


async def ends_midway(x: Exchange) -> None:
    """Ends in good order, but with neither a reason nor an end mark."""
    await x.start()
    await x.say("Once", " upon")
    await x.write(b"", more=False)


async def no_mark(x: Exchange) -> None:
    """Ends with a reason but hangs instead of closing."""
    await x.start()
    await x.say(*REPLY)
    await x.write(event({}, finish="stop"))
    await x.hang()


async def no_reason(x: Exchange) -> None:
    """Ends with the end mark alone."""
    await x.start()
    await x.say(*REPLY)
    await x.write(b"data: [DONE]\n\n", more=False)


async def silent_after_head(x: Exchange) -> None:
    """Takes the request, and never says a word."""
    await x.start()
    await x.write(b": wait a moment\n\n")
    await x.hang()


async def endless(x: Exchange) -> None:
    """Says two words and waits."""
    await x.start()
    await x.say("Once", " upon")
    await x.hang()


async def web_page(x: Exchange) -> None:
    await x.start(200, "text/html; charset=utf-8")
    await x.write(b"<!doctype html><html><body>Welcome!</body></html>", more=False)


async def plain_json(x: Exchange) -> None:
    """Does not stream."""
    await x.start(200, "application/json")
    await x.write(b'{"choices": [{"message": {"content": "Hello"}}]}', more=False)


async def error_in_json(x: Exchange) -> None:
    await x.start(200, "application/json")
    await x.write(b'{"error": {"message": "the model is on fire"}}', more=False)


async def error_midway(x: Exchange) -> None:
    await x.start()
    await x.say("Once", " upon")
    await x.write(b'data: {"error": {"message": "the model is on fire"}}\n\n')
    await x.hang()


async def bad_json(x: Exchange) -> None:
    await x.start()
    await x.say("Once", " upon")
    await x.write(b'data: {"choices": [{"del\n\n')
    await x.hang()


async def one_long_line(x: Exchange) -> None:
    """Sends bytes without an end of line, as long as they are taken."""
    await x.start(200, "application/octet-stream")
    for _ in range(160):  # 10 MB
        await x.write(b"x" * 65536)
    await x.hang()


async def torn(x: Exchange) -> None:
    """Sends every byte on its own, so that no character and no line arrives whole."""
    await x.start()
    data = b": a comment\r\n\r\nevent: message\r\n" + b"".join(
        event({"content": word}) for word in REPLY
    )
    for index in range(len(data)):
        await x.write(data[index : index + 1])
    await x.end()


async def thinks(x: Exchange) -> None:
    """Thinks aloud in a field of its own before it speaks."""
    await x.start()
    await x.write(event({"reasoning_content": "Who is this?", "content": None}))
    await x.write(event({"reasoning": "A friend."}))
    await x.say(*REPLY)
    await x.end()


async def empty(x: Exchange) -> None:
    await x.start()
    await x.end()


async def only_thinks(x: Exchange) -> None:
    """Spends all its tokens on thought."""
    await x.start()
    await x.write(event({"reasoning_content": "Who is this?"}))
    await x.write(event({}, finish="length"))
    await x.write(b"data: [DONE]\n\n", more=False)


def refusing(status: int, message: str, **headers: str) -> Callable[[Exchange], Awaitable[None]]:
    """A behaviour that always answers with `status`."""

    async def refuse(x: Exchange) -> None:
        await x.fail(status, message, **headers)

    return refuse


async def web_page_error(x: Exchange) -> None:
    await x.start(502, "text/html")
    await x.write(b"<html><h1>Bad gateway</h1></html>", more=False)


BEHAVIOURS: dict[str, Callable[[Exchange], Awaitable[None]]] = {
    "good": good,
    "good-later": good_later,
    "busy": busy,
    "drops-first": drops_first,
    "drops-midway": drops_midway,
    "ends-midway": ends_midway,
    "no-mark": no_mark,
    "no-reason": no_reason,
    "silent": Exchange.hang,
    "silent-after-head": silent_after_head,
    "endless": endless,
    "web-page": web_page,
    "web-page-error": web_page_error,
    "plain-json": plain_json,
    "error-in-json": error_in_json,
    "error-midway": error_midway,
    "bad-json": bad_json,
    "one-long-line": one_long_line,
    "torn": torn,
    "thinks": thinks,
    "only-thinks": only_thinks,
    "empty": empty,
    "very-busy": refusing(429, "slow down", retry_after="60"),
    "broken": refusing(500, "out of memory"),
    "bad-request": refusing(400, "this model takes no temperature"),
    "wrong-key": refusing(401, "Incorrect API key provided: secret-key."),
    "forbidden": refusing(403, "secret-key may not use this model"),
    "unknown": refusing(404, "model not found"),
}


class ChatServer:
    """The server; `exchanges` holds what has been asked since the last `clear`."""

    def __init__(self, url: str) -> None:
        self.url = url
        self.clear()

    def clear(self) -> None:
        """Forget what was asked."""
        self.exchanges: list[Exchange] = []
        self.asked = threading.Event()
        """Set by the first request."""

    async def __call__(self, scope: dict[str, Any], receive: Receive, send: Send) -> None:
        """The ASGI application."""
        data, more = b"", True
        while more:
            message = await receive()
            data, more = data + message.get("body", b""), message.get("more_body", False)
        body = json.loads(data)
        headers = {k.decode(): v.decode() for k, v in scope["headers"]}
        tries = 1 + sum(x.model == body["model"] for x in self.exchanges)
        exchange = Exchange(body["model"], body, headers, scope["client"], tries, receive, send)
        self.exchanges.append(exchange)
        self.asked.set()
        if scope["path"] != "/v1/chat/completions":
            await exchange.fail(404, "no such path")
        else:
            await BEHAVIOURS[exchange.model](exchange)


@contextmanager
def serving() -> Iterator[ChatServer]:
    """A server on a port of its own, in a thread, until the block ends."""
    # With the protocol named, asyncio turns off Nagle's algorithm and its pauses of 40 ms.
    with socket.socket(socket.AF_INET, socket.SOCK_STREAM, socket.IPPROTO_TCP) as listener:
        listener.bind(("127.0.0.1", 0))
        listener.listen()  # connections are taken from here on
        app = ChatServer(f"http://127.0.0.1:{listener.getsockname()[1]}/v1")
        config = uvicorn.Config(
            app,
            lifespan="off",
            log_config=None,
            access_log=False,
            date_header=False,
            timeout_graceful_shutdown=1,
        )
        server = uvicorn.Server(config)
        thread = threading.Thread(target=server.run, args=([listener],))
        thread.start()
        try:
            yield app
        finally:
            server.should_exit = True
            thread.join()
