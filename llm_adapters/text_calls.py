"""Tool calls that a model writes as text, in the notations of local models: found, never spoken.

A reply that begins as a call does, or the rest of one from a mark such as `<tool_call>` on, is held
back to its end. If it names tools that are known and can be read, they are called.
"""

import ast
import json
import re
from collections.abc import Collection, Iterator
from typing import Any

from llm_adapters.nearly_json import read_nearly_json, read_object

LONGEST = 1 << 16
"""Characters that are held back; a reply that is longer is text."""
LONGEST_PYTHON = 4000
"""Characters of calls in Python's notation."""
_MARKS = ("<tool_call>", "<function=", "<function_call>", "[TOOL_CALLS]")
_MARK = re.compile("|".join(map(re.escape, _MARKS)))
_FUNCTION = re.compile(r"<function=([\w.-]{1,100})>\s*(.*?)\s*(?:</function>|$)", re.DOTALL)
_TAGGED = re.compile(r"<(tool_call|function_call)>\s*(.*?)\s*(?:</\1>|$)", re.DOTALL)
_NAMED = re.compile(r"([\w.-]{1,100})(?:\[ARGS\])?\s*(\{.*)", re.DOTALL)
_NAME = re.compile(r"[\w.]*")
_FENCE = re.compile(r"```\w*\s+")

Call = tuple[str, str]
"""A tool's name, and its arguments as JSON."""


class TextCalls:
    """Streaming filter of one reply's text: what is no call comes out."""

    def __init__(self, tools: Collection[str]) -> None:
        """`tools` are the names that are known."""
        self._tools = tools
        self._held = ""
        self._begun = self._inside = False
        self.calls: list[Call] = []
        """Those found, at the end of the reply."""
        self.unreadable = ""
        """A call that could not be made: its beginning, for people."""

    def feed(self, text: str) -> str:
        """Take more of the reply; what is to be spoken now."""
        text, self._held = self._held + text, ""
        if self._inside and len(text) <= LONGEST:
            self._held = text
            return ""
        self._inside = False
        if not self._begun:
            begins = self._begins(text.lstrip())
            if begins is not False:
                self._inside = begins is True
                self._held = text
                return ""
            self._begun = True
        mark = _MARK.search(text)
        place = mark.start() if mark else len(text) - _partial(text)
        self._inside, self._held = mark is not None, text[place:]
        return text[:place]

    def finish(self) -> str:
        """End the reply; what is to be spoken besides."""
        text, self._held = self._held, ""
        if not text.strip():
            return text
        found = list(_read(text.strip()))
        known = [(name, arguments) for each, arguments in found if (name := self._known(each))]
        if found and len(known) == len(found):
            self.calls = known
        elif found or _MARK.match(text.strip()):
            self.unreadable = " ".join(text.split())[:80]
        else:
            return text
        return ""

    def _known(self, name: str) -> str | None:
        """The tool that is meant by a name: written otherwise, perhaps, but no other one."""
        if name in self._tools:
            return name
        last = name.rpartition(".")[2].casefold()
        alike = [tool for tool in self._tools if tool.casefold() == last]
        return alike[0] if len(alike) == 1 else None

    def _begins(self, text: str) -> bool | None:
        """Whether a reply begins as a call; None while nobody can tell."""
        if "```".startswith(text[:3]):
            fence = _FENCE.match(text)
            if fence is None:
                return None if len(text) < 20 else False
            text = text[fence.end() :]
        if text.startswith("["):
            if "[TOOL_CALLS]".startswith(text):
                return None
            text = text[1:].lstrip()
        if not text:
            return None
        if text.startswith("{"):
            return True
        name = _NAME.match(text)
        assert name is not None
        if name.end() == len(text):
            return None if any(tool.startswith(name[0]) for tool in self._tools) else False
        return name[0] in self._tools and text[name.end()] == "("


def _partial(text: str) -> int:
    """How many of the last characters may be the beginning of a mark."""
    longest = max(map(len, _MARKS)) - 1
    sizes = range(min(longest, len(text)), 0, -1)
    return next((n for n in sizes if any(mark.startswith(text[-n:]) for mark in _MARKS)), 0)


def _read(text: str) -> Iterator[Call]:
    """Read the calls in a text that holds nothing else."""
    if text.startswith("[TOOL_CALLS]"):
        for part in text.split("[TOOL_CALLS]")[1:]:
            named = _NAMED.fullmatch(part.strip())
            if named is not None:
                yield from _call(named[1], named[2])
            else:
                yield from _objects(read_nearly_json(part))
    elif text.startswith("<function="):
        for function in _FUNCTION.finditer(text):
            yield from _call(function[1], function[2] or "{}")
    elif text.startswith("<"):
        for tagged in _TAGGED.finditer(text):
            yield from _objects(read_nearly_json(tagged[2]))
    else:
        found = read_nearly_json(text)
        yield from _objects(found) if isinstance(found, (dict, list)) else _python(text)


def _objects(found: Any) -> Iterator[Call]:
    """Read `{"name": …, "arguments": {…}}`, or a list of such."""
    for each in found if isinstance(found, list) else [found]:
        inner = each.get("function", each) if isinstance(each, dict) else None
        if isinstance(inner, dict) and isinstance(inner.get("name"), str):
            keys = ("arguments", "parameters", "args", "input")
            arguments = next((inner[key] for key in keys if key in inner), None)
            if arguments is not None:
                yield from _call(inner["name"], arguments)


def _call(name: str, arguments: Any) -> Iterator[Call]:
    found = read_object(arguments) if isinstance(arguments, str) else arguments
    if isinstance(found, dict):
        yield name, json.dumps(found, ensure_ascii=False)


def _python(text: str) -> Iterator[Call]:
    """Read `[lamp(room="kitchen")]`; whatever is no literal makes it none."""
    text = _FENCE.sub("", text, count=1).removesuffix("```").strip()
    if len(text) > LONGEST_PYTHON:
        return
    try:
        tree = ast.parse(text, mode="eval").body
        calls = tree.elts if isinstance(tree, ast.List) else [tree]
        for call in calls:
            if not isinstance(call, ast.Call) or call.args:
                return
            values = {each.arg: ast.literal_eval(each.value) for each in call.keywords}
            if None not in values:
                yield ast.unparse(call.func), json.dumps(values, ensure_ascii=False)
    except (ValueError, TypeError, SyntaxError, MemoryError, RecursionError):
        return
