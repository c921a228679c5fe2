"""The adapter `auto`: whatever language model there is, the first that `discover` finds."""

from collections.abc import AsyncGenerator, Sequence
from contextlib import aclosing
from typing import Annotated

from pydantic import Field

from llm_adapters.discover import SERVERS, Server, discover
from llm_adapters.openai.adapter import MaxTokens, OpenAI, Temperature
from llm_adapters.openai.client import NO_KEY
from llm_adapters.protocol import (
    AS_CONFIGURED,
    PATIENCE,
    LanguageModelError,
    Message,
    ModelOptions,
    Notice,
    ReplyItem,
    ToolSpec,
)


class Auto:
    """Language model that is looked for when it is loaded; what was found answers from then on."""

    def __init__(
        self,
        *,
        model: Annotated[
            str | None, Field(description="Name of the model; null for the first that is there.")
        ] = None,
        temperature: Temperature = None,
        max_tokens: MaxTokens = None,
    ) -> None:
        self._model = model
        self._temperature = temperature
        self._max_tokens = max_tokens
        self._llm: OpenAI | None = None
        self._notice: Notice | None = None
        self._fails_fast = False

    @property
    def patience(self) -> float:
        """As the adapter `openai` does, after the search."""
        return PATIENCE if self._llm is None else self._llm.patience

    def fail_fast(self) -> None:
        """As the adapter `openai` does."""
        self._fails_fast = True

    async def load(self) -> None:
        """Look for one. Raises LanguageModelError if there is none."""
        if self._llm is not None:
            return
        server, model = choose(await discover(), self._model)
        llm = OpenAI(
            model=model,
            base_url=server.url,
            # The key is for OpenAI: whoever listens on this computer has no business with it.
            api_key=NO_KEY if server.local else None,
            temperature=self._temperature,
            max_tokens=self._max_tokens,
        )
        if self._fails_fast:
            llm.fail_fast()
        await llm.load()
        self._llm = llm
        self._notice = Notice("llm.found", f"{server} answers with {model}", "info")

    async def aclose(self) -> None:
        """Close the connections."""
        llm, self._llm = self._llm, None
        if llm is not None:
            await llm.aclose()

    async def warm_up(self, messages: Sequence[Message], tools: Sequence[ToolSpec] = ()) -> None:
        """As the adapter `openai` does. Raises LanguageModelError."""
        await self.load()
        assert self._llm is not None
        await self._llm.warm_up(messages, tools)

    async def summarise(self) -> None:
        """As the adapter `openai` does. Raises LanguageModelError."""
        if self._llm is not None:
            await self._llm.summarise()

    async def reply(
        self, messages: Sequence[Message], tools: Sequence[ToolSpec] = ()
    ) -> AsyncGenerator[ReplyItem, None]:
        """Stream the answer to `messages`. Raises LanguageModelError."""
        async with aclosing(self.reply_with(messages, tools, AS_CONFIGURED)) as reply:
            async for item in reply:
                yield item

    async def reply_with(
        self, messages: Sequence[Message], tools: Sequence[ToolSpec], options: ModelOptions
    ) -> AsyncGenerator[ReplyItem, None]:
        """As the adapter `openai` does. Raises LanguageModelError."""
        await self.load()
        assert self._llm is not None
        if self._notice is not None:
            notice, self._notice = self._notice, None
            yield notice
        async with aclosing(self._llm.reply_with(messages, tools, options)) as reply:
            async for item in reply:
                yield item


def choose(found: Sequence[Server], wanted: str | None) -> tuple[Server, str]:
    """Choose the server to use and its model. Raises LanguageModelError if there is none."""
    for server in found:
        # Ollama lists `llama3.2:latest` for what is asked for as `llama3.2`.
        names = server.models if wanted is None else (wanted, f"{wanted}:latest")
        if model := next((name for name in names if name in server.models), None):
            return server, model
    if wanted is not None and found:
        there = "; ".join(f"{server}: {', '.join(server.models) or 'none'}" for server in found)
        raise LanguageModelError(f"no language model {wanted!r} was found (there are: {there})")
    if found:
        raise LanguageModelError(
            f"{found[0]} runs but has no model: download one, such as: ollama pull llama3.2"
        )
    raise LanguageModelError(
        f"no language model was found: start one ({', '.join(SERVERS)}), set OPENAI_API_KEY, or "
        "write llm: {adapter: llama, model: Qwen/Qwen2.5-0.5B-Instruct-GGUF}, or adapter: eliza, "
        "which need neither"
    )
