"""HTTP client whose answers end at a limit, counted after decompression, as they come in.

As `llm_adapters/openai/http.py` does for replies; it is written twice since `stt`, `llm_adapters`
and `tts` know nothing of each other. To be imported where a client is made: it imports httpx2.
"""

from collections.abc import AsyncIterator
from typing import Any

import anyio
import httpx2

MAX_ANSWER = 1 << 21
"""Bytes of a transcript, with the times of its words, or of its events."""
MAX_ERROR = 1 << 16
"""Bytes of an error's page; the rest is not read."""


class OversizeError(httpx2.TransportError):
    """An answer does not end where it should; the message completes "the endpoint …"."""


def limited_client(**options: Any) -> httpx2.AsyncClient:
    """Make a client with `options` of the `openai` package's own, whose answers have a limit.

    Reading more than that raises OversizeError; of an error's page it is the end.
    """
    import openai

    return openai.DefaultAsyncHttpxClient(event_hooks={"response": [_limit]}, **options)


async def _limit(response: httpx2.Response) -> None:
    """Count the body from now on; it is decompressed before."""
    body = httpx2.Response(
        response.status_code,
        headers=response.headers,
        stream=response.stream,
        request=response.request,
    )
    response.stream = _Counted(body)
    response.headers.pop("content-encoding", None)


class _Counted(httpx2.AsyncByteStream):
    def __init__(self, body: httpx2.Response) -> None:
        self._body = body

    async def __aiter__(self) -> AsyncIterator[bytes]:
        left = MAX_ERROR if self._body.is_error else MAX_ANSWER
        chunks = self._body.aiter_bytes()
        async for chunk in chunks:
            if len(chunk) > left:
                with anyio.move_on_after(0):  # cancelled, it unwinds every generator below it
                    async for _ in chunks:
                        pass
                if not self._body.is_error:
                    raise OversizeError(f"sent an answer without end (over {MAX_ANSWER >> 20} MB)")
                yield chunk[:left]
                return
            left -= len(chunk)
            yield chunk

    async def aclose(self) -> None:
        await self._body.aclose()
