"""Requests without a client's help: what OpenAI's would not send."""

import json
import urllib.error
import urllib.request
from collections.abc import Mapping
from typing import Any

import anyio.to_thread

Answer = tuple[int, Mapping[str, str], bytes]
"""Status, headers, body."""


async def get(address: str, headers: Mapping[str, str] | None = None) -> Answer:
    return await _asked(urllib.request.Request(address, headers={**(headers or {})}))


async def post(address: str, body: object, headers: Mapping[str, str] | None = None) -> Answer:
    """Send bytes as they are, anything else as JSON."""
    data = body if isinstance(body, bytes) else json.dumps(body).encode()
    return await _asked(urllib.request.Request(address, data, {**(headers or {})}, method="POST"))


async def _asked(request: urllib.request.Request) -> Answer:

    def ask() -> tuple[int, Any, bytes]:
        try:
            with urllib.request.urlopen(request, timeout=30) as answer:
                return answer.status, answer.headers, answer.read()
        except urllib.error.HTTPError as error:
            return error.code, error.headers, error.read()

    status, found, content = await anyio.to_thread.run_sync(ask)
    return status, {name.lower(): value for name, value in found.items()}, content
