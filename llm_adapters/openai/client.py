"""Client of the `openai` package for an endpoint, its URL and its key."""

import os
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from llm_adapters.protocol import LanguageModelError

if TYPE_CHECKING:
    from openai import AsyncOpenAI

NO_KEY = "none"
"""Sent to a server of one's own when there is no key: the client insists on one."""


def find_key(configured: str | None, *, needed: bool) -> str:
    """Find the key, here or in the environment; empty for none. Raises LanguageModelError."""
    key = (configured or os.environ.get("OPENAI_API_KEY") or "").strip()
    if not key and needed:
        raise LanguageModelError(
            "OpenAI needs an API key: set OPENAI_API_KEY or llm.api_key, or set llm.base_url "
            "to a server of your own"
        )
    if not (key.isascii() and key.isprintable()):
        raise LanguageModelError(
            "the API key holds characters that no key has: set OPENAI_API_KEY or llm.api_key"
        )
    return key


def check_url(url: str) -> None:
    """Raise LanguageModelError for what no request can be sent to."""
    try:
        parts = urlsplit(url)
        good = parts.scheme in {"http", "https"} and bool(parts.hostname) and parts.port != 0
    except ValueError:  # such as a port that is no number
        good = False
    if not good:
        raise LanguageModelError(
            f"llm.base_url is not a URL like http://127.0.0.1:8080/v1: {url.rpartition('@')[2]!r}"
        )


def make_client(
    url: str, key: str, connect_timeout: float, *, proxies: bool = True
) -> "AsyncOpenAI":
    """Import the package and make its client: slow, so for a thread. Raises LanguageModelError.

    `proxies`: whether those of the environment may stand between.
    """
    try:
        import openai
    except ImportError as error:
        raise LanguageModelError(
            f"the openai package cannot be imported ({error}): pip install openai"
        ) from None
    from llm_adapters.openai.http import limited_client

    timeout = openai.Timeout(None, connect=connect_timeout)
    client = openai.AsyncOpenAI(
        api_key=key or NO_KEY,
        base_url=url,
        max_retries=0,  # the adapter retries, and knows when not to
        timeout=timeout,
        http_client=limited_client(timeout=timeout, trust_env=proxies),
    )
    _ = client.chat.completions  # imported on first use
    return client
