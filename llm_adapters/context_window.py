"""Truncation of a long conversation to a model's context window: the latest turns are kept."""

import json
from collections.abc import Sequence
from itertools import accumulate

from llm_adapters.protocol import Message, ToolSpec

BYTES_PER_TOKEN = 3.5
"""UTF-8 bytes: English has about four and a half, German four, Chinese three; better too few."""
MESSAGE_TOKENS = 5
"""What a message costs besides its words: role and marks."""


def estimate_tokens(message: Message) -> int:
    """Estimate carefully what `message` costs: nobody here has the model's own tokenizer."""
    calls = "".join(call.id + call.name + call.arguments for call in message.calls)
    size = len((message.content + calls + (message.call_id or "")).encode(errors="replace"))
    return MESSAGE_TOKENS + round(size / BYTES_PER_TOKEN)


def estimate_tool_tokens(tools: Sequence[ToolSpec]) -> int:
    """Estimate carefully what the descriptions of `tools` cost."""
    texts = (tool.name + tool.description + json.dumps(dict(tool.parameters)) for tool in tools)
    return sum(MESSAGE_TOKENS + round(len(text) / BYTES_PER_TOKEN) for text in texts)


def truncate(messages: Sequence[Message], window: int) -> tuple[Message, ...]:
    """Leave out the oldest turns, so that `messages` cost `window` tokens or less.

    The system messages at the beginning and the last turn are always kept. A turn is left out
    whole, its tool calls with their results. More is left out at a time than is needed, half a
    window: what is sent begins alike for many turns, so that a server's prompt cache holds.
    """
    start = next((i for i, m in enumerate(messages) if m.role != "system"), len(messages))
    system, rest = messages[:start], messages[start:]
    before = [0, *accumulate(estimate_tokens(message) for message in rest)]  # index: tokens so far
    room = window - sum(estimate_tokens(message) for message in system)
    excess = before[-1] - room
    if excess <= 0:
        return tuple(messages)
    step = max(1, room // 2)
    least = -(-excess // step) * step
    turns = [i for i, message in enumerate(rest) if message.role == "user"]
    cut = next((i for i in turns if before[i] >= least), turns[-1] if turns else 0)
    return (*system, *rest[cut:])
