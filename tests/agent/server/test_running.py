"""A server from its first answer to its end: readiness, the limit of sessions, draining."""

import json
import socket
import ssl
import subprocess
import sys
import urllib.error
import urllib.request
from datetime import UTC, datetime, timedelta
from http.client import RemoteDisconnected
from pathlib import Path
from typing import Any

import anyio
import anyio.to_thread
import pytest
from websockets.asyncio.client import connect

from agent.agent import Agent
from agent.cli.main import main
from agent.config.load import Config
from agent.config.sections import ServerSettings
from agent.errors import ConfigError
from agent.server import running as module
from agent.server.errors import ApiError
from agent.server.running import Place, listen, running
from agent.server.server import ServeError, Server
from tests.agent.doctor.test_checks_server import make
from tests.agent.server.realtime.served import an_agent
from tests.paths import ROOT
from tests.processes import ended

pytestmark = pytest.mark.anyio


@pytest.fixture
def anyio_backend() -> str:
    return "asyncio"


async def ask(address: str, path: str, method: str = "GET") -> tuple[int, Any]:
    """The status and the body of an answer."""

    def blocking() -> tuple[int, bytes]:
        request = urllib.request.Request(address + path, method=method)
        try:
            with urllib.request.urlopen(request, timeout=10) as answer:
                return answer.status, answer.read()
        except urllib.error.HTTPError as error:
            return error.code, error.read()

    status, body = await anyio.to_thread.run_sync(blocking)
    return status, json.loads(body) if body.startswith(b"{") else body.decode()


async def test_it_answers_before_the_models_are_loaded() -> None:
    server = Server(Agent(Config()))
    try:
        async with running(server, Place(port=0)) as address:
            assert await ask(address, "healthz") == (200, {"status": "ok"})
            assert (await ask(address, "readyz"))[0] == 503
            with pytest.raises(ApiError, match="being loaded"), server.session("test"):
                pass
            await server.load()
            assert (await ask(address, "readyz"))[1] == {"status": "ready", "sessions": 0}
            assert "<title>Parley</title>" in (await ask(address, ""))[1]
            status, body = await ask(address, "v1/nothing")
            assert status == 404
            assert body["error"]["message"] == "there is nothing at GET /v1/nothing"
            assert (await ask(address, "healthz", "DELETE"))[0] == 405
    finally:
        await server.aclose()


def ready(**settings: Any) -> Server:
    server = Server(Agent(Config()), settings=ServerSettings(**settings))
    server.loaded.set()
    return server


async def test_one_more_is_told_at_once_that_it_is_full() -> None:
    server = ready(sessions=1)
    with server.session("realtime") as first:
        full = pytest.raises(ApiError, match="1 conversations already")
        with full as caught, server.session("realtime"):
            pass
        assert caught.value.code == "server_busy"
        assert caught.value.response().headers["retry-after"] == "5"
    with server.session("realtime") as second:
        assert second.id != first.id
    assert not server.sessions


async def test_when_it_stops_sessions_are_told_and_may_end(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(module, "DRAIN", 30.0)
    server = ready()
    ended = []

    async def converse(*, task_status: anyio.abc.TaskStatus[None]) -> None:
        with server.session("realtime") as session:
            task_status.started()
            await session.ending.wait()
            assert server.draining
            with pytest.raises(ApiError, match="about to stop"), server.session("realtime"):
                pass
            ended.append(session.id)

    with anyio.fail_after(20):
        async with anyio.create_task_group() as tasks, running(server, Place(port=0)):
            await tasks.start(converse)
    assert ended == ["realtime-1"]


async def test_a_session_that_does_not_end_is_not_waited_for(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(module, "DRAIN", 0.05)
    server = ready()
    with anyio.fail_after(20), server.session("realtime"):
        async with running(server, Place(port=0)):
            pass


def test_a_port_in_use() -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        with pytest.raises(ServeError, match=f"cannot listen at 127.0.0.1 port {port}"):
            listen(Place(port=port))
    with pytest.raises(ServeError, match=r"cannot listen at no\.such\.host"):
        listen(Place(host="no.such.host.invalid"))


def test_certificates(tmp_path: Path) -> None:
    nothing = tmp_path / "nothing.pem"
    nothing.write_text("nothing")
    with pytest.raises(ConfigError, match="give both"):
        Place(tls_cert=nothing).check()
    with pytest.raises(ConfigError, match="are no certificate and its key"):
        Place(tls_cert=nothing, tls_key=nothing).check()


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (["--host", "0.0.0.0"], "lets other computers in: give a key"),
        (["--api-key", "abc"], "can be guessed"),
        (["nowhere.yaml"], "no such file or preset"),
        (["--tls-cert", "README.md"], "give both of --tls-cert and --tls-key"),
    ],
)
def test_what_it_does_not_start_with(
    arguments: list[str], told: str, capfd: pytest.CaptureFixture[str]
) -> None:
    assert main(["serve", *arguments]) == 1
    assert told in capfd.readouterr().err


async def test_with_a_certificate_it_speaks_tls_alone(tmp_path: Path) -> None:
    cert, key = make(tmp_path, ("localhost", "127.0.0.1"))
    trusting = ssl.create_default_context(cafile=str(cert))
    server = Server(an_agent())
    await server.load()
    with anyio.fail_after(20):
        async with running(server, Place(port=0, tls_cert=cert, tls_key=key)) as address:
            assert address.startswith("https://")
            status = await anyio.to_thread.run_sync(
                lambda: urllib.request.urlopen(f"{address}healthz", context=trusting).status
            )
            url = f"{address.replace('https', 'wss')}v1/realtime"
            async with connect(url, ssl=trusting) as socket_:
                assert json.loads(await socket_.recv())["type"] == "session.created"
            with pytest.raises(RemoteDisconnected):
                await ask(address.replace("https", "http"), "healthz")
    assert status == 200


def test_one_clear_line_for_what_it_cannot_start_with(
    tmp_path: Path, capfd: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """A port in use, a certificate that does not fit, one that has expired, no language model."""

    def told(*arguments: str) -> str:
        assert main(["serve", "--port", "0", *arguments]) == 1
        error = capfd.readouterr().err
        assert error.startswith("parley: ")
        assert error.count("\n") == 1
        return error

    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = str(taken.getsockname()[1])
        assert "is another server there? --port chooses another" in told("--port", port)
        assert "choose another port for Wyoming" in told("--wyoming", port)
        (tmp_path / "other").mkdir()
        _, key = make(tmp_path)
        other, _ = make(tmp_path / "other", end=datetime.now(UTC) - timedelta(hours=1))
        files = ["--tls-cert", str(other), "--tls-key", str(key)]
        assert "it is the key of another certificate" in told(*files)
        files = ["--tls-cert", str(other), "--tls-key", str(other.with_name("key.pem"))]
        assert main(["serve", "--port", port, *files]) == 1
        assert "has expired" in capfd.readouterr().out
    told("--host", "192.0.2.1", "--insecure").index("--host is an address of this computer")
    without = tmp_path / "without.yaml"
    without.write_text("llm: {adapter: openai, model: gpt-x}\n")
    monkeypatch.delenv("OPENAI_API_KEY", raising=False)
    assert "OpenAI needs an API key" in told(str(without))


@pytest.mark.realtime
def test_the_command_ends_cleanly_with_sigterm() -> None:
    command = [sys.executable, "-m", "agent.cli", "serve", "offline", "--port", "0"]
    serve = subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, text=True)
    with ended(serve) as process:
        assert process.stdout is not None
        lines = []
        for line in process.stdout:
            lines.append(line)
            if line == "ready\n":
                break
        process.terminate()
        assert process.wait(20) == 0
    assert lines[0].startswith("page      http://127.0.0.1:")
