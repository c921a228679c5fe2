"""The OpenAI adapter against a real server that behaves as each test needs."""

import socket
import ssl
import struct
from collections.abc import AsyncGenerator, Sequence
from contextlib import ExitStack, aclosing, asynccontextmanager
from typing import Any

import anyio
import anyio.to_thread
import httpx2
import openai
import pytest
from anyio.abc import SocketAttribute, SocketStream

from llm_adapters import LanguageModelError, Message, TextDelta
from llm_adapters.openai.adapter import OpenAI
from llm_adapters.openai.errors import Endpoint
from tests.llm_adapters.chat_server import REPLY, ChatServer, event

pytestmark = pytest.mark.anyio

QUESTION = [Message("system", "Be brief."), Message("user", "Hello?")]
KEY = "secret-key"


@asynccontextmanager
async def adapter(url: str, model: str, **options: Any) -> AsyncGenerator[OpenAI, None]:
    llm = OpenAI(model=model, base_url=url, **{"api_key": KEY, "token_timeout": 5, **options})
    await llm.load()
    try:
        yield llm
    finally:
        await llm.aclose()


async def collect(llm: OpenAI) -> tuple[list[str], str]:
    """The fragments of a reply and the error it ended with, if any."""
    fragments: list[str] = []
    try:
        async with aclosing(llm.reply(QUESTION)) as reply:
            async for delta in reply:
                if isinstance(delta, TextDelta):
                    fragments.append(delta.text)  # noqa: PERF401 (kept when it fails)
    except LanguageModelError as error:
        return fragments, str(error)
    return fragments, ""


async def ask(url: str, model: str, **options: Any) -> tuple[list[str], str]:
    async with adapter(url, model, **options) as llm:
        return await collect(llm)


@pytest.mark.parametrize("model", ["good", "torn", "thinks", "no-reason", "no-mark"])
async def test_streams_a_reply(server: ChatServer, model: str) -> None:
    assert await ask(server.url, model) == (REPLY, "")
    assert len(server.exchanges) == 1


async def test_sends_the_conversation_and_the_options(server: ChatServer) -> None:
    await ask(server.url, "good", temperature=0.5, max_tokens=50)
    (exchange,) = server.exchanges
    assert exchange.headers["authorization"] == f"Bearer {KEY}"
    assert exchange.body == {
        "model": "good",
        "messages": [
            {"role": "system", "content": "Be brief."},
            {"role": "user", "content": "Hello?"},
        ],
        "stream": True,
        "stream_options": {"include_usage": True},
        "temperature": 0.5,
        "max_tokens": 50,
    }


async def test_an_interrupted_answer_is_marked_where_it_was_cut(server: ChatServer) -> None:
    messages = [
        Message("user", "Tell me a story."),
        Message("assistant", "Once upon a", interrupted=True),
        Message("user", "Stop."),
    ]
    async with adapter(server.url, "good") as llm, aclosing(llm.reply(messages)) as reply:
        _ = [delta async for delta in reply]
    sent = [message["content"] for message in server.exchanges[0].body["messages"]]
    assert sent == ["Tell me a story.", "Once upon a —", "Stop."]


async def test_leaves_out_what_is_not_set(server: ChatServer) -> None:
    await ask(server.url, "good")
    assert set(server.exchanges[0].body) == {
        "model",
        "messages",
        "stream",
        "stream_options",
    }


async def test_key_from_the_environment(
    server: ChatServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("OPENAI_API_KEY", "from-the-environment\n")
    await ask(server.url, "good", api_key=None)
    assert server.exchanges[0].headers["authorization"] == "Bearer from-the-environment"


async def test_a_server_of_ones_own_needs_no_key(server: ChatServer) -> None:
    assert await ask(server.url, "good", api_key="") == (REPLY, "")


async def test_a_finished_reply_leaves_the_connection_for_the_next(server: ChatServer) -> None:
    async with adapter(server.url, "good") as llm:
        await collect(llm)
        await collect(llm)
    first, second = server.exchanges
    assert first.client == second.client


# Failures: what is said, what was already heard, how often it was tried.

HALF = ["Once", " upon"]
FAILURES: dict[str, tuple[list[str], str, int]] = {
    "web-page": ([], "{url} answered with a web page: is llm.base_url right? It usually", 1),
    "web-page-error": ([], "{url} failed (502): a web page: look at the server's log", 3),
    "plain-json": ([], "{url} does not stream its replies", 1),
    "error-in-json": ([], "{url} reported an error: the model is on fire", 1),
    "one-long-line": ([], "{url} sent something that is no stream of events", 1),
    "empty": ([], "empty reply from {url}: look at the server's log", 1),
    "only-thinks": ([], "empty reply from {url}: the model used up all its tokens", 1),
    "bad-request": ([], "{url} rejects the request (400): this model takes no temperature", 1),
    "wrong-key": ([], "{url} does not accept the API key: set OPENAI_API_KEY or llm.api_key", 1),
    "forbidden": ([], "{url} forbids this: *** may not use this model", 1),
    "unknown": ([], "{url} has no model 'unknown' or no chat: model not found: check llm.model", 1),
    "broken": ([], "{url} failed (500): out of memory: look at the server's log", 3),
    "very-busy": ([], "{url} gets too many requests: slow down: try again later", 1),
    "drops-midway": (HALF, "{url} broke off in the middle of its reply", 1),
    "ends-midway": (HALF, "{url} broke off in the middle of its reply", 1),
    "bad-json": (HALF, "{url} sent an event that is not JSON", 1),
    "error-midway": (HALF, "{url} reported an error: the model is on fire", 1),
}


@pytest.mark.parametrize("model", FAILURES)
async def test_a_failure_is_one_line_that_says_what_to_do(server: ChatServer, model: str) -> None:
    fragments, message, tries = FAILURES[model]
    heard, error = await ask(server.url, model)
    assert heard == fragments
    assert error.startswith(message.format(url=server.url))
    assert len(error.splitlines()) == 1
    assert KEY not in error
    assert len(server.exchanges) == tries


@pytest.mark.parametrize(("model", "tries"), [("good-later", 3), ("busy", 2), ("drops-first", 2)])
async def test_what_passes_is_tried_again(server: ChatServer, model: str, tries: int) -> None:
    assert await ask(server.url, model) == (REPLY, "")
    assert len(server.exchanges) == tries


async def test_waits_as_long_as_the_server_asks(server: ChatServer) -> None:
    await ask(server.url, "busy")
    first, second = server.exchanges
    assert second.time - first.time >= 0.4


async def test_no_retries_when_none_are_wanted(server: ChatServer) -> None:
    _, error = await ask(server.url, "good-later", retries=0)
    assert "failed (500)" in error
    assert len(server.exchanges) == 1


async def test_a_connection_dropped_before_the_reply(server: ChatServer) -> None:
    _, error = await ask(server.url, "drops-first", retries=0)
    assert error.startswith(f"{server.url} closed the connection before its reply")


async def test_a_server_that_hangs_up_at_once() -> None:
    calls = 0

    async def hang_up(stream: SocketStream) -> None:
        nonlocal calls
        calls += 1
        await stream.aclose()

    async with await anyio.create_tcp_listener(local_host="127.0.0.1") as listener:
        url = f"http://127.0.0.1:{listener.extra(SocketAttribute.local_port)}/v1"
        async with anyio.create_task_group() as tasks:
            tasks.start_soon(listener.serve, hang_up)
            heard, error = await ask(url, "good", retries=1)
            tasks.cancel_scope.cancel()
    assert heard == []
    assert error.startswith(f"{url} closed the connection before its reply")
    assert calls == 2


@pytest.mark.parametrize(
    ("words", "fragments", "message", "tries"),
    [
        ((), [], "closed the connection before its reply", 2),
        (HALF, HALF, "broke off in the middle of its reply", 1),
    ],
)
async def test_a_connection_that_is_reset(
    words: Sequence[str], fragments: list[str], message: str, tries: int
) -> None:
    calls = 0

    async def reset(stream: SocketStream) -> None:
        nonlocal calls
        calls += 1
        await stream.receive()
        if words:
            await stream.send(b"HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\n\r\n")
            await stream.send(b"".join(event({"content": word}) for word in words))
            # Both sides are this process: what was sent is read before it is reset.
            await anyio.wait_all_tasks_blocked()
        linger = struct.pack("ii", 1, 0)
        stream.extra(SocketAttribute.raw_socket).setsockopt(
            socket.SOL_SOCKET, socket.SO_LINGER, linger
        )
        await stream.aclose()

    async with await anyio.create_tcp_listener(local_host="127.0.0.1") as listener:
        url = f"http://127.0.0.1:{listener.extra(SocketAttribute.local_port)}/v1"
        async with anyio.create_task_group() as tasks:
            tasks.start_soon(listener.serve, reset)
            heard, error = await ask(url, "good", retries=1)
            tasks.cancel_scope.cancel()
    assert heard == fragments
    assert error.startswith(f"{url} {message}")
    assert calls == tries


@pytest.mark.parametrize("model", ["silent", "silent-after-head"])
async def test_a_reply_that_never_begins(server: ChatServer, model: str) -> None:
    heard, error = await ask(server.url, model, first_token_timeout=0.5)
    assert heard == []
    assert error.startswith(f"{server.url} sent no reply within 0.5 s (llm.first_token_timeout)")
    (exchange,) = server.exchanges
    assert await anyio.to_thread.run_sync(exchange.gone.wait, 5)


async def test_a_reply_that_stops_midway(server: ChatServer) -> None:
    heard, error = await ask(server.url, "endless", token_timeout=0.2)
    assert heard == HALF
    assert error.startswith(
        f"{server.url} stopped in the middle of its reply: nothing more for 0.2"
    )
    (exchange,) = server.exchanges
    assert await anyio.to_thread.run_sync(exchange.gone.wait, 5)


async def test_a_slow_listener_is_no_hang(server: ChatServer) -> None:
    """The limit between tokens is the model's: it does not run while the caller is busy."""
    heard: list[str] = []
    async with (
        adapter(server.url, "good", token_timeout=0.2) as llm,
        aclosing(llm.reply(QUESTION)) as reply,
    ):
        async for delta in reply:
            if not heard:
                await anyio.sleep(0.3)  # what is tested is that this time does not count
            assert isinstance(delta, TextDelta)
            heard.append(delta.text)
    assert heard == REPLY


async def test_closing_the_reply_closes_the_connection(server: ChatServer) -> None:
    async with adapter(server.url, "endless") as llm:
        async with aclosing(llm.reply(QUESTION)) as reply:
            assert await anext(reply) == TextDelta("Once")
        (exchange,) = server.exchanges
        assert await anyio.to_thread.run_sync(exchange.gone.wait, 5)
        async with aclosing(llm.reply(QUESTION)) as reply:  # and the adapter is good for another
            assert await anext(reply) == TextDelta("Once")


async def test_cancelling_before_the_reply_closes_the_connection(server: ChatServer) -> None:
    async with adapter(server.url, "silent") as llm:
        async with anyio.create_task_group() as tasks:
            tasks.start_soon(collect, llm)
            assert await anyio.to_thread.run_sync(server.asked.wait, 5)
            tasks.cancel_scope.cancel()
        (exchange,) = server.exchanges
        assert await anyio.to_thread.run_sync(exchange.gone.wait, 5)


async def test_cancelling_within_the_reply_closes_the_connection(server: ChatServer) -> None:
    heard: list[str] = []
    async with adapter(server.url, "endless") as llm:
        with anyio.CancelScope() as scope:
            async with aclosing(llm.reply(QUESTION)) as reply:
                async for delta in reply:
                    assert isinstance(delta, TextDelta)
                    heard.append(delta.text)
                    if heard == HALF:  # the next one will never come
                        scope.deadline = anyio.current_time() + 0.1
        assert scope.cancelled_caught
        (exchange,) = server.exchanges
        assert await anyio.to_thread.run_sync(exchange.gone.wait, 5)
    assert heard == HALF


async def test_nobody_listens() -> None:
    with socket.socket() as closed:
        closed.bind(("127.0.0.1", 0))  # taken, but not listening
        url = f"http://127.0.0.1:{closed.getsockname()[1]}/v1"
        heard, error = await ask(url, "good")
    assert heard == []
    assert error == f"nothing answers at {url}: start the server or set llm.base_url"


async def test_a_plain_server_behind_https(server: ChatServer) -> None:
    _, error = await ask(server.url.replace("http:", "https:"), "good")
    assert error.startswith("no secure connection to https://127.0.0.1")
    assert server.exchanges == []


async def test_a_wrong_path(server: ChatServer) -> None:
    _, error = await ask(server.url.removesuffix("/v1"), "good")
    assert "no such path" in error
    assert "usually ends in /v1" in error


async def test_openai_itself_needs_a_key() -> None:
    for url in (None, "https://api.openai.com/v1"):
        with pytest.raises(LanguageModelError, match=r"set OPENAI_API_KEY or llm\.api_key"):
            await OpenAI(model="good", base_url=url).load()


async def test_the_endpoint_from_the_environment(
    server: ChatServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("OPENAI_BASE_URL", server.url)
    llm = OpenAI(model="good")
    assert await collect(llm) == (REPLY, "")  # and a reply loads what is not loaded
    await llm.aclose()


@pytest.mark.parametrize("url", ["127.0.0.1:8080", "ftp://host/v1", "http://", "http://h:port/v1"])
async def test_not_a_url(url: str) -> None:
    with pytest.raises(LanguageModelError, match=r"llm\.base_url is not a URL"):
        await OpenAI(model="good", base_url=url).load()


async def test_a_key_that_cannot_be_sent_is_not_shown() -> None:
    llm = OpenAI(model="good", base_url="http://127.0.0.1:1/v1", api_key="schlüssel")
    with pytest.raises(LanguageModelError, match="holds characters that no key has") as caught:
        await llm.load()
    assert "schl" not in str(caught.value)


ENDPOINT = Endpoint("https://user:password@example.test/v1/?token=x", "m", KEY)


def test_nothing_secret_is_shown() -> None:
    assert ENDPOINT.address == "https://example.test/v1"
    assert KEY not in repr(ENDPOINT)
    assert KEY not in repr(OpenAI(model="m", api_key=KEY))
    assert ENDPOINT.quote(f"the key {KEY}\nis " + "x" * 300).startswith("the key *** is xxx")


@pytest.mark.parametrize(
    ("cause", "message", "passes"),
    [
        (socket.gaierror(-2, "Name or service not known"), "the host example.test is not", False),
        (ssl.SSLError(1, "expired"), "no secure connection to https://example.test/v1 (", False),
        (ConnectionRefusedError(111, "refused"), "nothing answers at https://example", True),
        (ConnectionResetError(104, "reset"), "https://example.test/v1 closed the conn", True),
    ],
)
def test_the_cause_of_no_connection(cause: Exception, message: str, passes: bool) -> None:
    error = openai.APIConnectionError(request=httpx2.Request("POST", ENDPOINT.url))
    error.__cause__ = ExceptionGroup("all attempts failed", [cause])
    explained = ENDPOINT.explain(error, begun=False)
    assert str(explained).startswith(message)
    assert explained.passes == passes


async def test_a_connection_that_takes_too_long() -> None:
    """A server that takes no more connections: its queue is full."""
    with socket.create_server(("127.0.0.1", 0), backlog=0) as full, ExitStack() as stack:
        for _ in range(3):
            waiting = stack.enter_context(socket.socket())
            waiting.setblocking(False)
            waiting.connect_ex(full.getsockname())
        url = f"http://127.0.0.1:{full.getsockname()[1]}/v1"
        heard, error = await ask(url, "good", connect_timeout=0.3)
    assert heard == []
    assert error.startswith(f"no connection to {url} in time (llm.connect_timeout)")
