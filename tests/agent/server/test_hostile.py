"""Clients that mean no good, on raw sockets: each is left, and everybody else is served."""

import json
import logging
import socket
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager

import anyio
import anyio.to_thread
import pytest

from agent.agent import Agent
from agent.config.load import Config
from agent.server import connections, streaming
from agent.server.audio import transcriptions
from agent.server.running import Place, running
from agent.server.security import Keys
from agent.server.server import Server
from tests.agent.server.http import get
from tests.agent.server.realtime.served import an_agent, raw, until
from tests.agent.server.test_speech import Endless

pytestmark = pytest.mark.anyio
KEY = "a-key-that-is-long-enough"
UPGRADE = (
    "Upgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Version: 13\r\n"
    "Sec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==\r\n"
)
CHUNKED = "Transfer-Encoding: chunked\r\nContent-Type: multipart/form-data; boundary=x\r\n"


@asynccontextmanager
async def serving(agent: Agent | None = None, *keys: str) -> AsyncGenerator[str, None]:
    server = Server(agent or an_agent([["Yes."]]), Keys(keys))
    await server.load()
    with anyio.fail_after(30):
        async with running(server, Place(port=0)) as address:
            yield address


class Client:
    """A client on a plain socket, which says what it likes."""

    def __init__(self, address: str) -> None:
        port = int(address.rstrip("/").rpartition(":")[2])
        self.socket = socket.create_connection(("127.0.0.1", port), timeout=10)

    async def send(self, *parts: bytes | str) -> int:
        """Send, until all has been or nobody takes any more; bytes sent."""

        def send() -> int:
            sent = 0
            for part in parts:
                data = part if isinstance(part, bytes) else part.encode()
                try:
                    self.socket.sendall(data)
                except OSError:
                    break
                sent += len(data)
            return sent

        return await anyio.to_thread.run_sync(send)

    async def receive(self) -> bytes:
        return await anyio.to_thread.run_sync(self.socket.recv, 65536)

    async def rest(self) -> bytes:
        """All that still comes, until the connection is closed."""
        data = b""
        try:
            while part := await self.receive():
                data += part
        except ConnectionError:
            pass
        self.socket.close()
        return data


async def dialled(address: str, said: str) -> Client:
    client = Client(address)
    await client.send(said)
    return client


def head(line: str, headers: str = "") -> str:
    return f"{line} HTTP/1.1\r\nHost: 127.0.0.1\r\n{headers}\r\n"


@pytest.mark.parametrize("said", ["", "GET / HT", "GET / HTTP/1.1\r\nHost: x\r\n"])
async def test_a_head_that_does_not_come(said: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """The connection is closed; one that is a WebSocket by now goes on."""
    monkeypatch.setattr(connections, "HEAD", 0.3)
    async with serving() as address, raw(address[7:-1]) as talking:
        stream = await dialled(address, said)
        assert await stream.rest() == b""
        stream = await dialled(address, head("GET /healthz"))
        assert b"200 OK" in await stream.receive()
        await stream.send(b"GET / HT")  # a second one, on the same connection
        assert await stream.rest() == b""
        await talking.send(json.dumps({"type": "response.create"}))
        await until(talking, "response.done")


async def test_many_that_say_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(connections, "WAITING", 5)
    async with serving() as address:
        silent = [await dialled(address, "GET / HT") for _ in range(20)]
        for stream in silent[:10]:
            assert await stream.rest() == b""
        assert (await get(f"{address}healthz"))[0] == 200
        for stream in silent:
            stream.socket.close()


async def test_a_body_that_does_not_come(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(connections, "GRACE", 0.3)
    async with serving() as address:
        for headers in ("Content-Length: 100\r\n", CHUNKED):
            stream = await dialled(address, head("POST /v1/audio/speech", headers))
            answer = await stream.rest()
            assert answer.startswith(b"HTTP/1.1 408")
            assert b'"code":"request_timeout"' in answer


async def test_an_upload_without_an_end(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(transcriptions, "MAX_UPLOAD", 1 << 20)
    part = b'--x\r\nContent-Disposition: form-data; name="file"; filename="a"\r\n\r\n'
    pieces = (b"%x\r\n" % len(piece) + piece + b"\r\n" for piece in [part, *[bytes(1 << 16)] * 99])
    async with serving() as address:
        client = Client(address)
        await client.send(head("POST /v1/audio/transcriptions", CHUNKED), *pieces)
        answer = b""
        while b"}" not in answer:
            answer += await client.receive()
        client.socket.close()
    assert answer.startswith(b"HTTP/1.1 413")
    assert b"larger than 1 MiB" in answer


async def test_who_leaves_while_they_send_is_no_error(caplog: pytest.LogCaptureFixture) -> None:
    async with serving() as address:
        for path in ("speech", "transcriptions"):
            length = "Content-Type: multipart/form-data; boundary=x\r\nContent-Length: 9999\r\n"
            stream = await dialled(address, head(f"POST /v1/audio/{path}", length))
            await stream.send(b"--x")
            stream.socket.close()
        assert (await get(f"{address}healthz"))[0] == 200
    assert not [each for each in caplog.records if each.levelno >= logging.ERROR]


async def test_who_does_not_read_is_left(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(streaming, "STALLED", 0.3)
    voice = Endless()
    body = json.dumps({"input": "Hello.", "response_format": "wav"})
    async with serving(Agent(Config(), tts=voice)) as address:
        request = head("POST /v1/audio/speech", f"Content-Length: {len(body)}\r\n") + body
        stream = await dialled(address, request)
        await voice.left.wait()
        stream.socket.close()


@pytest.mark.parametrize("size", [9_000, 60_000, 1_000_000])
async def test_headers_that_are_too_long(size: int) -> None:
    async with serving() as address:
        stream = await dialled(address, head("GET /v1/realtime", f"{UPGRADE}X: {'a' * size}\r\n"))
        assert (await stream.rest()).startswith(b"HTTP/1.1 400")
        assert (await get(f"{address}healthz"))[0] == 200


@pytest.mark.parametrize(
    "path",
    [
        "/page/../../server.py",
        "/page/%2e%2e/%2e%2e/server.py",
        "/page/..%2f__init__.py",
        "/page//etc/passwd",
        "http://evil.example/v1/models",
    ],
)
async def test_paths_that_lead_elsewhere(path: str) -> None:
    async with serving() as address:
        stream = await dialled(address, head(f"GET {path}", "Connection: close\r\n"))
        assert (await stream.rest()).startswith(b"HTTP/1.1 404")


async def test_a_key_in_an_address_opens_nothing_and_is_in_no_log(
    caplog: pytest.LogCaptureFixture,
) -> None:
    caplog.set_level(logging.DEBUG)
    async with serving(None, KEY) as address:
        for query in ("api_key", "key", "access_token"):
            status, _, body = await get(f"{address}v1/models?{query}={KEY}")
            assert status == 401
            assert KEY.encode() not in body
        assert (await get(f"{address}v1/models", {"Authorization": f"Bearer {KEY}"}))[0] == 200
        async with raw(
            address[7:-1], subprotocols=["realtime", f"openai-insecure-api-key.{KEY}"]
        ) as talking:
            await until(talking, "session.created")
    ours = [each for each in caplog.records if each.name.startswith(("parley", "uvicorn"))]
    assert KEY not in "".join(each.getMessage() for each in ours)


@pytest.fixture
def anyio_backend() -> str:
    return "asyncio"
