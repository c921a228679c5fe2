"""Servers that cannot be tested: each is told in one line."""

import socket
from contextlib import AsyncExitStack
from datetime import UTC, datetime
from pathlib import Path

import numpy as np
import pytest

from agent.agent import Agent
from agent.load_test.run import LoadTest
from agent.load_test.speech import frame, room, sentence
from agent.load_test.target import Line, Target, TargetError
from agent.server.running import Place, running
from agent.server.server import Server
from configs import QUESTION
from tests.agent.doctor.test_checks_server import DAY, make
from tests.agent.server.realtime.served import an_agent, serving

pytestmark = pytest.mark.anyio

KEY = "sk-a-key-of-the-tests"
LOUD = [frame(np.full(480, 0.5, np.float32))] * 40
"""What the tests' voice detector takes for speech."""


@pytest.fixture
def anyio_backend() -> str:
    return "asyncio"


def agent() -> Agent:
    return an_agent([["Yes. "]] * 9, ["what"] * 9)


async def refused(address: str, key: str = "", certificate: Path | None = None) -> str:
    with pytest.raises(TargetError) as raised:
        await Target(address, key=key, certificate=certificate).check()
    return str(raised.value)


@pytest.mark.parametrize(
    ("given", "address"),
    [
        ("127.0.0.1:8765", "http://127.0.0.1:8765"),
        ("http://localhost:8765/", "http://localhost:8765"),
        ("ws://[::1]:8765/v1/realtime", "http://[::1]:8765"),
        ("wss://parley.example/v1", "https://parley.example"),
    ],
)
def test_addresses(given: str, address: str) -> None:
    assert Target(given).address == address


@pytest.mark.parametrize(
    "given",
    [
        "",
        "ftp://127.0.0.1",
        "http://",
        "127.0.0.1:99999",
        "http://u:p@127.0.0.1",
        "http://a/b",
        "x:y",
    ],
)
def test_what_is_no_address(given: str) -> None:
    with pytest.raises(TargetError, match="is no address of a server: give one like"):
        Target(given)


async def test_nobody_there() -> None:
    with socket.socket() as closed:
        closed.bind(("127.0.0.1", 0))
        port = closed.getsockname()[1]
    assert "cannot be reached" in await refused(f"127.0.0.1:{port}")


async def test_keys() -> None:
    async with serving(agent(), keys=(KEY,)) as address:
        assert "refuses the key: --api-key, or PARLEY_API_KEY" in await refused(address)
        assert "refuses the key" in await refused(address, "another-key-than-that")
        target = Target(address, key=KEY)
        await target.check()
        spent = await target.processor_seconds()
        assert spent is not None
        assert spent > 0


async def test_certificates(tmp_path: Path) -> None:
    cert, key = make(tmp_path, ("127.0.0.1",), end=datetime.now(UTC) + DAY)
    place = Place(port=0, tls_cert=cert, tls_key=key)
    async with running(Server(agent()), place) as address:
        told = await refused(address)
        assert "its certificate is not trusted (self-signed certificate): --tls-cert" in told
        told = await refused(address, certificate=cert)
        assert "is not ready (loading): try later" in told
        assert "cannot be reached" in await refused(address.replace("https", "http"))
    with pytest.raises(TargetError, match="is no certificate in PEM form"):
        Target("https://127.0.0.1", certificate=Path(__file__))
    with pytest.raises(TargetError, match="No such file"):
        Target("https://127.0.0.1", certificate=tmp_path / "none.pem")
    async with serving(agent()) as address:
        told = await refused(f"https://{address}")
        assert "speaks no TLS that we know" in told


async def test_who_finds_no_room_is_told_and_the_others_go_on() -> None:
    async with serving(agent(), sessions=1) as address:
        test = LoadTest(Target(address), 2, 1, [LOUD])
        await test.run()
        (told,) = test.broken
        assert "refuses (503): server_busy: " in told
        assert [turn.problem for each in test.callers for turn in each.turns] == [""]


async def test_a_server_that_goes_in_the_middle() -> None:
    async with AsyncExitStack() as stack:
        async with serving(agent()) as address:
            line = await stack.enter_async_context(Target(address).line())
            assert (await line.receive())["type"] == "session.created"
        with pytest.raises(TargetError, match=r"has gone \(the server is stopping\)"):
            await _listen(line)
        with pytest.raises(TargetError, match="has gone"):
            await line.send(LOUD[0])


async def _listen(line: Line) -> None:
    while True:
        await line.receive()


def test_a_sentence_begins_and_ends_with_its_words() -> None:
    assert len(sentence(QUESTION)) == pytest.approx(1.935 / 0.02 - 13, abs=3)
    assert len(room()) == 50
