"""Requests of chat completions, and what the endpoint turns out not to take."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from llm_adapters.context_window import estimate_tokens, estimate_tool_tokens, fit
from llm_adapters.openai.refusal import Refusal
from llm_adapters.openai.summary import Summary
from llm_adapters.protocol import (
    AS_CONFIGURED,
    ContextTooLongError,
    Message,
    ModelOptions,
    Notice,
    ToolSpec,
    Truncation,
)

UNSEEN = "(The user shows you a picture that you cannot see.)"
SMALLEST_CONTEXT = 256
"""Tokens below which a request is not cut any further."""


@dataclass(slots=True)
class Request:
    """Builder of request bodies that remembers what the endpoint has refused."""

    model: str
    is_openai: bool
    context: int
    """Tokens of the prompt."""
    temperature: float | None
    max_tokens: int | None
    extra: Mapping[str, Any] = field(default_factory=dict)
    """What the endpoint knows besides the protocol."""
    summary: Summary = field(default_factory=Summary)
    """What the model is told of the turns that are left out."""
    size: int = 0
    """Tokens of the latest request."""
    accepted: int = 0
    """Tokens of the longest one that was answered."""
    _without: set[str] = field(default_factory=set)

    def body(
        self,
        messages: Sequence[Message],
        tools: Sequence[ToolSpec],
        options: ModelOptions = AS_CONFIGURED,
        *,
        longest: int | None = None,
    ) -> dict[str, Any]:
        """The arguments of a streamed chat completion of at most `longest` tokens.

        Raises ContextTooLongError.
        """
        tools = () if "tools" in self._without else tools
        tool_tokens = estimate_tool_tokens(tools)
        shown = self._shown(messages, self.context - tool_tokens, options.truncation)
        self.size = tool_tokens + sum(map(estimate_tokens, shown))
        body: dict[str, Any] = {
            "model": self.model,
            "messages": [_message(m, sees="images" not in self._without) for m in shown],
            "stream": True,
        }
        if "stream_options" not in self._without:
            body["stream_options"] = {"include_usage": True}
        if self.extra:
            body["extra_body"] = dict(self.extra)
        if tools:
            body["tools"] = [_tool(tool) for tool in tools]
            if not options.parallel_calls and "parallel_tool_calls" not in self._without:
                body["parallel_tool_calls"] = False
        if options.effort is not None and _effort(options) not in self._without:
            body["reasoning_effort"] = options.effort
        if self.temperature is not None:
            body["temperature"] = self.temperature
        if (longest := longest or self.max_tokens) is not None:
            # OpenAI's newer models take only the new name, other servers often only the old.
            body["max_completion_tokens" if self.is_openai else "max_tokens"] = longest
        return body

    def _shown(
        self, messages: Sequence[Message], window: int, truncation: Truncation | None
    ) -> Sequence[Message]:
        if truncation is not None:
            return self.summary.insert(fit(messages, window, truncation))
        if (size := sum(map(estimate_tokens, messages))) > window:
            raise ContextTooLongError(
                f"the conversation has about {size} tokens, and {self.model} takes {window} "
                "(llm.context): nothing of it may be left out"
            )
        return messages

    def relent(
        self, refusal: Refusal, size: int, body: Mapping[str, Any], options: ModelOptions
    ) -> Notice | None:
        """Ask for less, after a `refusal`; None if that is not what it is about.

        `body` was refused, of `size` tokens. Raises ContextTooLongError.
        """
        if (notice := self._without_what_is_unknown(refusal, body, options)) is not None:
            return notice
        if refusal.too_long and options.truncation is None:
            raise ContextTooLongError(
                f"the conversation is too long for {self.model} ({refusal.words}): nothing of it "
                "may be left out"
            )
        if refusal.too_long:
            return self._shorten(size) if size > SMALLEST_CONTEXT else None
        if "tools" in body and refusal.about_tools and "tools" not in self._without:
            self._without.add("tools")
            return Notice("llm.no_tools", f"{self.model} takes no tools ({refusal.words})")
        return None

    def _without_what_is_unknown(
        self, refusal: Refusal, body: Mapping[str, Any], options: ModelOptions
    ) -> Notice | None:
        words, model = refusal.words, self.model
        images = any(isinstance(message["content"], list) for message in body["messages"])
        effort = f"takes no reasoning effort {options.effort} ({words})"
        many = "may call several tools at once"
        unseen = f"sees no images ({words})"
        known = (
            (
                "stream_options",
                "stream_options",
                "llm.no_usage",
                "does not count its tokens for us",
            ),
            ("parallel_tool_calls", "parallel_tool_calls", "llm.parallel_calls", many),
            ("reasoning_effort", _effort(options), "llm.effort", effort),
            ("", "images" * (images and refusal.about_images), "llm.no_images", unseen),
        )
        for name, what, code, message in known:
            if what and name in words and what not in self._without:
                self._without.add(what)
                return Notice(code, f"{model} {message}")
        return None

    def guess(self, refusal: Refusal, size: int) -> Notice | None:
        """Ask for half of what was refused, for reasons unknown, if no more was ever answered."""
        if refusal.unclear and size > max(self.accepted, 2 * SMALLEST_CONTEXT):
            return self._shorten(size)
        return None

    def _shorten(self, size: int) -> Notice:
        self.context = max(SMALLEST_CONTEXT, min(self.context, size) // 2)
        return Notice(
            "llm.context",
            f"the conversation is too long for {self.model}: it is shown {self.context} "
            "tokens of it from now on (llm.context)",
        )


def _effort(options: ModelOptions) -> str:
    return f"reasoning_effort={options.effort}"


def _message(message: Message, *, sees: bool) -> dict[str, Any]:
    """A message as the API has it; the dash tells the model where it was cut short.

    A model that `sees` no images is told where there is one.
    """
    content: Any = message.content + (" —" if message.interrupted else "")
    if message.images and sees:
        images = [{"type": "image_url", "image_url": {"url": url}} for url in message.images]
        content = [*([{"type": "text", "text": content}] if content else ()), *images]
    elif message.images:
        content = f"{content} {UNSEEN}".strip()
    body: dict[str, Any] = {"role": message.role, "content": content}
    if message.calls:
        body["tool_calls"] = [
            {
                "id": call.id,
                "type": "function",
                "function": {"name": call.name, "arguments": _valid(call.arguments)},
            }
            for call in message.calls
        ]
    if message.call_id is not None:
        body["tool_call_id"] = message.call_id
    return body


def _valid(arguments: str) -> str:
    """`arguments` if they are JSON: some servers fail on their own model's mistakes."""
    try:
        json.loads(arguments)
    except (ValueError, RecursionError):
        return "{}"
    return arguments


def _tool(tool: ToolSpec) -> dict[str, Any]:
    parameters = dict(tool.parameters)
    function = {"name": tool.name, "description": tool.description, "parameters": parameters}
    return {"type": "function", "function": function}
