"""The adapter `llama`: a model in a GGUF file on this computer's processor."""

import logging
import os
import secrets
from collections.abc import AsyncGenerator
from contextlib import aclosing
from dataclasses import dataclass
from importlib.util import find_spec
from typing import Annotated, Any

import anyio
import anyio.to_thread
from pydantic import Field

from llm_adapters.llama.files import find_model
from llm_adapters.llama.process import LlamaProcess, Options
from llm_adapters.openai.adapter import MaxTokens, OpenAI, Temperature
from llm_adapters.openai.errors import Endpoint
from llm_adapters.protocol import LanguageModelError, Notice, TextDelta, ToolCall, Usage

MOST_THREADS = 8
"""More are hardly faster: what takes the time is reading the weights."""

_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Model(Endpoint):
    """A model as an endpoint, which people know by its name."""

    log: str = "run this with --debug to see llama.cpp's log"

    @property
    def address(self) -> str:
        """What to call it."""
        return self.model


class Llama(OpenAI):
    """llama.cpp in a process of its own, which is started with the model and ends with it."""

    _proxies = False

    def __init__(
        self,
        *,
        model: Annotated[
            str,
            Field(
                min_length=1,
                description="A GGUF file, or one of a Hugging Face repository: owner/name:FILE, or "
                "owner/name:Q4_K_M for a quantisation.",
            ),
        ],
        context: Annotated[
            int,
            Field(
                ge=256,
                description="Longest conversation with its reply in tokens; older turns are left "
                "out. It takes memory.",
            ),
        ] = 4096,
        threads: Annotated[
            int | None,
            Field(
                ge=1,
                description="Processor cores; null for half of them, at most eight, so that the "
                "recogniser and the voice keep theirs.",
            ),
        ] = None,
        temperature: Temperature = None,
        max_tokens: MaxTokens = None,
    ) -> None:
        key = secrets.token_urlsafe()
        super().__init__(
            model=model,
            base_url="http://127.0.0.1",  # and a port, once there is one
            api_key=key,
            temperature=temperature,
            max_tokens=max_tokens,
            context=context - context // 4,  # the rest is for the reply
        )
        # It says how far it is with the prompt, and notices by that that nobody listens any more.
        self._request.extra = {"return_progress": True}
        self._source = model
        self._context = context
        self._threads = threads or default_threads()
        self._key = key
        self._process: LlamaProcess | None = None

    async def load(self) -> None:
        """Read the model, downloading it (with a progress bar) when it is not on this machine.

        Again, it starts a process that has ended anew. Raises LanguageModelError.
        """
        if self._process is not None and self._process.alive:
            return
        if find_spec("xllamacpp") is None:
            raise LanguageModelError("llama needs llama.cpp: pip install xllamacpp")
        # Abandoned when cancelled: Ctrl-C waits for no download's end.
        path = await anyio.to_thread.run_sync(find_model, self._source, abandon_on_cancel=True)
        debug = _log.isEnabledFor(logging.DEBUG)
        process = await LlamaProcess.start(
            Options(str(path), self._context, self._threads, self._key, debug)
        )
        try:
            await self.aclose()  # what has ended, or somebody else's who was at it, too
            self._base_url = process.url
            await super().load()
        except BaseException:
            with anyio.CancelScope(shield=True):
                await process.aclose()
            raise
        self._endpoint = Model(self._base_url, self._source, self._key)
        self._process = process

    async def aclose(self) -> None:
        """End the process."""
        process, self._process = self._process, None
        if process is not None:  # first: who still waits for an answer does not hold it up
            await process.aclose()
        await super().aclose()

    async def _attempt(
        self, body: dict[str, Any], timeout: float
    ) -> AsyncGenerator[TextDelta | ToolCall | Usage | Notice, None]:
        """Request it once, of a process that lives. Raises LanguageModelError."""
        await self.load()
        async with aclosing(super()._attempt(body, timeout)) as items:
            async for item in items:
                yield item


def default_threads() -> int:
    """Half of the cores that there are for us."""
    allowed = getattr(os, "sched_getaffinity", None)  # not on macOS and Windows
    cores = len(allowed(0)) if allowed else os.cpu_count() or 1
    return max(1, min(MOST_THREADS, cores // 2))
