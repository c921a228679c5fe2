"""Requests of chat completions, and what the endpoint turns out not to take."""

import json
import re
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from llm_adapters.context_window import estimate_tool_tokens, truncate
from llm_adapters.protocol import Message, Notice, ToolSpec

SMALLEST_CONTEXT = 256
"""Tokens below which a request is not cut any further."""
TOO_LONG = re.compile(r"context[ _-](?:length|size|window)|exceed_context|prompt is too long", re.I)
NO_TOOLS = re.compile(r"\btools?\b|tool_choice|--jinja", re.I)


@dataclass(slots=True)
class Request:
    """Builder of request bodies that remembers what the endpoint has refused."""

    model: str
    is_openai: bool
    context: int
    """Tokens of the prompt."""
    temperature: float | None
    max_tokens: int | None
    _without: set[str] = field(default_factory=set)

    def body(
        self, messages: Sequence[Message], tools: Sequence[ToolSpec], *, longest: int | None = None
    ) -> dict[str, Any]:
        """The arguments of a streamed chat completion of at most `longest` tokens."""
        tools = () if "tools" in self._without else tools
        shown = truncate(messages, self.context - estimate_tool_tokens(tools))
        body: dict[str, Any] = {
            "model": self.model,
            "messages": [_message(message) for message in shown],
            "stream": True,
        }
        if "stream_options" not in self._without:
            body["stream_options"] = {"include_usage": True}
        if tools:
            body["tools"] = [_tool(tool) for tool in tools]
        if self.temperature is not None:
            body["temperature"] = self.temperature
        if (longest := longest or self.max_tokens) is not None:
            # OpenAI's newer models take only the new name, other servers often only the old.
            body["max_completion_tokens" if self.is_openai else "max_tokens"] = longest
        return body

    def relent(self, refusal: str, *, tools: bool) -> Notice | None:
        """Ask for less, after the words of a `refusal`; None if that is not what it is about.

        `tools`: whether there were any in the request.
        """
        if "stream_options" in refusal and "stream_options" not in self._without:
            self._without.add("stream_options")
            return Notice("llm.no_usage", f"{self.model} does not count its tokens for us")
        if TOO_LONG.search(refusal) and self.context > SMALLEST_CONTEXT:
            self.context //= 2
            return Notice(
                "llm.context",
                f"the conversation is too long for {self.model}: it is shown {self.context} "
                "tokens of it from now on (llm.context)",
            )
        if tools and NO_TOOLS.search(refusal) and "tools" not in self._without:
            self._without.add("tools")
            return Notice("llm.no_tools", f"{self.model} takes no tools ({refusal})")
        return None


def _message(message: Message) -> dict[str, Any]:
    """A message as the API has it; the dash tells the model where it was cut short."""
    body: dict[str, Any] = {
        "role": message.role,
        "content": message.content + (" —" if message.interrupted else ""),
    }
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
    except ValueError:
        return "{}"
    return arguments


def _tool(tool: ToolSpec) -> dict[str, Any]:
    parameters = dict(tool.parameters)
    function = {"name": tool.name, "description": tool.description, "parameters": parameters}
    return {"type": "function", "function": function}
