"""Discovery of language models: servers on this computer, and OpenAI's account."""

import json
import os
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import anyio
import anyio.to_thread

if TYPE_CHECKING:
    from http.client import HTTPResponse

SERVERS = {"Ollama": 11434, "LM Studio": 1234, "llama.cpp": 8080, "vLLM": 8000}
"""Servers that speak the protocol, by the port that each has by default."""
OPENAI = "https://api.openai.com/v1"
OPENAI_MODEL = "gpt-4o-mini"
"""Small answers sooner, and sooner sounds better."""
TIMEOUT = 0.5
"""Seconds that each of them has to answer; they are asked side by side."""
PATIENCE = 4 * TIMEOUT
"""Seconds that a whole answer may take."""
MAX_LIST = 1 << 21
"""Bytes: thousands of models."""
NOT_CHAT = ("embed", "bge-", "rerank", "whisper", "tts", "dall-e", "moderation")
"""Parts of the names of models that do not talk."""


@dataclass(frozen=True, slots=True)
class Server:
    """Server that answers, and its models that talk, in its own order."""

    name: str
    url: str
    models: tuple[str, ...]
    local: bool = True
    """On this computer, so that it needs no key."""

    def __str__(self) -> str:
        return f"{self.name} at {self.url}"


async def discover() -> list[Server]:
    """Find what answers within half a second: a server of the environment, local ones, OpenAI.

    What is on this computer comes before what is not; OpenAI is listed where there is a key for
    it, whether or not it answered.
    """
    places = {name: f"http://127.0.0.1:{port}/v1" for name, port in SERVERS.items()}
    key = (os.environ.get("OPENAI_API_KEY") or "").strip()
    if url := os.environ.get("OPENAI_BASE_URL"):
        places = {"OPENAI_BASE_URL": url.rstrip("/"), **places}
    answers: dict[str, tuple[str, ...]] = {}

    async def ask(name: str, url: str) -> None:
        models = await anyio.to_thread.run_sync(
            _models, url, None if name in SERVERS else key or "none", abandon_on_cancel=True
        )
        if models is not None:
            answers[name] = tuple(m for m in models if not any(part in m for part in NOT_CHAT))

    with anyio.move_on_after(PATIENCE):  # for one that answers a byte at a time
        async with anyio.create_task_group() as tasks:
            for name, url in places.items():
                tasks.start_soon(ask, name, url)
    found = [
        Server(name, url, answers[name], local=name in SERVERS)
        for name, url in places.items()
        if name in answers
    ]
    openai = Server("OpenAI", OPENAI, (OPENAI_MODEL,), local=False)
    return [*found, openai] if key else found


def _models(url: str, key: str | None) -> list[str] | None:
    """Ask a server for its models; None if it lists none in time. Without `key` it is local.

    Blocking, so that the time is the server's own: while other engines are loaded beside this, a
    thread that waits gets its answer however late it is its turn to go on.
    """
    import http.client
    import urllib.request

    class NoRedirect(urllib.request.HTTPRedirectHandler):
        """Handler that goes nowhere else: the key is for this server alone."""

        def redirect_request(self, *_: Any) -> None:
            return None

    if not url.startswith(("http://", "https://")):
        return None
    headers = {} if key is None else {"Authorization": f"Bearer {key}"}
    # No proxy between this computer and itself.
    proxies = urllib.request.ProxyHandler({} if key is None else None)
    opener = urllib.request.build_opener(NoRedirect, proxies)
    request = urllib.request.Request(f"{url}/models", headers=headers)
    try:
        with opener.open(request, timeout=TIMEOUT) as answer:
            return model_names(json.loads(_read(answer)))
    except (OSError, ValueError, RecursionError, http.client.HTTPException):
        return None


def _read(answer: "HTTPResponse") -> bytes:
    """Read a list, in time. Raises ValueError for one that has no end."""
    read, until = b"", time.monotonic() + PATIENCE
    while piece := answer.read1(1 << 16):
        read += piece
        if len(read) > MAX_LIST or time.monotonic() > until:
            raise ValueError("the list has no end")
    return read


def model_names(answer: object) -> list[str] | None:
    """Read the names in an answer to `GET /models`; None if it is no such answer."""
    if not isinstance(answer, dict) or "data" not in answer:
        return None
    models = answer["data"] or []  # Ollama says null when it has none
    if not isinstance(models, list):
        return None
    return [str(model.get("id")) for model in models if isinstance(model, dict)]
