"""A plain typed Python function as a tool: its schema is its signature and its docstring."""

import importlib
import inspect
import re
import threading
from collections.abc import Callable, Mapping
from functools import partial
from typing import Any, get_type_hints

from pydantic import BaseModel, ConfigDict, ValidationError, create_model
from pydantic.fields import FieldInfo

from agent.guards.thread import run_in_thread
from agent.tools.tool import Action, Tool, ToolError
from llm_adapters import ToolSpec

Function = Callable[..., Any]

THREADS = 64
"""Calls that run in threads at a time, given up or not: a thread cannot be ended from outside."""
_threads = threading.BoundedSemaphore(THREADS)

_TYPE = r"(?: \([^)]*\))?:"
_ARGUMENT = re.compile(rf"^[ \t]+(\w+){_TYPE}\s*(.+(?:\n(?![ \t]+\w+{_TYPE}).+)*)", re.MULTILINE)
"""An argument in Google's style, with or without its type, and what is said of it."""


def find_function(path: str) -> Function:
    """The function that `package.module:function` names. Raises ToolError."""
    module, _, name = path.partition(":")
    try:
        function = getattr(importlib.import_module(module), name)
    except Exception as error:  # whatever a module raises when it is imported
        reason = f"{type(error).__name__}: {error}"
        raise ToolError(f"the tool {path} cannot be imported ({reason})") from error
    if not callable(function):
        raise ToolError(f"the tool {path} is not a function")
    found: Function = function
    return found


def function_tool(function: Function, **limits: Any) -> Tool:
    """A tool that calls `function`; `limits` are those of `Tool`. Raises ToolError.

    An async function is awaited, another one runs in a worker thread.
    """
    name = getattr(function, "__name__", type(function).__name__)
    description, explained = read_docstring(inspect.getdoc(function) or "")
    try:
        model = _arguments(function, name, explained)
        schema = model.model_json_schema()
    except (TypeError, NameError, ValueError, KeyError) as error:
        raise ToolError(f"the tool {name} has no usable signature: {error}") from error
    for part in (schema, *schema.get("properties", {}).values()):
        part.pop("title", None)  # it only repeats the name, and every token costs time
    schema.setdefault("properties", {})

    def bind(given: Mapping[str, Any]) -> Action:
        try:
            checked = model.model_validate(given)
        except ValidationError as error:
            raise ToolError(_problems(error)) from None
        # Not `model_dump`, which would make mappings of arguments that are models.
        arguments = {field: getattr(checked, field) for field in checked.model_fields_set}
        return partial(_call, function, arguments)

    return Tool(spec=ToolSpec(name, description, schema), bind=bind, **limits)


def read_docstring(text: str) -> tuple[str, dict[str, str]]:
    """A docstring as its description and what it says of each argument.

    Arguments are read from an `Args:` block of `name: meaning`, or from `:param name: meaning`.
    """
    explained: dict[str, str] = {}
    for found in re.finditer(r"^:param (?:[\w\[\], |]+ )?(\w+):\s*(.+)$", text, re.M):
        explained[found[1]] = found[2].strip()
    parts = re.split(r"^(?:Args|Arguments|Parameters):[ \t]*\n", text, maxsplit=1, flags=re.M)
    if len(parts) == 2:
        block = re.split(r"^\S", parts[1], maxsplit=1, flags=re.M)[0]
        for found in _ARGUMENT.finditer(block):
            explained[found[1]] = " ".join(found[2].split())
    # Of what remains only the words before the first section are for the model.
    description = re.split(r"^(?::\w+.*:|(?:Returns|Raises|Yields):\s*)", parts[0], flags=re.M)[0]
    return " ".join(description.split()), explained


def _arguments(function: Function, name: str, explained: Mapping[str, str]) -> type[BaseModel]:
    """A model of the function's arguments. Raises TypeError for what no JSON object can fill."""
    hints = get_type_hints(function, include_extras=True)
    fields: dict[str, Any] = {}
    for parameter in inspect.signature(function).parameters.values():
        if parameter.kind not in (parameter.POSITIONAL_OR_KEYWORD, parameter.KEYWORD_ONLY):
            raise TypeError(f"'{parameter}' cannot be given by name")
        if parameter.name not in hints:
            raise TypeError(f"'{parameter.name}' has no type")
        default = ... if parameter.default is parameter.empty else parameter.default
        field = FieldInfo.from_annotated_attribute(hints[parameter.name], default)
        if field.description is None:
            field.description = explained.get(parameter.name)
        fields[parameter.name] = (hints[parameter.name], field)
    return create_model(name, __config__=ConfigDict(extra="forbid"), **fields)


def _problems(error: ValidationError) -> str:
    """What is wrong with the arguments, for the model to correct."""
    return "; ".join(
        f"{'.'.join(map(str, detail['loc'])) or 'arguments'}: {detail['msg']}"
        for detail in error.errors(include_url=False, include_input=False)
    )


async def _call(function: Function, arguments: Mapping[str, Any]) -> object:
    if inspect.iscoroutinefunction(function):
        return await function(**arguments)
    if not _threads.acquire(blocking=False):
        raise ToolError(f"{THREADS} calls are running already, which do not come to an end")
    result = await run_in_thread(partial(_run_and_release, function, arguments))
    return await result if inspect.isawaitable(result) else result


def _run_and_release(function: Function, arguments: Mapping[str, Any]) -> object:
    try:
        return function(**arguments)
    finally:
        _threads.release()
