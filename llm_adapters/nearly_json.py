"""JSON as models write it: what is nearly JSON is read when there is exactly one reading."""

import ast
import json
import re
from collections.abc import Iterator
from typing import Any

LONGEST = 10_000
"""Characters; longer text is JSON, or it is not read: mending takes long."""
_FENCE = re.compile(r"\s*```\w*\s*(.*?)\s*(?:```\s*)?", re.DOTALL)
_TRAILING_COMMA = re.compile(r",(?=\s*[}\]])")
_CLOSERS = {"{": "}", "[": "]"}


def read_object(text: str) -> dict[str, Any] | None:
    """Read an object, also one in a fence, in a string, alone in a list; None if there is none."""
    found = read_nearly_json(text)
    if isinstance(found, str):
        found = read_nearly_json(found)
    if isinstance(found, list) and len(found) == 1:
        found = found[0]
    return found if isinstance(found, dict) else None


def read_nearly_json(text: str) -> Any:
    """Read JSON; with quotes of Python, commas too many or brackets too few, if that is clear.

    None for what has no reading, or two.
    """
    if (fenced := _FENCE.fullmatch(text)) is not None:
        text = fenced[1]
    try:
        return json.loads(text)
    except (ValueError, RecursionError):
        readings = list(_readings(text)) if len(text) <= LONGEST else []
    return readings[0] if readings and all(each == readings[0] for each in readings) else None


def _readings(text: str) -> Iterator[Any]:
    for written in {text, _TRAILING_COMMA.sub("", text)}:
        for closed in {written, written + _missing(written)}:
            try:
                yield json.loads(closed)
            except (ValueError, RecursionError):
                try:
                    yield json.loads(json.dumps(ast.literal_eval(closed.strip())))
                except (ValueError, TypeError, SyntaxError, MemoryError, RecursionError):
                    continue


def _missing(text: str) -> str:
    """Return the quote and the brackets that are open at the end of a text."""
    closers: list[str] = []
    quote, escaped = "", False
    for character in text:
        if escaped:
            escaped = False
        elif quote:
            escaped = character == "\\"
            quote = "" if character == quote else quote
        elif character in "\"'":
            quote = character
        elif character in _CLOSERS:
            closers.append(_CLOSERS[character])
        elif closers and character == closers[-1]:
            closers.pop()
    return quote + "".join(reversed(closers))
