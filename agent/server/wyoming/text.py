"""A text that is being written, on its way to the voice."""

import math
from collections.abc import AsyncIterator
from contextlib import suppress
from typing import Self

import anyio

from agent.guards.text import valid
from agent.server.wyoming.wire import EventError


class Text:
    """A text that is being written: fragments of it for whoever speaks them."""

    def __init__(self, longest: int) -> None:
        """It has `longest` characters at most."""
        self.length = 0
        self._longest = longest
        self._send, self._receive = anyio.create_memory_object_stream[str](math.inf)

    def add(self, fragment: str) -> None:
        """Write more. Raises EventError when it is too long: the rest is left out."""
        if not fragment:
            return
        whole = self.length <= self._longest
        self.length += len(fragment)
        if self.length > self._longest:
            if whole:
                raise EventError(f"a text of more than {self._longest} characters: cut there")
            return
        with suppress(
            anyio.BrokenResourceError, anyio.ClosedResourceError
        ):  # there is an error, and it has been told
            self._send.send_nowait(valid(fragment))

    def end(self) -> None:
        """Write no more."""
        self._send.close()

    def __aiter__(self) -> AsyncIterator[str]:
        return aiter(self._receive)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._send.close()
        self._receive.close()


def checked(text: object, longest: int) -> str:
    """Return a text that comes whole. Raises EventError for none, or one that is too long."""
    if not isinstance(text, str):
        raise EventError("a text is awaited")
    if len(text) > longest:
        raise EventError(f"a text of more than {longest} characters")
    return valid(text)
