"""Any OpenAI-compatible endpoint: OpenAI, llama.cpp, Ollama, vLLM, LM Studio and the like."""

import os
from collections.abc import AsyncGenerator, Iterator, Sequence
from contextlib import AbstractAsyncContextManager, AsyncExitStack, aclosing, contextmanager
from typing import TYPE_CHECKING, Annotated, Any, cast
from urllib.parse import urlsplit

import anyio
import anyio.to_thread
from pydantic import Field

from llm_adapters.openai_errors import Endpoint, RequestError
from llm_adapters.openai_stream import BadReplyError, Delta, DeltaReader, body_errors, parse
from llm_adapters.protocol import LanguageModelError, Message, TextDelta, ToolSpec

if TYPE_CHECKING:
    from openai import AsyncAPIResponse, AsyncOpenAI

BACKOFF = 0.2
"""Seconds before the first retry; doubled before each further one."""
LONGEST_WAIT = 5.0
"""A server that asks for a longer wait than this is not waited for: someone is listening."""
NO_KEY = "none"
"""Sent to a server of one's own when there is no key: the client insists on one."""

Seconds = Annotated[float, Field(gt=0)]


class OpenAI:
    """Chat completions, streamed. Nothing is imported or connected before `load`."""

    def __init__(
        self,
        *,
        model: Annotated[str, Field(min_length=1, description="Name of the model.")],
        base_url: Annotated[
            str | None,
            Field(description="Endpoint, e.g. http://127.0.0.1:8080/v1; null for OpenAI's own."),
        ] = None,
        api_key: Annotated[
            str | None,
            Field(description="Its key; null for OPENAI_API_KEY, or for a server that needs none."),
        ] = None,
        temperature: Annotated[
            float | None, Field(ge=0, le=2, description="Null for the endpoint's own default.")
        ] = None,
        max_tokens: Annotated[
            int | None, Field(ge=1, description="Longest reply in tokens; null for no limit.")
        ] = None,
        connect_timeout: Annotated[
            Seconds, Field(description="Seconds until the endpoint must be connected.")
        ] = 5.0,
        first_token_timeout: Annotated[
            Seconds, Field(description="Seconds until the reply must begin.")
        ] = 30.0,
        token_timeout: Annotated[
            Seconds, Field(description="Longest pause in seconds inside a reply.")
        ] = 10.0,
        retries: Annotated[
            int,
            Field(ge=0, le=10, description="Further tries when a request fails before its reply."),
        ] = 2,
    ) -> None:
        self._model = model
        self._base_url = (
            base_url or os.environ.get("OPENAI_BASE_URL") or "https://api.openai.com/v1"
        )
        self._api_key = api_key
        self._temperature = temperature
        self._max_tokens = max_tokens
        self._connect_timeout = connect_timeout
        self._first_token_timeout = first_token_timeout
        self._token_timeout = token_timeout
        self._retries = retries
        self._client: AsyncOpenAI | None = None

    async def load(self) -> None:
        """Make the client; no request is sent. Raises LanguageModelError."""
        if self._client is None:
            key = self._key()
            check_url(self._base_url)
            self._client = await anyio.to_thread.run_sync(self._connect, key or NO_KEY)
            self._endpoint = Endpoint(self._base_url, self._model, key)

    async def aclose(self) -> None:
        """Close the connections."""
        client, self._client = self._client, None
        if client is not None:
            await client.close()

    async def reply(
        self, messages: Sequence[Message], tools: Sequence[ToolSpec] = ()
    ) -> AsyncGenerator[TextDelta, None]:
        """Stream the answer to `messages`; closing the generator closes the connection at once.

        A failure that may pass is tried again, but only before the first fragment: nothing is
        ever said twice. Raises LanguageModelError.
        """
        del tools  # not yet
        await self.load()
        for attempt in range(self._retries + 1):
            begun = False
            try:
                async with aclosing(self._request(messages)) as fragments:
                    async for text in fragments:
                        begun = True
                        yield TextDelta(text)
            except RequestError as error:
                wait = BACKOFF * 2**attempt if error.retry_after is None else error.retry_after
                hopeless = begun or not error.passes or wait > LONGEST_WAIT
                if hopeless or attempt == self._retries:
                    raise
            else:
                return
            await anyio.sleep(wait)

    async def _request(self, messages: Sequence[Message]) -> AsyncGenerator[str, None]:
        """One try: the text of the reply as it comes. Raises RequestError."""
        from openai import OpenAIError

        endpoint = self._endpoint
        failures: tuple[type[Exception], ...] = (OpenAIError, *body_errors())
        begun = False  # there has been text
        alive = False  # there has been text or thought
        delta: Delta | None = Delta()
        deadline = anyio.current_time() + self._first_token_timeout
        try:
            async with AsyncExitStack() as stack:
                with within(deadline):
                    response = await stack.enter_async_context(self._open(messages))
                    await self._check_kind(response)
                reader = DeltaReader(response.iter_bytes())
                stack.push_async_callback(reader.aclose)
                while delta is not None and delta.finish is None:
                    with within(deadline):
                        delta = await reader.next()
                    if delta is None:
                        break
                    if delta.text:
                        begun = True
                        yield delta.text
                    if delta.text or delta.thinking:
                        alive = True
                        deadline = anyio.current_time() + self._token_timeout
        except TimeoutError:
            raise self._too_slow(alive) from None
        except BadReplyError as error:
            raise endpoint.bad_reply(str(error)) from None
        except failures as error:
            raise endpoint.explain(error, begun=begun) from None
        if not begun:
            raise endpoint.empty_reply(delta.finish if delta else None)
        if delta is None:
            raise endpoint.broken_off()

    def _open(
        self, messages: Sequence[Message]
    ) -> "AbstractAsyncContextManager[AsyncAPIResponse[Any]]":
        """The request, which is sent when the context is entered."""
        assert self._client is not None
        options: dict[str, Any] = {}
        if self._temperature is not None:
            options["temperature"] = self._temperature
        if self._max_tokens is not None:
            # OpenAI's newer models take only the new name, other servers often only the old.
            name = "max_completion_tokens" if self._is_openai else "max_tokens"
            options[name] = self._max_tokens
        return self._client.chat.completions.with_streaming_response.create(
            model=self._model,
            messages=[cast(Any, _wire(message)) for message in messages],
            stream=True,
            **options,
        )

    async def _check_kind(self, response: "AsyncAPIResponse[Any]") -> None:
        """Raises RequestError for an answer that is not a stream at all."""
        kind = response.headers.get("content-type", "")
        if "html" in kind:
            raise self._endpoint.web_page()
        if "application/json" in kind:
            parse(await response.read())  # raises for the error that it most likely holds
            raise BadReplyError("does not stream its replies")

    def _too_slow(self, alive: bool) -> RequestError:
        if alive:
            return self._endpoint.bad_reply(
                f"stopped in the middle of its reply: nothing more for {self._token_timeout:g} s "
                "(llm.token_timeout)"
            )
        return self._endpoint.bad_reply(
            f"sent no reply within {self._first_token_timeout:g} s (llm.first_token_timeout): "
            "is the model still loading?"
        )

    @property
    def _is_openai(self) -> bool:
        """Whether requests go to OpenAI itself."""
        return "//api.openai.com" in self._base_url

    def _key(self) -> str:
        """The key, empty for none. Raises LanguageModelError."""
        key = (self._api_key or os.environ.get("OPENAI_API_KEY") or "").strip()
        if not key and self._is_openai:
            raise LanguageModelError(
                "OpenAI needs an API key: set OPENAI_API_KEY or llm.api_key, or set llm.base_url "
                "to a server of your own"
            )
        if not (key.isascii() and key.isprintable()):
            raise LanguageModelError(
                "the API key holds characters that no key has: set OPENAI_API_KEY or llm.api_key"
            )
        return key

    def _connect(self, key: str) -> "AsyncOpenAI":
        """Import the package and make its client: slow, so in a thread."""
        try:
            import openai
        except ImportError as error:
            raise LanguageModelError(
                f"the openai package cannot be imported ({error}): pip install openai"
            ) from None
        client = openai.AsyncOpenAI(
            api_key=key,
            base_url=self._base_url,
            max_retries=0,  # `reply` retries, and knows when not to
            timeout=openai.Timeout(None, connect=self._connect_timeout),
        )
        _ = client.chat.completions  # imported on first use
        return client


@contextmanager
def within(deadline: float) -> Iterator[None]:
    """Raises TimeoutError at `deadline` (`anyio.current_time()`)."""
    with anyio.fail_after(max(0.0, deadline - anyio.current_time())):
        yield


def check_url(url: str) -> None:
    """Raises LanguageModelError for what no request can be sent to."""
    try:
        parts = urlsplit(url)
        good = parts.scheme in {"http", "https"} and bool(parts.hostname) and parts.port != 0
    except ValueError:  # such as a port that is no number
        good = False
    if not good:
        raise LanguageModelError(
            f"llm.base_url is not a URL like http://127.0.0.1:8080/v1: {url.rpartition('@')[2]!r}"
        )


def _wire(message: Message) -> dict[str, str]:
    """A message as the protocol has it; the dash tells the model where it was cut short."""
    cut = " —" if message.interrupted else ""
    return {"role": message.role, "content": message.content + cut}
