"""An MCP server that floods its output ends the call, and costs no memory to speak of."""

import json
import sys
import time
import tracemalloc
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import anyio
import pytest
from hypothesis import given
from hypothesis import strategies as st

from agent.events import Event, WarningEvent
from agent.tools import Toolbox, ToolSettings
from agent.tools.mcp_stdio import LONGEST, shortened
from llm_adapters import ToolCall
from tests.agent.tools.muted import Muted
from tests.faults import hostile
from tests.faults.hostile import bomb, bounded_memory, endless, head, serving

pytestmark = pytest.mark.anyio

GZIP = "Content-Encoding: gzip"
SERVER = [sys.executable, str(Path(__file__).with_name("flooding_server.py"))]


@pytest.fixture(autouse=True)
def patience(monkeypatch: pytest.MonkeyPatch) -> None:
    """A busy machine takes its time to start a program."""
    monkeypatch.setattr("agent.tools.toolbox.PATIENCE", 60)


@asynccontextmanager
async def opened(*arguments: str) -> AsyncGenerator[tuple[Toolbox, list[Event]]]:
    events: list[Event] = []
    settings = ToolSettings.model_validate({"mcp": {"command": [*SERVER, *arguments]}})
    with anyio.fail_after(120):
        async with Toolbox.open([settings], Muted(), events.append) as toolbox:
            yield toolbox, events


async def call(toolbox: Toolbox, name: str, arguments: str = "{}") -> str:
    run = toolbox.start(ToolCall("1", name, arguments), 1)
    await run.done.wait()
    return run.tell()


@pytest.mark.parametrize("packed", [False, True])
async def test_a_server_over_http_that_answers_without_end(packed: bool) -> None:
    """Of a stream of events the mcp package itself limits each."""
    answer = head(hostile.JSON, "200 OK", *([GZIP] if packed else []))
    events: list[Event] = []
    with serving(answer, bomb() if packed else endless(b"e")) as url:
        settings = ToolSettings.model_validate({"mcp": {"url": url}})
        with bounded_memory(), anyio.fail_after(120):
            async with Toolbox.open([settings], Muted(), events.append) as toolbox:
                assert not toolbox.specs
    warnings = [event for event in events if isinstance(event, WarningEvent)]
    assert len(warnings) == 1
    assert "\n" not in warnings[0].message


@pytest.mark.long
@pytest.mark.parametrize("flood", ["endless_line", "endless_noise"])
async def test_a_server_that_floods_its_output(flood: str) -> None:
    async with opened() as (toolbox, _):
        first = await call(toolbox, "pid")
        tracemalloc.start()
        try:
            told = await call(toolbox, flood)
            peak = tracemalloc.get_traced_memory()[1]
        finally:
            tracemalloc.stop()
        assert "it floods its output with what is no message" in told
        assert peak < 32e6
        assert await call(toolbox, "pid") != first  # another one, as good as new


@pytest.mark.long
async def test_a_message_that_is_too_long() -> None:
    async with opened() as (toolbox, _):
        told = await call(toolbox, "text", f'{{"size": {LONGEST * 2}}}')
        assert "it floods its output with what is no message" in told


@pytest.mark.long
async def test_what_is_long_and_what_is_noise_is_borne() -> None:
    async with opened() as (toolbox, events):
        assert await call(toolbox, "some_noise") == "heard"
        assert await call(toolbox, "complaints") == "heard"
        told = await call(toolbox, "text", '{"size": 300000}')
        assert told.startswith('"z\n"z\n')
        assert len(told) < 8100
        assert not [event for event in events if isinstance(event, WarningEvent)]


@pytest.mark.long
async def test_a_server_that_floods_before_it_is_asked() -> None:
    async with opened("at once") as (toolbox, events):
        assert toolbox.specs == ()
        (warning,) = events
        assert isinstance(warning, WarningEvent)
        assert "it floods its output with what is no message" in warning.message


JSON = st.recursive(
    st.none() | st.integers() | st.text(),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(max_size=5), inner),
    max_leaves=10,
)


@given(JSON, st.integers(20, 60), st.booleans())
def test_long_strings_are_shortened_and_nothing_else(value: Any, most: int, escaped: bool) -> None:
    line = json.dumps([value], ensure_ascii=escaped).encode()
    assert like([value], json.loads(shortened(line, most)), most)


def like(whole: Any, part: Any, most: int) -> bool:
    """Whether `part` is `whole` but for the ends of long strings."""
    match whole, part:
        case str(), str() if whole != part:
            long = len(json.dumps(whole).encode()) > most
            return long and part.endswith("…") and whole.startswith(part[:-1])
        case list(), list():
            return len(whole) == len(part) and all(map(like, whole, part, [most] * len(whole)))
        case dict(), dict():
            return all(any(like(key, kept, most) for key in whole) for kept in part)
    return bool(whole == part)


@pytest.mark.parametrize("line", [b'"' + b"\\" * 10**6, b'"\\"' * 10**6, b"z" * 10**6, b'"'])
def test_what_is_no_message_costs_time_in_proportion(line: bytes) -> None:
    began = time.perf_counter()
    assert shortened(line) == line or line.count(b'"') > 1
    assert time.perf_counter() - began < 2
