"""The toolbox: what stands in the configuration, limits, timers and controls."""

from collections.abc import AsyncGenerator, Sequence
from contextlib import asynccontextmanager

import anyio
import pytest
import trio.testing
from pydantic import TypeAdapter, ValidationError

from agent.errors import ConfigError
from agent.events import Event
from agent.tools import Toolbox, ToolReturned, ToolSettings
from agent.tools.function import function_tool
from llm_adapters import ToolCall
from tests.agent.tools.muted import Muted

pytestmark = pytest.mark.anyio

on_virtual_time = pytest.mark.parametrize(
    "anyio_backend", [("trio", {"clock": trio.testing.MockClock(autojump_threshold=0)})]
)
EXAMPLES = "tests.agent.tools.examples"


def settings(*tools: object) -> list[ToolSettings]:
    return TypeAdapter(list[ToolSettings]).validate_python(list(tools))


@asynccontextmanager
async def opened(*tools: object) -> AsyncGenerator[tuple[Toolbox, Muted, list[Event]], None]:
    events: list[Event] = []
    controls = Muted()
    async with Toolbox.open(settings(*tools), controls, events.append) as toolbox:
        yield toolbox, controls, events


async def call(toolbox: Toolbox, name: str, arguments: str = "") -> str:
    run = toolbox.start(ToolCall("1", name, arguments), 1)
    await run.done.wait()
    return run.tell()


async def test_named_tools_are_there() -> None:
    async with opened("time", f"{EXAMPLES}:sphinx", {"function": "timer"}) as (toolbox, _, _):
        assert [spec.name for spec in toolbox.specs] == ["time", "sphinx", "timer"]
        assert await call(toolbox, "sphinx", '{"city": "Rome"}') == "20 C in Rome"


@pytest.mark.parametrize(
    ("tools", "problem"),
    [
        (["tiem"], "tools: 'tiem' is neither package.module:function nor built in .time, timer"),
        ([f"{EXAMPLES}:dark"], "tools: the tool tests.agent.tools.examples:dark cannot be"),
        ([f"{EXAMPLES}:untyped"], "tools: the tool untyped has no usable signature"),
        (["time", "time"], "tools: there are two tools of the name time"),
    ],
)
async def test_a_tool_that_cannot_be_made_is_an_error(tools: Sequence[str], problem: str) -> None:
    with pytest.raises(ConfigError, match=problem):
        async with opened(*tools):
            pass


@pytest.mark.parametrize(
    ("tool", "problem"),
    [
        ({}, "should have either function or mcp"),
        ({"function": "time", "mcp": {"url": "http://x"}}, "should have either function or mcp"),
        ({"function": "time", "only": ["time"]}, "names tools, which only an mcp server has"),
        ({"mcp": {}}, "should have either command or url"),
        ({"mcp": {"command": []}}, "at least 1 item"),
        ({"function": "time", "timeout": True}, "should not be true or false"),
        ({"function": "time", "confrim": True}, "Extra inputs are not permitted"),
    ],
)
def test_wrong_settings(tool: object, problem: str) -> None:
    with pytest.raises(ValidationError, match=problem):
        settings(tool)


def test_the_schema_for_editors_takes_a_name_alone() -> None:
    schema = TypeAdapter(list[ToolSettings]).json_schema()
    described = schema["$defs"]["ToolSettings"]
    assert described["type"] == ["object", "string"]
    assert "confirm" in described["properties"]


@on_virtual_time
async def test_a_call_that_takes_too_long_is_given_up() -> None:
    async with opened() as (toolbox, _, events):
        toolbox.add(function_tool(anyio.sleep_forever, timeout=3))
        assert await call(toolbox, "sleep_forever") == "error: no result within 3 s"
        returned = events[-1]
        assert isinstance(returned, ToolReturned)
        assert (returned.ms, returned.ok) == (3000, False)


async def test_calls_end_with_the_conversation() -> None:
    ended = False

    async def endless() -> None:
        """Runs on."""
        nonlocal ended
        try:
            await anyio.sleep_forever()
        finally:
            ended = True

    async with opened() as (toolbox, _, _):
        toolbox.add(function_tool(endless))
        toolbox.start(ToolCall("1", "endless", ""), 1)
        await anyio.wait_all_tasks_blocked()
    assert ended


@on_virtual_time
async def test_a_timer_speaks_up_when_it_ends() -> None:
    async with opened("timer") as (toolbox, _, _):
        began = anyio.current_time()
        said = await call(toolbox, "timer", '{"seconds": 300, "announcement": "Tea!"}')
        assert said == "set: in 300 seconds the user will be told: Tea!"
        await call(toolbox, "timer", '{"seconds": 60, "name": "egg"}')
        assert await toolbox.announcements.receive() == "Your egg is done."
        assert anyio.current_time() - began == pytest.approx(60)
        assert await toolbox.announcements.receive() == "Tea!"
        assert anyio.current_time() - began == pytest.approx(300)


@on_virtual_time
async def test_a_timer_is_replaced_and_cancelled() -> None:
    async with opened("timer") as (toolbox, _, _):
        began = anyio.current_time()
        await call(toolbox, "timer", '{"seconds": 60, "name": "egg"}')
        await call(toolbox, "timer", '{"seconds": 90, "name": "egg"}')
        await call(toolbox, "timer", '{"seconds": 10, "name": "tea"}')
        assert await call(toolbox, "timer", '{"seconds": 0, "name": "tea"}') == "cancelled"
        none = await call(toolbox, "timer", '{"seconds": 0, "name": "tea"}')
        assert none == "there is no timer 'tea'; running: egg"
        assert await toolbox.announcements.receive() == "Your egg is done."
        assert anyio.current_time() - began == pytest.approx(90)


async def test_the_time() -> None:
    async with opened("time") as (toolbox, _, _):
        assert (await call(toolbox, "time", '{"zone": "Asia/Tokyo"}')).endswith(" Asia/Tokyo")
        assert " 20" in await call(toolbox, "time")
        wrong = await call(toolbox, "time", '{"zone": "Mars/North"}')
        assert wrong == "error: there is no time zone 'Mars/North'"


async def test_the_controls() -> None:
    async with opened("stop", "repeat", "volume") as (toolbox, controls, _):
        assert await call(toolbox, "volume", '{"percent": 30}') == "the volume is 30 percent"
        assert await call(toolbox, "volume", '{"change": -50}') == "the volume is 0 percent"
        assert await call(toolbox, "volume", '{"change": 10}') == "the volume is 10 percent"
        assert controls.volume == pytest.approx(0.1)

        stop = toolbox.start(ToolCall("1", "stop", ""), 1)
        await stop.done.wait()
        assert controls.stopped
        assert stop.say is not None
        assert stop.say.text == ""

        repeat = toolbox.start(ToolCall("1", "repeat", ""), 1)
        await repeat.done.wait()
        assert repeat.say is not None
        assert repeat.say.text == "It is noon."
        repeat.tell()
        controls.last = ""
        assert await call(toolbox, "repeat") == "nothing has been said yet"
