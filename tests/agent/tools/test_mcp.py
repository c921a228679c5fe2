"""MCP: a real server over stdin and stdout and over HTTP, also one that dies."""

import os
import signal
import subprocess
import sys
from collections.abc import AsyncGenerator, Iterator
from contextlib import asynccontextmanager
from pathlib import Path

import anyio
import anyio.to_thread
import pytest

from agent.events import Event, WarningEvent
from agent.tools import Toolbox, ToolSettings
from llm_adapters import ToolCall
from tests.agent.tools.muted import Muted

pytestmark = pytest.mark.anyio

SERVER = [sys.executable, str(Path(__file__).with_name("server.py"))]
BROKEN = [sys.executable, "-c", "import sys; sys.exit('the config file is missing')"]


def serve(*arguments: str) -> tuple[subprocess.Popen[str], int]:
    """A server over HTTP, once it listens, and its port."""
    process = subprocess.Popen([*SERVER, "http", *arguments], stdout=subprocess.PIPE, text=True)
    assert process.stdout is not None
    return process, int(process.stdout.readline())


def end(process: subprocess.Popen[str]) -> None:
    with process:  # closes its output, and waits
        process.kill()


@pytest.fixture(autouse=True)
def patience(monkeypatch: pytest.MonkeyPatch) -> None:
    """A busy machine takes its time to start a program."""
    monkeypatch.setattr("agent.tools.toolbox.PATIENCE", 60)


@pytest.fixture(scope="module")
def running() -> Iterator[dict[str, object]]:
    """The `mcp` settings of a server over HTTP: nothing that a test does there remains."""
    process, port = serve()
    yield {"url": f"http://127.0.0.1:{port}/mcp"}
    end(process)


@pytest.fixture(params=["stdio", "http"])
def mcp(request: pytest.FixtureRequest) -> dict[str, object]:
    """The `mcp` settings of a server over either transport."""
    if request.param == "stdio":
        return {"command": SERVER, "environment": ["PARLEY_TEST"]}
    settings: dict[str, object] = request.getfixturevalue("running")
    return settings


@pytest.fixture(params=["stdio", "http"])
def mortal(request: pytest.FixtureRequest) -> Iterator[dict[str, object]]:
    """The same, of a server that nobody else uses."""
    if request.param == "stdio":
        yield {"command": SERVER}
        return
    process, port = serve()
    yield {"url": f"http://127.0.0.1:{port}/mcp"}
    end(process)


@asynccontextmanager
async def toolbox(
    mcp: dict[str, object], **options: object
) -> AsyncGenerator[tuple[Toolbox, list[Event]], None]:
    events: list[Event] = []
    settings = ToolSettings.model_validate({"mcp": mcp, **options})
    async with Toolbox.open([settings], Muted(), events.append) as opened:
        yield opened, events


async def call(tools: Toolbox, name: str, arguments: str = "{}") -> str:
    run = tools.start(ToolCall("1", name, arguments), 1)
    await run.done.wait()
    return run.tell()


@pytest.mark.long
async def test_tools_of_a_server(mcp: dict[str, object], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PARLEY_TEST", "for the server")
    monkeypatch.setenv("PARLEY_SECRET", "not for the server")
    used = ["add", "to.upper", "fail", "environment"]
    async with toolbox(mcp, confirm=["add"], only=used) as (tools, events):
        assert [spec.name for spec in tools.specs] == ["add", "to_upper", "fail", "environment"]
        assert tools.specs[0].description == "Add two numbers."
        assert tools.specs[0].parameters["properties"]["a"]["type"] == "integer"
        assert await call(tools, "to_upper", '{"text": "hello"}') == "HELLO"
        assert await call(tools, "fail") == "error: Error executing tool fail"
        # Its arguments are the server's to check.
        assert (await call(tools, "to_upper", '{"text": 1}')).startswith("error: ")
        assert "the user has been asked" in await call(tools, "add", '{"a": 1, "b": 2}')
        # Of the environment only what is named is handed on.
        told = "for the server" if "command" in mcp else "not set"
        assert await call(tools, "environment", '{"name": "PARLEY_TEST"}') == told
        assert await call(tools, "environment", '{"name": "PARLEY_SECRET"}') == "not set"
        assert not [event for event in events if isinstance(event, WarningEvent)]


@pytest.mark.long
async def test_a_server_that_is_killed_in_mid_call(
    mortal: dict[str, object], tmp_path: Path
) -> None:
    place = tmp_path / "pid"
    os.mkfifo(place)
    again: list[subprocess.Popen[str]] = []
    async with toolbox(mortal) as (tools, _):
        run = tools.start(ToolCall("1", "hang", f'{{"place": "{place}"}}'), 1)
        os.kill(int(await anyio.to_thread.run_sync(place.read_text)), signal.SIGKILL)
        with anyio.fail_after(60):
            await run.done.wait()
        assert "went away during the call" in run.tell()
        assert "not known" in run.tell()
        if "url" in mortal:  # a program is started again by us, what is reached by others
            assert "does not answer" in await call(tools, "add", '{"a": 1, "b": 2}')
            again.append(serve(str(mortal["url"]).split(":")[2].split("/")[0])[0])
        assert await call(tools, "add", '{"a": 1, "b": 2}') == "3"
    for process in again:
        end(process)


async def test_the_conversation_ends_in_mid_call(mcp: dict[str, object], tmp_path: Path) -> None:
    place = tmp_path / "pid"
    os.mkfifo(place)
    with anyio.fail_after(60):
        async with toolbox(mcp) as (tools, _):
            run = tools.start(ToolCall("1", "hang", f'{{"place": "{place}"}}'), 1)
            await anyio.to_thread.run_sync(place.read_text)
        assert not run.done.is_set()


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"command": ["no-such-program"]}, "there is no no-such-program"),
        ({"command": BROKEN}, "does not answer: the config file is missing"),
        ({"url": "http://127.0.0.1:1/mcp"}, "http://127.0.0.1:1/mcp does not answer"),
        (None, "has no tool subtract; it has add, "),
    ],
)
async def test_a_server_that_cannot_be_used_is_a_warning(
    settings: dict[str, object] | None, running: dict[str, object], message: str
) -> None:
    async with toolbox(settings or running, only=["subtract"]) as (tools, events):
        assert tools.specs == ()
        (warning,) = events
        assert isinstance(warning, WarningEvent)
        assert message in warning.message
        assert len(warning.message.splitlines()) == 1
