"""Who may come in: keys, short-lived keys, pages of other origins, names that are not ours."""

from pathlib import Path

import pytest
from starlette.applications import Starlette
from starlette.responses import PlainTextResponse
from starlette.routing import Route, WebSocketRoute
from starlette.types import Message, Scope
from starlette.websockets import WebSocket

from agent.errors import ConfigError
from agent.server.security import Gate, Keys, is_loopback, read_keys

pytestmark = pytest.mark.anyio
KEY, OTHER = "a-key-that-is-long-enough", "another-key-that-is-long"


@pytest.fixture
def anyio_backend() -> str:
    return "asyncio"


async def _talk(socket: WebSocket) -> None:
    await socket.accept("realtime")
    await socket.close()


INSIDE = Starlette(
    routes=[
        Route("/v1/models", lambda _: PlainTextResponse("in")),
        Route("/", lambda _: PlainTextResponse("in")),
        WebSocketRoute("/v1/realtime", _talk),
    ]
)


async def asked(
    gate: Gate, path: str, headers: dict[str, str], *, kind: str = "http", extension: bool = True
) -> list[Message]:
    """What the gate answers to one request."""
    sent: list[Message] = []

    async def receive() -> Message:
        return {"type": "websocket.connect" if kind == "websocket" else "http.request"}

    async def send(message: Message) -> None:
        sent.append(message)

    scope: Scope = {
        "type": kind,
        "method": "GET",
        "path": path,
        "raw_path": path.encode(),
        "query_string": b"",
        "headers": [(k.encode(), v.encode()) for k, v in {"host": "127.0.0.1", **headers}.items()],
        "subprotocols": ["realtime"],
        "extensions": {"websocket.http.response": {}} if extension else {},
    }
    if kind == "http":
        del scope["subprotocols"]
    await gate(scope, receive, send)
    return sent


def gate(*keys: str, origins: tuple[str, ...] = (), hosts: tuple[str, ...] = ()) -> Gate:
    return Gate(INSIDE, Keys(keys), origins, {*hosts})


@pytest.mark.parametrize(
    ("headers", "status"),
    [
        ({"authorization": f"Bearer {KEY}"}, 200),
        ({"authorization": f"bearer {OTHER}"}, 200),
        ({"authorization": f"Basic {KEY}"}, 401),
        ({"authorization": f"Bearer {KEY}x"}, 401),
        ({"authorization": "Bearer Schlüssel"}, 401),
        ({}, 401),
    ],
)
async def test_keys(headers: dict[str, str], status: int) -> None:
    answer = (await asked(gate(KEY, OTHER), "/v1/models", headers))[0]
    assert answer["status"] == status
    if status == 401:
        assert (b"www-authenticate", b"Bearer") in answer["headers"]


async def test_the_page_itself_needs_none() -> None:
    assert (await asked(gate(KEY), "/", {}))[0]["status"] == 200


@pytest.mark.parametrize(
    ("offered", "opened"),
    [
        (f"realtime, openai-insecure-api-key.{KEY}, openai-agents-sdk.0.20.0", True),
        ("realtime, openai-insecure-api-key.wrong", False),
        ("realtime", False),
    ],
)
async def test_a_browser_offers_its_key_as_a_subprotocol(offered: str, opened: bool) -> None:
    sent = await asked(
        gate(KEY), "/v1/realtime", {"sec-websocket-protocol": offered}, kind="websocket"
    )
    if opened:
        assert sent[0]["type"] == "websocket.accept"
        assert sent[0]["subprotocol"] == "realtime"
    else:
        assert sent[0]["type"] == "websocket.http.response.start"
        assert sent[0]["status"] == 401
        assert b"invalid_api_key" in sent[1]["body"]


async def test_a_server_that_cannot_answer_before_the_upgrade_closes() -> None:
    sent = await asked(gate(KEY), "/v1/realtime", {}, kind="websocket", extension=False)
    assert sent == [{"type": "websocket.close", "code": 1008, "reason": sent[0]["reason"]}]


async def test_a_short_lived_key_opens_sessions_alone() -> None:
    keys = Keys((KEY,))
    door = Gate(INSIDE, keys, (), set())
    secret = keys.give_out(60, {"voice": "x"})
    assert secret.value.startswith("ek_")
    headers = {"authorization": f"Bearer {secret.value}"}
    sent = await asked(door, "/v1/realtime", headers, kind="websocket")
    assert sent[0]["type"] == "websocket.accept"
    assert (await asked(door, "/v1/models", headers))[0]["status"] == 401
    found = keys.secret(secret.value)
    assert found is not None
    assert found.session == {"voice": "x"}
    assert keys.secret(keys.give_out(-1, {}).value) is None


@pytest.mark.parametrize(
    ("headers", "status"),
    [
        ({}, 200),
        ({"origin": "http://127.0.0.1"}, 200),
        ({"origin": "https://evil.example"}, 403),
        ({"origin": "null"}, 403),
        ({"origin": "https://good.example"}, 200),
        ({"host": "localhost:8765"}, 200),
        ({"host": "[::1]:8765"}, 200),
        ({"host": "evil.example"}, 403),  # a name that was made to point here
    ],
)
async def test_without_a_key_no_page_of_somebody_else(headers: dict[str, str], status: int) -> None:
    door = gate(origins=("https://good.example/",), hosts=("127.0.0.1",))
    assert (await asked(door, "/v1/models", headers))[0]["status"] == status


async def test_with_a_key_the_origin_says_nothing() -> None:
    headers = {"origin": "https://evil.example", "authorization": f"Bearer {KEY}"}
    assert (await asked(gate(KEY), "/v1/models", headers))[0]["status"] == 200


def test_keys_of_a_file(tmp_path: Path) -> None:
    file = tmp_path / "keys"
    file.write_text(f"# ours\n{OTHER}\n\n")
    file.chmod(0o600)
    assert read_keys([KEY, " "], file) == (KEY, OTHER)
    file.chmod(0o644)
    with pytest.raises(ConfigError, match="may be read by others: chmod 600"):
        read_keys([], file)
    file.chmod(0o600)
    file.write_text("# none\n")
    with pytest.raises(ConfigError, match="has no key in it"):
        read_keys([], file)
    with pytest.raises(ConfigError, match=r"no cannot be read: No such file or directory$"):
        read_keys([], tmp_path / "no")
    file.write_bytes(b"\xff")
    with pytest.raises(ConfigError, match="is no list of keys: it is not UTF-8"):
        read_keys([], file)
    with pytest.raises(ConfigError, match="can be guessed"):
        read_keys(["short"], None)


@pytest.mark.parametrize(
    ("host", "own"),
    [("127.0.0.1", True), ("::1", True), ("localhost", True), ("0.0.0.0", False), ("::", False)],
)
def test_loopback(host: str, *, own: bool) -> None:
    assert is_loopback(host) is own
