"""Finding a language model: real servers on the loopback, on ports of their own."""

import json
import socket
import threading
import time
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import anyio
import pytest

from llm_adapters import (
    FailsFast,
    LanguageModelError,
    Message,
    Notice,
    TextDelta,
    WarmsUp,
    discover,
)
from llm_adapters.auto import Auto, choose
from llm_adapters.discover import OPENAI_MODEL, Server
from llm_adapters.openai.adapter import FAST_FIRST_TOKEN
from tests.llm_adapters.chat_server import REPLY, ChatServer

pytestmark = pytest.mark.anyio

Serve = Callable[..., int]


@pytest.fixture
def serve() -> Iterator[Serve]:
    """Starts a server that answers `GET /v1/models` with these names, and gives its port."""
    servers: list[ThreadingHTTPServer] = []

    def serve(*names: str, status: int = 200, body: bytes | None = None) -> int:
        listed = {"data": [{"id": name} for name in names] or None}

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                self.send_response(status if self.path == "/v1/models" else 404)
                self.end_headers()
                self.wfile.write(body if body is not None else json.dumps(listed).encode())

            def log_message(self, *_: object) -> None:
                pass

        server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        servers.append(server)
        threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True).start()
        return server.server_port

    yield serve
    for server in servers:
        server.shutdown()
        server.server_close()


@pytest.fixture
def ports(monkeypatch: pytest.MonkeyPatch) -> dict[str, int]:
    """Where servers are looked for."""
    assert discover.TIMEOUT == 0.5
    servers: dict[str, int] = {}
    monkeypatch.setattr(discover, "SERVERS", servers)
    return servers


async def test_what_answers_is_found(
    serve: Serve, ports: dict[str, int], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(discover, "TIMEOUT", 30)  # for a busy machine: none of them is late
    with socket.socket() as closed:
        closed.bind(("127.0.0.1", 0))
        ports |= {
            "one": serve("a", "nomic-embed-text", "b"),
            "closed": closed.getsockname()[1],
            "a web site": serve(body=b"<html>"),
            "something else": serve(body=b'{"status": "ok"}'),
            "broken": serve(status=500),
            "empty": serve(),
        }
        monkeypatch.setenv("OPENAI_API_KEY", "sk-secret")
        found = await discover.discover()
    assert found == [
        Server("one", f"http://127.0.0.1:{ports['one']}/v1", ("a", "b")),
        Server("empty", f"http://127.0.0.1:{ports['empty']}/v1", ()),
        Server("OpenAI", discover.OPENAI, (OPENAI_MODEL,), local=False),
    ]
    assert "sk-secret" not in repr(found)


async def test_who_does_not_answer_is_not_waited_for(ports: dict[str, int]) -> None:
    await discover.discover()  # imports what it needs
    with (
        socket.create_server(("127.0.0.1", 0)) as one,
        socket.create_server(("127.0.0.1", 0)) as two,
    ):
        ports |= {"one": one.getsockname()[1], "two": two.getsockname()[1]}
        began = time.monotonic()
        assert await discover.discover() == []
        assert discover.TIMEOUT <= time.monotonic() - began < 5


async def test_a_loop_that_is_busy_takes_no_time_from_the_servers(
    serve: Serve, ports: dict[str, int], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Other engines are loaded meanwhile, and nobody else can tell who was late."""
    monkeypatch.setattr(discover, "TIMEOUT", 0.2)
    ports["one"] = serve("a")

    async def hold_up() -> None:
        time.sleep(0.5)  # noqa: ASYNC251

    async with anyio.create_task_group() as tasks:
        tasks.start_soon(hold_up)
        assert [server.name for server in await discover.discover()] == ["one"]


async def test_the_environment_comes_first(
    serve: Serve, ports: dict[str, int], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(discover, "TIMEOUT", 30)
    ports["one"] = serve("a")
    url = f"http://127.0.0.1:{serve('b')}/v1"
    monkeypatch.setenv("OPENAI_BASE_URL", f"{url}/")
    assert [server.models for server in await discover.discover()] == [("b",), ("a",)]
    monkeypatch.setenv("OPENAI_BASE_URL", "not an address")
    assert [server.models for server in await discover.discover()] == [("a",)]


async def test_the_adapter_uses_what_is_found(
    server: ChatServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def found() -> list[Server]:
        return [Server("Ollama", server.url, ("good",))]

    monkeypatch.setattr("llm_adapters.auto.discover", found)
    monkeypatch.setenv("OPENAI_API_KEY", "sk-secret")
    llm = Auto(max_tokens=20)
    assert isinstance(llm, FailsFast)
    llm.fail_fast()
    await llm.load()
    assert llm._llm is not None
    assert llm._llm._first_token_timeout == FAST_FIRST_TOKEN
    assert isinstance(llm, WarmsUp)
    await llm.warm_up([])
    items = [item async for item in llm.reply([Message("user", "Hello?")])]
    await llm.aclose()
    notice = Notice("llm.found", f"Ollama at {server.url} answers with good", "info")
    assert items == [notice, *map(TextDelta, REPLY)]
    assert server.exchanges[-1].body["max_tokens"] == 20
    # The key of an account elsewhere is not for whoever listens here.
    assert server.exchanges[-1].headers["authorization"] == "Bearer none"


OLLAMA = Server("Ollama", "http://o/v1", ("llama3.2:latest", "qwen3"))
EMPTY = Server("LM Studio", "http://l/v1", ())


def test_the_choice() -> None:
    assert choose([EMPTY, OLLAMA], None) == (OLLAMA, "llama3.2:latest")
    assert choose([EMPTY, OLLAMA], "qwen3") == (OLLAMA, "qwen3")
    assert choose([EMPTY, OLLAMA], "llama3.2") == (OLLAMA, "llama3.2:latest")


@pytest.mark.parametrize(
    ("found", "wanted", "message"),
    [
        ([], None, "no language model was found: start one .Ollama, LM Studio"),
        ([], "m", "no language model was found"),
        ([EMPTY], None, "LM Studio at http://l/v1 runs but has no model: download one"),
        ([OLLAMA], "m", "no language model 'm' was found .there are: Ollama at http://o/v1: llama"),
    ],
)
def test_no_choice(found: list[Server], wanted: str | None, message: str) -> None:
    with pytest.raises(LanguageModelError, match=message):
        choose(found, wanted)
