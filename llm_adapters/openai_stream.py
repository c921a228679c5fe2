"""The body of a streamed chat completion: bytes in, pieces of the reply out."""

import contextlib
import json
import ssl
from collections.abc import AsyncIterator
from dataclasses import dataclass

import anyio

DRAIN = 0.05
"""Seconds given to a finished reply to end, so that its connection can be used again."""
LONGEST_LINE = 1 << 20
"""Bytes; a real event is a few hundred."""


class BadReplyError(Exception):
    """The body is not a streamed chat completion; the message completes "the endpoint …"."""


def body_errors() -> tuple[type[Exception], ...]:
    """What reading a body raises when the connection fails, as the client catches it itself."""
    import httpx2

    return (httpx2.RequestError, ssl.SSLError, anyio.EndOfStream)


@dataclass(frozen=True, slots=True)
class Delta:
    """One event: text to speak, whether it is a silent thought, why the reply is over."""

    text: str = ""
    thinking: bool = False
    finish: str | None = None


class DeltaReader:
    """Server-sent events of a chat completion, one `Delta` at a time.

    Reads the body itself because the client's own stream, once the reply has ended or is left
    early, drops its inner generators half-way, which is an error on trio.
    """

    def __init__(self, body: AsyncIterator[bytes]) -> None:
        self._body = body
        self._buffer = bytearray()
        self._finished = False

    async def next(self) -> Delta | None:
        """The next event; None at the end of the body. Raises BadReplyError."""
        while True:
            line = await self._line()
            if line is None:
                return None
            if not line.startswith(b"data:"):
                continue  # a comment, an event's name, the blank line after it
            data = line.removeprefix(b"data:").strip()
            # An event may span lines by the standard, but no endpoint splits its JSON.
            delta = Delta(finish="stop") if data == b"[DONE]" else parse(data)
            self._finished = delta.finish is not None
            return delta

    async def aclose(self) -> None:
        """Leave the body. Cancelling its next read unwinds every generator below it."""
        scope = anyio.move_on_after(DRAIN if self._finished else 0)
        with contextlib.suppress(*body_errors()), scope:
            async for _ in self._body:
                pass

    async def _line(self) -> bytes | None:
        """The next whole line, without its end; what follows the last one is no line."""
        while (end := self._buffer.find(b"\n")) < 0:
            chunk = await anext(self._body, None)
            if chunk is None:
                return None
            self._buffer += chunk
            if len(self._buffer) > LONGEST_LINE:
                raise BadReplyError("sent something that is no stream of events")
        line = bytes(self._buffer[:end])
        del self._buffer[: end + 1]
        return line


def parse(data: bytes) -> Delta:
    """What one chunk of a chat completion says. Raises BadReplyError."""
    try:
        chunk = json.loads(data)
    except ValueError:  # not JSON, or not UTF-8
        raise BadReplyError("sent an event that is not JSON") from None
    if not isinstance(chunk, dict):
        raise BadReplyError("sent an event that is not a JSON object")
    if error := chunk.get("error"):
        words = error.get("message") if isinstance(error, dict) else error
        raise BadReplyError(f"reported an error: {words}")
    choices = chunk.get("choices")
    if not isinstance(choices, list) or not choices or not isinstance(choices[0], dict):
        return Delta()  # such as the usage at the end
    delta = choices[0].get("delta")
    if not isinstance(delta, dict):
        delta = {}
    return Delta(
        text=str(delta.get("content") or ""),
        thinking=bool(delta.get("reasoning_content") or delta.get("reasoning")),
        finish=choices[0].get("finish_reason") or None,
    )
