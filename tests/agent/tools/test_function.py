"""Functions as tools: the schema, the arguments, where they run."""

import subprocess
import sys
import threading
from collections.abc import Callable
from contextvars import ContextVar
from typing import Any

import pytest

from agent.guards.thread import run_in_thread
from agent.tools import ToolError
from agent.tools.function import find_function, function_tool
from agent.tools.result import shown
from tests.agent.tools import examples

pytestmark = pytest.mark.anyio

name: ContextVar[str] = ContextVar("name")


def test_the_schema_is_signature_and_docstring() -> None:
    spec = function_tool(examples.light).spec
    assert spec.name == "light"
    assert spec.description == "Switch a light, and set how bright it is. It takes a moment."
    assert spec.parameters["required"] == ["room", "on"]
    assert spec.parameters["additionalProperties"] is False
    properties = spec.parameters["properties"]
    assert properties["on"] == {"type": "boolean", "description": "Whether it shall be on."}
    assert properties["level"] == {
        "type": "integer",
        "minimum": 0,
        "maximum": 100,
        "default": 80,
        "description": "How bright it is, in percent.",
    }
    assert properties["room"]["description"] == "Where the light is."
    assert spec.parameters["$defs"]["Room"]["enum"] == ["kitchen", "hall"]


def test_a_docstring_of_the_other_style() -> None:
    spec = function_tool(examples.sphinx).spec
    assert spec.description == "The weather."
    properties = spec.parameters["properties"]
    assert properties["city"] == {"type": "string", "description": "Where."}
    assert properties["unit"]["enum"] == ["C", "F"]
    assert properties["unit"]["description"] == "Of the temperature."


async def test_arguments_become_what_the_signature_says() -> None:
    light = function_tool(examples.light)
    result = await light.bind({"room": "hall", "on": "true"})()
    assert result == {"room": examples.Room.HALL, "on": True, "level": 80, "colour": None}
    assert shown(result, 8000) == '{"room": "hall", "on": true, "level": 80, "colour": null}'
    show = function_tool(examples.show)
    scene = await show.bind({"scene": {"name": "evening"}})()
    assert shown(scene, 8000) == '{"name": "evening", "brightness": 50}'


@pytest.mark.parametrize(
    ("arguments", "problem"),
    [
        ({"room": "hall"}, "on: Field required"),
        ({"room": "attic", "on": True}, "room: Input should be 'kitchen' or 'hall'"),
        ({"room": "hall", "on": True, "level": 200}, "level: Input should be less than or equal"),
        ({"room": "hall", "on": True, "blink": 1}, "blink: Extra inputs are not permitted"),
    ],
)
def test_wrong_arguments(arguments: dict[str, object], problem: str) -> None:
    with pytest.raises(ToolError) as caught:
        function_tool(examples.light).bind(arguments)
    assert problem in str(caught.value)


async def test_where_they_run() -> None:
    here = threading.current_thread().name
    assert await function_tool(examples.patient).bind({})() == here
    assert await function_tool(examples.thread).bind({})() != here


@pytest.mark.parametrize("backend", ["asyncio", "trio"])
def test_a_stuck_one_does_not_keep_the_program_from_ending(backend: str) -> None:
    program = f"""
import anyio, time
from agent.guards.thread import run_in_thread

async def main():
    with anyio.move_on_after(0.01):
        await run_in_thread(lambda: time.sleep(60))

anyio.run(main, backend={backend!r})
print("over")
"""
    done = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, timeout=30, check=True
    )
    assert (done.stdout, done.stderr) == ("over\n", "")


async def test_what_a_thread_sees_and_raises() -> None:
    name.set("set by the caller")
    assert await run_in_thread(name.get) == "set by the caller"
    with pytest.raises(SystemExit):
        await run_in_thread(sys.exit)


def test_a_long_result_is_cut_and_says_so() -> None:
    assert shown("x" * 100, 100) == "x" * 100
    assert shown("x" * 130, 100) == "x" * 100 + "… (30 more characters are left out)"


@pytest.mark.parametrize(
    ("function", "problem"),
    [
        (examples.everything, r"everything has no usable signature: '\*names: str' cannot be"),
        (examples.untyped, "untyped has no usable signature: 'name' has no type"),
    ],
)
def test_what_cannot_be_a_tool(function: Callable[..., Any], problem: str) -> None:
    with pytest.raises(ToolError, match=problem):
        function_tool(function)


def test_functions_by_name() -> None:
    assert find_function("tests.agent.tools.examples:light").__name__ == "light"
    for path, problem in {
        "no.such.module:light": "No module named 'no'",
        "tests.agent.tools.examples:dark": "has no attribute 'dark'",
        "tests.agent.tools.examples:CONSTANT": "is not a function",
    }.items():
        with pytest.raises(ToolError, match=problem):
            find_function(path)
