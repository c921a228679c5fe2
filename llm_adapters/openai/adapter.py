"""The adapter `openai`: OpenAI, llama.cpp, Ollama, vLLM, LM Studio and the like."""

import os
from collections.abc import AsyncGenerator, Iterator, Sequence
from contextlib import AsyncExitStack, aclosing, contextmanager
from functools import partial
from typing import TYPE_CHECKING, Annotated, Any

import anyio
import anyio.to_thread
from pydantic import Field

from llm_adapters.openai.client import check_url, find_key, make_client
from llm_adapters.openai.errors import EmptyReplyError, Endpoint, RequestError
from llm_adapters.openai.reply import MAX_REPLY, Reply
from llm_adapters.openai.request import Request
from llm_adapters.openai.stream import DRAIN, BadReplyError, Delta, DeltaReader, body_errors, parse
from llm_adapters.openai.summary import TOKENS
from llm_adapters.protocol import (
    AS_CONFIGURED,
    LanguageModelError,
    Message,
    ModelOptions,
    Notice,
    ReplyItem,
    TextDelta,
    ToolCall,
    ToolSpec,
    Usage,
)
from llm_adapters.reasoning_filter import starts_in_reasoning

if TYPE_CHECKING:
    from openai import AsyncAPIResponse, AsyncOpenAI

BACKOFF = 0.2
"""Seconds before the first retry; doubled before each further one."""
MAX_WAIT, FAST_WAIT = 5.0, 1.0
"""A server that asks for a longer wait than this is not waited for: someone is listening. The
other one where another model is there to answer."""
FIRST_TOKEN, FAST_FIRST_TOKEN = 30.0, 6.0
"""Seconds until a reply must begin, likewise: a large model is read from disk, or swapped in."""
WARM_UP_TIMEOUT = 300.0
"""Seconds: a large model is read from disk."""

Seconds = Annotated[float, Field(gt=0)]
Temperature = Annotated[
    float | None, Field(ge=0, le=2, description="Null for the endpoint's own default.")
]
MaxTokens = Annotated[
    int | None, Field(ge=1, description="Longest reply in tokens; null for no limit.")
]


class OpenAI:
    """Client of streamed chat completions. Nothing is imported or connected before `load`."""

    _proxies = True
    """Whether those of the environment are used."""

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
        temperature: Temperature = None,
        max_tokens: MaxTokens = None,
        context: Annotated[
            int,
            Field(ge=256, description="Longest conversation in tokens; older turns are left out."),
        ] = 8000,
        connect_timeout: Annotated[
            Seconds, Field(description="Seconds until the endpoint must be connected.")
        ] = 5.0,
        first_token_timeout: Annotated[
            Seconds | None,
            Field(
                description="Seconds until the reply must begin; null for 30, or for 6 where "
                "there is a fallback to go on to."
            ),
        ] = None,
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
        self._request = Request(
            model, "//api.openai.com" in self._base_url, context, temperature, max_tokens
        )
        self._connect_timeout = connect_timeout
        self._first_token_timeout = first_token_timeout or FIRST_TOKEN
        self._timeout_is_default = first_token_timeout is None
        self._max_wait = MAX_WAIT
        self._token_timeout = token_timeout
        self._retries = retries
        self._client: AsyncOpenAI | None = None
        self._starts_in_reasoning = starts_in_reasoning(model, official=self._request.is_openai)
        self._replies = 0
        self._notices: list[Notice] = []  # of the warm-up
        self._told_no_end = False

    @property
    def patience(self) -> float:
        """Seconds for all tries."""
        once = max(self._first_token_timeout, self._token_timeout)
        return (self._retries + 1) * (once + self._max_wait)

    async def load(self) -> None:
        """Make the client; no request is sent. Raises LanguageModelError."""
        if self._client is None:
            key = find_key(self._api_key, needed=self._request.is_openai)
            check_url(self._base_url)
            self._client = await anyio.to_thread.run_sync(
                partial(make_client, proxies=self._proxies),
                self._base_url,
                key,
                self._connect_timeout,
            )
            self._endpoint = Endpoint(self._base_url, self._model, key)

    def fail_fast(self) -> None:
        """Use short timeouts from now on: another model is there to answer."""
        self._max_wait = FAST_WAIT
        if self._timeout_is_default:
            self._first_token_timeout = FAST_FIRST_TOKEN

    async def aclose(self) -> None:
        """Close the connections."""
        client, self._client = self._client, None
        if client is not None:
            await client.close()

    async def warm_up(self, messages: Sequence[Message], tools: Sequence[ToolSpec] = ()) -> None:
        """Have the endpoint load the model and read what every request begins with.

        The first reply need not wait for it then. Raises LanguageModelError.
        """
        await self.load()
        asked = (*messages, Message("user", "Hello."))
        try:
            async with aclosing(self._reply(asked, tools, WARM_UP_TIMEOUT, longest=1)) as reply:
                async for item in reply:
                    if isinstance(item, Notice):
                        self._notices.append(item)
        except EmptyReplyError:
            pass  # its single token was no word

    async def summarise(self) -> None:
        """Have the model sum up the turns that no longer fit, for the replies to come.

        Raises LanguageModelError, and does not ask again for the same ones.
        """
        summary = self._request.summary
        if not (due := summary.due):
            return
        await self.load()
        asked = summary.request(due, self._request.context)
        text = ""
        try:
            reply = self._reply(asked, (), self._first_token_timeout, longest=TOKENS)
            async with aclosing(reply) as items:
                async for item in items:
                    text += item.text if isinstance(item, TextDelta) else ""
        except LanguageModelError:
            summary.keep(due, "")
            raise
        summary.keep(due, text)

    async def reply(
        self, messages: Sequence[Message], tools: Sequence[ToolSpec] = ()
    ) -> AsyncGenerator[ReplyItem, None]:
        """Stream the answer to `messages`; closing the generator closes the connection at once.

        A failure that may pass is tried again, but only before the first fragment: nothing is
        ever said twice. Raises LanguageModelError.
        """
        async with aclosing(self.reply_with(messages, tools, AS_CONFIGURED)) as reply:
            async for item in reply:
                yield item

    async def reply_with(
        self, messages: Sequence[Message], tools: Sequence[ToolSpec], options: ModelOptions
    ) -> AsyncGenerator[ReplyItem, None]:
        """As `reply`, in this way. Raises ContextTooLongError, too."""
        await self.load()
        while self._notices:
            yield self._notices.pop(0)
        timeout = self._first_token_timeout
        async with aclosing(self._reply(messages, tools, timeout, options)) as reply:
            async for item in reply:
                yield item

    async def _reply(
        self,
        messages: Sequence[Message],
        tools: Sequence[ToolSpec],
        timeout: float,
        options: ModelOptions = AS_CONFIGURED,
        *,
        longest: int | None = None,
    ) -> AsyncGenerator[ReplyItem, None]:
        """Try until a reply begins, each time within `timeout` seconds. Raises RequestError."""
        failures = 0
        context = self._request.context
        guessed = False
        notices: dict[str, Notice] = {}  # told with the reply that they are about
        while True:
            begun = False
            body = self._request.body(messages, tools, options, longest=longest)
            size = self._request.size
            try:
                async with aclosing(self._attempt(body, timeout)) as items:
                    async for item in items:
                        if not begun:
                            begun = True
                            self._request.accepted = max(self._request.accepted, size)
                            for notice in notices.values():
                                yield notice
                        yield item
            except RequestError as error:
                if begun:
                    raise
                less = self._request.relent(error.refusal, size, body, options)
                whole = options.truncation is None
                if less is None and not (guessed or whole or error.passes):
                    less = self._request.guess(error.refusal, size)
                    guessed = less is not None
                if less is None:
                    wait = BACKOFF * 2**failures if error.retry_after is None else error.retry_after
                    failures += 1
                    if not error.passes or wait > self._max_wait or failures > self._retries:
                        self._request.context = context  # less of it was of no use
                        raise
            else:
                return
            if less is not None:
                notices[less.code] = less
            else:
                await anyio.sleep(wait)

    async def _attempt(
        self, body: dict[str, Any], timeout: float
    ) -> AsyncGenerator[TextDelta | ToolCall | Usage | Notice, None]:
        """Request it once: the reply as it comes. Raises RequestError."""
        tools = [tool["function"]["name"] for tool in body.get("tools", ())]
        reply = Reply(starts_in_reasoning=self._starts_in_reasoning, tools=tools)
        async with aclosing(self._deltas(body, timeout)) as deltas:
            async for delta in deltas:
                if text := reply.add(delta):
                    yield TextDelta(text)
                if reply.over:
                    break
                if reply.size > MAX_REPLY:
                    raise self._endpoint.endless_reply(MAX_REPLY)
        if text := reply.finish():
            yield TextDelta(text)
        if call := reply.unreadable_call:
            yield Notice("llm.unreadable_call", f"{self._model} wrote a call as text: {call}")
        self._starts_in_reasoning = reply.starts_in_reasoning
        if reply.empty:
            raise self._endpoint.empty_reply(reply.ended)
        if reply.ended is None:
            if not reply.whole:
                raise self._endpoint.broken_off()
            if not self._told_no_end:
                self._told_no_end = True
                yield Notice("llm.no_end", f"{self._model} does not say when its replies end")
        self._replies += 1
        for item in reply.rest(f"call_{self._replies}_"):
            yield item

    async def _deltas(self, body: dict[str, Any], timeout: float) -> AsyncGenerator[Delta, None]:
        """Read the events of a reply, each in time. Raises RequestError."""
        from openai import OpenAIError

        assert self._client is not None
        create = self._client.chat.completions.with_streaming_response.create
        failures: tuple[type[Exception], ...] = (OpenAIError, *body_errors())
        begun = ended = False
        deadline = anyio.current_time() + timeout
        try:
            async with AsyncExitStack() as stack:
                with within(deadline):
                    response = await stack.enter_async_context(create(**body))
                    await self._check_kind(response)
                reader = DeltaReader(response.iter_bytes())
                stack.push_async_callback(reader.aclose)
                while True:
                    with within(deadline):
                        delta = await reader.next()
                    if delta is None:
                        return
                    yield delta
                    if delta.last:
                        return
                    ended = ended or delta.finish is not None
                    if ended:  # what it cost may follow, but not for long
                        deadline = anyio.current_time() + DRAIN
                    elif delta.text or delta.reasoning or delta.calls:
                        begun = True
                        deadline = anyio.current_time() + self._token_timeout
        except TimeoutError:
            if not ended:
                raise self._too_slow(timeout, begun=begun) from None
        except BadReplyError as error:
            raise self._endpoint.bad_reply(str(error), error.refusal) from None
        except failures as error:
            if not ended:
                raise self._endpoint.explain(error, begun=begun) from None

    async def _check_kind(self, response: "AsyncAPIResponse[Any]") -> None:
        """Raise RequestError for an answer that is not a stream at all."""
        kind = response.headers.get("content-type", "")
        if "html" in kind:
            raise self._endpoint.web_page()
        if "application/json" in kind:
            parse(await response.read())  # raises for the error that it most likely holds
            raise BadReplyError("does not stream its replies")

    def _too_slow(self, timeout: float, *, begun: bool) -> RequestError:
        if begun:
            return self._endpoint.bad_reply(
                f"stopped in the middle of its reply: nothing more for {self._token_timeout:g} s "
                "(llm.token_timeout)"
            )
        return self._endpoint.bad_reply(
            f"sent no reply within {timeout:g} s (llm.first_token_timeout): "
            "is the model still loading?"
        )


@contextmanager
def within(deadline: float) -> Iterator[None]:
    """Raise TimeoutError at `deadline` (`anyio.current_time()`)."""
    with anyio.fail_after(max(0.0, deadline - anyio.current_time())):
        yield
