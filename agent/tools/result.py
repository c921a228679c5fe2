"""What a tool gave, as the model is shown it: text, or JSON, and never more than so much.

The work is in proportion to what is shown, not to what was given: of a list of millions only the
first items are looked at.
"""

import json
from collections import deque
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import fields, is_dataclass
from typing import Any

from agent.guards.text import valid

DEEPEST = 50
"""Levels of lists in lists that are shown."""
_DIGITS = 10_000  # bits of a number that is written down


def shown(result: object, limit: int) -> str:
    """Return `result` in `limit` characters and a note of what is missing.

    It is for a worker thread: objects may have code of their own, and raise anything.
    """
    if isinstance(result, str):
        return cut(result, limit)
    excerpt = _Excerpt(limit)
    text = valid(json.dumps(excerpt.of(result), ensure_ascii=False))
    return f"{text[:limit]}… (more is left out)" if excerpt.incomplete else cut(text, limit)


def cut(text: str, limit: int) -> str:
    """Return `text`, made valid, in `limit` characters and a note of how many are missing."""
    if len(text) <= limit:
        return valid(text)
    return f"{valid(text[:limit])}… ({len(text) - limit} more characters are left out)"


class _Excerpt:
    """The beginning of a value, as much as `limit` characters need, in what JSON can say."""

    def __init__(self, limit: int) -> None:
        self.incomplete = False
        self._left = limit

    def of(self, value: object, depth: int = 0) -> Any:
        made: Any = value
        match value:
            case _ if depth > DEEPEST:
                self.incomplete, made = True, "…"
            case None | bool() | float():
                self._left -= 1
            case int():
                self._left -= 1 + value.bit_length() // 4
                made = value if value.bit_length() < _DIGITS else "a very long number"
            case str():
                made = self._text(value)
            case bytes() | bytearray():
                made = self._text(value[: max(0, self._left) + 1].decode(errors="replace"))
            case Mapping():
                made = self._object(value.items(), depth)
            case list() | tuple() | set() | frozenset() | deque() | range() | Iterator():
                made = self._array(value, depth)
            case _:
                made = self._other(value, depth)
        return made

    def _text(self, text: str) -> str:
        self.incomplete = self.incomplete or len(text) > self._left
        part = text[: max(0, self._left)]
        self._left -= len(part) + 2
        return part

    def _array(self, items: Iterable[object], depth: int) -> list[Any]:
        made: list[Any] = []
        for item in items:
            if self._left <= 0:
                self.incomplete = True
                break
            made.append(self.of(item, depth + 1))
        return made

    def _object(self, items: Iterable[tuple[object, object]], depth: int) -> dict[str, Any]:
        made: dict[str, Any] = {}
        for key, value in items:
            if self._left <= 0:
                self.incomplete = True
                break
            made[self._text(str(key))] = self.of(value, depth + 1)
        return made

    def _other(self, value: object, depth: int) -> Any:
        """Dataclasses, what pydantic knows (its models, dates, paths …), and the rest as text."""
        from pydantic_core import PydanticSerializationError, to_jsonable_python

        if is_dataclass(value) and not isinstance(value, type):
            names = (field.name for field in fields(value))
            return self._object(((name, getattr(value, name)) for name in names), depth)
        try:
            plain = to_jsonable_python(value)
        except PydanticSerializationError:
            plain = str(value)
        return self.of(plain, depth)
