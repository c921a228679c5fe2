"""Whatever a tool raises, gives or does to its task ends the call at most, never the talk."""

import asyncio
import sys
from collections.abc import AsyncGenerator, Callable
from contextlib import asynccontextmanager
from typing import Any

import anyio
import pytest

from agent.events import Event
from agent.tools import Say, Toolbox, ToolReturned
from agent.tools.function import function_tool
from llm_adapters import ToolCall
from tests.agent.tools.muted import Muted

pytestmark = pytest.mark.anyio


class MuteError(Exception):
    """An error that cannot say what it is."""

    def __str__(self) -> str:
        raise RuntimeError("no words")


class Own(BaseException):
    """What no library expects."""


class Unreadable:
    """A result that cannot be written down."""

    def __str__(self) -> str:
        raise RuntimeError("no words")

    __repr__ = __str__


RAISED: list[Callable[[], BaseException]] = [
    asyncio.CancelledError,
    GeneratorExit,
    lambda: SystemExit(3),
    KeyboardInterrupt,
    lambda: Own("mine"),
    MuteError,
    lambda: TimeoutError("the house does not answer"),
    lambda: RecursionError("deep"),
    StopIteration,
    StopAsyncIteration,
    MemoryError,
    lambda: ValueError("half an emoji: \ud83d"),
    lambda: BaseExceptionGroup("several", [Own("one"), ValueError("two")]),
    lambda: BaseExceptionGroup("several", [asyncio.CancelledError()]),
]


@asynccontextmanager
async def opened(*functions: Callable[..., Any]) -> AsyncGenerator[tuple[Toolbox, list[Event]]]:
    events: list[Event] = []
    async with Toolbox.open([], Muted(), events.append) as toolbox:
        for function in functions:
            toolbox.add(function_tool(function, timeout=5))
        yield toolbox, events


async def outcome(toolbox: Toolbox, events: list[Event], name: str) -> ToolReturned:
    """What a call came to; and the toolbox is as good as before."""
    with anyio.fail_after(20):
        run = toolbox.start(ToolCall("1", name, "{}"), 1)
        await run.done.wait()
        run.tell()
        good = toolbox.start(ToolCall("2", "good", "{}"), 1)
        await good.done.wait()
    assert good.tell() == "good"
    (returned,) = (e for e in events if isinstance(e, ToolReturned) and e.name == name)
    return returned


async def good() -> str:
    """Works."""
    return "good"


@pytest.mark.parametrize("make", RAISED)
@pytest.mark.parametrize("where", ["thread", "task", "awaited"])
async def test_whatever_is_raised(make: Callable[[], BaseException], where: str) -> None:
    def thread() -> None:
        """Raises."""
        raise make()

    async def task() -> None:
        """Raises."""
        await anyio.lowlevel.checkpoint()
        raise make()

    def awaited() -> Any:
        """Gives what raises."""
        return task()

    async with opened(thread, task, awaited, good) as (toolbox, events):
        returned = await outcome(toolbox, events, where)
    assert not returned.ok
    assert returned.result.startswith("error: ")
    assert "no result within" not in returned.result
    returned.result.encode()


@pytest.mark.parametrize("anyio_backend", ["asyncio"])
@pytest.mark.parametrize("how", ["awaits a cancelled task", "cancels its own task"])
async def test_cancellations_of_its_own(how: str) -> None:
    async def cancelled() -> None:
        """Is cancelled, by itself."""
        if how == "cancels its own task":
            task = asyncio.current_task()
        else:
            task = asyncio.ensure_future(asyncio.sleep(10))
        assert task is not None
        task.cancel()
        await (asyncio.sleep(10) if how == "cancels its own task" else task)

    async with opened(cancelled, good) as (toolbox, events):
        assert not (await outcome(toolbox, events, "cancelled")).ok


async def test_a_scope_of_its_own() -> None:
    async def scoped() -> str:
        """Gives up a part of itself."""
        with anyio.move_on_after(0):
            await anyio.sleep_forever()
        return "the rest"

    async with opened(scoped, good) as (toolbox, events):
        assert (await outcome(toolbox, events, "scoped")).result == "the rest"


async def test_our_own_cancellation_passes() -> None:
    """The conversation ends while tools run, whatever they make of it."""
    begun = anyio.Event()

    async def stubborn() -> None:
        """Makes something else of its cancellation."""
        try:
            begun.set()
            await anyio.sleep_forever()
        except BaseException as error:
            raise ValueError("not me") from error

    with anyio.fail_after(20):
        async with opened(stubborn, good) as (toolbox, _):
            toolbox.start(ToolCall("1", "stubborn", "{}"), 1)
            await begun.wait()


@pytest.mark.parametrize(
    ("given", "shown"),
    [
        (Unreadable(), "error: RuntimeError: no words"),
        (float("nan"), "NaN"),
        (b"\xff\xfe", '"��"'),
        ("half \ud83d", "half �"),
        (["caf\udce9.txt"], '["caf�.txt"]'),
        (Say(42), "done, and the user was told: 42"),  # type: ignore[arg-type]
        (Say(None), "done"),  # type: ignore[arg-type]
        (range(1, 3), "[1, 2]"),
        ({1: {2}}, '{"1": [2]}'),
        (sys.maxsize, str(sys.maxsize)),
        (1 << 20_000, '"a very long number"'),
    ],
    ids=lambda value: type(value).__name__,
)
async def test_whatever_is_returned(given: object, shown: str) -> None:
    async def gives() -> object:
        """Gives something."""
        return given

    async with opened(gives, good) as (toolbox, events):
        assert (await outcome(toolbox, events, "gives")).result == shown


async def test_what_checks_an_argument_may_raise_too() -> None:
    from typing import Annotated

    from pydantic import AfterValidator

    def exits(value: str) -> str:
        sys.exit(value)

    async def checked(name: Annotated[str, AfterValidator(exits)] = "x") -> str:
        """Never runs."""
        return name

    async with opened(checked, good) as (toolbox, events):
        run = toolbox.start(ToolCall("1", "checked", '{"name": "y"}'), 1)
        assert run.tell() == "error: SystemExit: y"
        assert not [e for e in events if isinstance(e, ToolReturned) and e.ok]
