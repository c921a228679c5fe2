"""Requests without a client's help: what OpenAI's would not send."""

import json
import urllib.error
import urllib.request
from collections.abc import Mapping
from typing import Any

import anyio.to_thread


async def post(
    address: str, body: object, headers: Mapping[str, str] | None = None
) -> tuple[int, Mapping[str, str], bytes]:
    """Send bytes as they are, anything else as JSON: status, headers, body."""
    data = body if isinstance(body, bytes) else json.dumps(body).encode()
    request = urllib.request.Request(address, data, {**(headers or {})}, method="POST")

    def ask() -> tuple[int, Any, bytes]:
        try:
            with urllib.request.urlopen(request, timeout=30) as answer:
                return answer.status, answer.headers, answer.read()
        except urllib.error.HTTPError as error:
            return error.code, error.headers, error.read()

    status, found, content = await anyio.to_thread.run_sync(ask)
    return status, {name.lower(): value for name, value in found.items()}, content
