"""HTTP client whose answers have a limit, counted after decompression, as they come in.

To be imported where a client is made: it imports httpx2, which takes long.
"""

from collections.abc import AsyncIterator
from typing import Any

import anyio
import httpx2

MAX_ANSWER = 1 << 21
"""Bytes of an answer in one piece: a list of thousands of models; as JSON it takes twenty times
as much memory at worst."""
MAX_STREAM = 1 << 26
"""Bytes of a stream of events, which is not kept: a reply of 200,000 tokens."""
MAX_ERROR = 1 << 16
"""Bytes of an error's page; the rest is not read."""


class OversizeError(httpx2.TransportError):
    """An answer does not end where it should; the message completes "the endpoint …"."""


def limited_client(**options: Any) -> httpx2.AsyncClient:
    """Make a client with `options` of the `openai` package's own, whose answers have a limit.

    Reading more than that raises OversizeError; of an error's page it is the end.
    """
    import openai

    return openai.DefaultAsyncHttpxClient(event_hooks={"response": [limit]}, **options)


async def limit(response: httpx2.Response) -> None:
    """Count the body of an answer from now on: a hook of any client."""
    plain = httpx2.Response(
        response.status_code,
        headers=response.headers,
        stream=response.stream,
        request=response.request,
    )
    response.stream = _Counted(plain)
    response.headers.pop("content-encoding", None)  # decompressed before it is counted


class _Counted(httpx2.AsyncByteStream):
    """The body of `response`, decompressed, as far as it may go."""

    def __init__(self, response: httpx2.Response) -> None:
        self._response = response
        streams = "event-stream" in response.headers.get("content-type", "")
        self._limit = MAX_STREAM if streams else MAX_ANSWER

    async def __aiter__(self) -> AsyncIterator[bytes]:
        read = 0
        chunks = self._response.aiter_bytes()
        async for chunk in chunks:
            read += len(chunk)
            if self._response.is_error and read > MAX_ERROR:
                await _leave(chunks)
                yield chunk[: len(chunk) - (read - MAX_ERROR)]
                return
            if read > self._limit:
                await _leave(chunks)
                raise OversizeError(f"sent an answer without end (over {self._limit >> 20} MB)")
            yield chunk

    async def aclose(self) -> None:
        await self._response.aclose()


async def _leave(body: AsyncIterator[bytes]) -> None:
    """Leave a body early. Cancelling its next read unwinds every generator below it."""
    with anyio.move_on_after(0):
        async for _ in body:
            pass
