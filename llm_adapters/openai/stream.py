"""Parser of a streamed chat completion's body: server-sent events in, deltas out."""

import codecs
import contextlib
import json
import re
import ssl
from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass
from typing import Any

import anyio

from llm_adapters.openai.lines import LineReader, LineTooLongError
from llm_adapters.openai.refusal import Refusal, find_refusal
from llm_adapters.protocol import Usage

DRAIN = 0.05
"""Seconds given to a finished reply to end, so that its connection can be used again."""


class BadReplyError(Exception):
    """The body is not a streamed chat completion; the message completes "the endpoint …".

    `refusal`: what the server has against the request, where that is what it says.
    """

    def __init__(self, message: str, refusal: Refusal | None = None) -> None:
        super().__init__(message)
        self.refusal = refusal


def body_errors() -> tuple[type[Exception], ...]:
    """What reading a body raises when the connection fails: what the client catches itself."""
    import httpx2

    return (httpx2.RequestError, ssl.SSLError, anyio.EndOfStream)


@dataclass(frozen=True, slots=True)
class Delta:
    """One event of a reply: text, whether there is reasoning, tool calls, the finish reason."""

    text: str = ""
    reasoning: bool = False
    calls: Sequence[Any] = ()
    """Fragments, for `ToolCallAssembler.add`."""
    finish: str | None = None
    usage: Usage | None = None
    last: bool = False
    """Whether nothing follows; the usage may follow `finish`."""


LAST = Delta(finish="stop", last=True)


class DeltaReader:
    """Reader of the server-sent events of a chat completion, one `Delta` at a time.

    Reads the body itself because the client's own stream, once the reply has ended or is left
    early, drops its inner generators half-way, which is an error on trio.
    """

    def __init__(self, body: AsyncIterator[bytes]) -> None:
        self._body = body
        self._lines = LineReader(body)
        self._event = b""
        self._finished = False

    async def next(self) -> Delta | None:
        """Read the next event; None at the end of the body. Raises BadReplyError."""
        while True:
            try:
                line = await self._lines.next()
            except LineTooLongError:
                raise BadReplyError("sent something that is no stream of events") from None
            if line is None:
                return None
            delta = self._read(line.strip())
            if delta is not None:
                self._finished = self._finished or delta.finish is not None
                return delta

    def _read(self, line: bytes) -> Delta | None:
        """Read a line; None for what is no data: a comment, a blank line, a keep-alive."""
        field, _, data = line.partition(b":")
        data = data.strip()
        if field == b"event":
            self._event = data
        # An error may be told without a frame, or in a field of its own.
        framed = field == b"data"
        if line.startswith(b"{"):
            data = line
        elif not data or field not in {b"data", b"error"}:
            return None
        if data == b"[DONE]":
            return LAST
        event, self._event = self._event, b""
        try:
            # An event may span lines by the standard, but no endpoint splits its JSON.
            return parse(data, is_error=b"error" in {field, event})
        except BadReplyError as error:
            if error.refusal is None and (self._lines.at_end or not framed):
                return None  # half a line, or none of ours
            raise

    async def aclose(self) -> None:
        """Leave the body. Cancelling its next read unwinds every generator below it."""
        scope = anyio.move_on_after(DRAIN if self._finished else 0)
        with contextlib.suppress(*body_errors()), scope:
            async for _ in self._body:
                pass


def parse(data: bytes, *, is_error: bool = False) -> Delta:
    """Parse one chunk of a chat completion. Raises BadReplyError."""
    try:
        # A character whose bytes are split over events is put together by `CharacterAssembler`.
        chunk = json.loads(data.decode("utf-8", "surrogateescape"))
    except (ValueError, RecursionError):
        raise BadReplyError("sent an event that is not JSON") from None
    if not isinstance(chunk, dict):
        raise BadReplyError("sent an event that is not a JSON object")
    if refusal := find_refusal(chunk, surely=is_error):
        raise BadReplyError(f"reported an error: {refusal.words}", refusal)
    usage = _usage(chunk["usage"]) if chunk.get("usage") else None
    choices = chunk.get("choices")
    if not isinstance(choices, list) or not choices or not isinstance(choices[0], dict):
        return Delta(usage=usage)
    delta = choices[0].get("delta")
    if not isinstance(delta, dict):
        delta = {}
    calls = delta.get("tool_calls")
    return Delta(
        text=_text(delta.get("content")),
        reasoning=bool(delta.get("reasoning_content") or delta.get("reasoning")),
        calls=calls if isinstance(calls, list) else (),
        finish=str(choices[0].get("finish_reason") or "") or None,
        usage=usage,
    )


def _text(content: Any) -> str:
    """What is to be said; some servers send parts, of which only text is."""
    if isinstance(content, list):
        parts = (part for part in content if isinstance(part, dict) and part.get("type") == "text")
        return "".join(str(part.get("text") or "") for part in parts)
    return content if isinstance(content, str) else ""


def _usage(counts: Any) -> Usage | None:
    """What was counted; None for nonsense."""
    try:
        details = counts.get("prompt_tokens_details") or {}
        return Usage(
            int(counts["prompt_tokens"]),
            int(counts.get("completion_tokens") or 0),
            int(details.get("cached_tokens") or 0),
        )
    except (AttributeError, KeyError, TypeError, ValueError):
        return None


class CharacterAssembler:
    """Incremental decoder of what is split within a character: two surrogates, or UTF-8's bytes."""

    def __init__(self) -> None:
        self._decoder = codecs.getincrementaldecoder("utf-8")("ignore")
        self._high = ""
        self._clean = True

    def decode(self, text: str) -> str:
        """`text` as far as its characters are whole; what is no character is dropped."""
        if self._clean and text.isascii():
            return text
        text = self._high + text
        self._high = text[-1] if text[-1:] and "\ud800" <= text[-1] <= "\udbff" else ""
        if self._high:
            text = text[:-1]
        # Pairs of surrogates become their character; bytes stand as surrogates of their own.
        text = text.encode("utf-16-le", "surrogatepass").decode("utf-16-le", "surrogatepass")
        text = _LONE.sub("", text)
        whole = self._decoder.decode(text.encode("utf-8", "surrogateescape"))
        self._clean = not self._high and not self._decoder.getstate()[0]
        return whole


_LONE = re.compile("[\ud800-\udc7f\udd00-\udfff]")
"""Surrogates that no undecodable byte is written as."""
