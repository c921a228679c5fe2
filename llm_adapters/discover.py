"""Which language models are there to be used: servers on this computer, and OpenAI's account."""

import importlib
import os
from dataclasses import dataclass
from typing import Any

import anyio
import anyio.to_thread

SERVERS = {"Ollama": 11434, "LM Studio": 1234, "llama.cpp": 8080, "vLLM": 8000}
"""Servers that speak the protocol, by the port that each has by default."""
OPENAI = "https://api.openai.com/v1"
OPENAI_MODEL = "gpt-4o-mini"
"""Small answers sooner, and sooner sounds better."""
PATIENCE = 0.5
"""Seconds that all of them together have to answer."""
NO_CHAT = ("embed", "bge-", "rerank", "whisper", "tts", "dall-e", "moderation")
"""Parts of the names of models that do not talk."""


@dataclass(frozen=True, slots=True)
class Found:
    """A server that answers, and its models that talk, in its own order."""

    name: str
    url: str
    models: tuple[str, ...]
    local: bool = True
    """On this computer, so that it needs no key."""

    def __str__(self) -> str:
        return f"{self.name} at {self.url}"


async def discover() -> list[Found]:
    """What answers within half a second: a server of the environment, local ones, OpenAI.

    What is on this computer comes before what is not; OpenAI is listed where there is a key for
    it, whether or not it answered.
    """
    places = {name: f"http://127.0.0.1:{port}/v1" for name, port in SERVERS.items()}
    key = (os.environ.get("OPENAI_API_KEY") or "").strip()
    if url := os.environ.get("OPENAI_BASE_URL"):
        places = {"OPENAI_BASE_URL": url.rstrip("/"), **places}
    answers: dict[str, tuple[str, ...]] = {}
    httpx2: Any = await anyio.to_thread.run_sync(importlib.import_module, "httpx2")

    async def ask(name: str, url: str) -> None:
        try:
            async with await anyio.to_thread.run_sync(_client, name, key) as http:
                answer = await http.get(f"{url}/models")
                models = model_names(answer.json()) if answer.is_success else None
        except (httpx2.RequestError, httpx2.InvalidURL, OSError, ValueError):
            return
        if models is not None:
            answers[name] = tuple(m for m in models if not any(part in m for part in NO_CHAT))

    with anyio.move_on_after(PATIENCE):
        async with anyio.create_task_group() as tasks:
            for name, url in places.items():
                tasks.start_soon(ask, name, url)
    found = [
        Found(name, url, answers[name], local=name in SERVERS)
        for name, url in places.items()
        if name in answers
    ]
    openai = Found("OpenAI", OPENAI, (OPENAI_MODEL,), local=False)
    return [*found, openai] if key else found


def _client(name: str, key: str) -> Any:
    """Made in a thread, as reading certificates takes long."""
    import httpx2

    if name in SERVERS:  # no proxy, no certificate and no key between this computer and itself
        return httpx2.AsyncClient(trust_env=False, verify=False)
    return httpx2.AsyncClient(headers={"Authorization": f"Bearer {key or 'none'}"})


def model_names(answer: object) -> list[str] | None:
    """The names in an answer to `GET /models`; None if it is no such answer."""
    if not isinstance(answer, dict) or "data" not in answer:
        return None
    models = answer["data"] or []  # Ollama says null when it has none
    if not isinstance(models, list):
        return None
    return [str(model.get("id")) for model in models if isinstance(model, dict)]
