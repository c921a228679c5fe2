"""What of a long conversation a model is shown: the persona and the latest turns."""

import json
from collections.abc import Sequence
from itertools import accumulate

from llm_adapters.protocol import Message, ToolSpec

BYTES_PER_TOKEN = 3.5
"""UTF-8 bytes: English has about four and a half, German four, Chinese three; better too few."""
MESSAGE_TOKENS = 5
"""What a message costs besides its words: role and marks."""


def tokens(message: Message) -> int:
    """A careful estimate of what `message` costs; nobody here has the model's own tokenizer."""
    calls = "".join(call.id + call.name + call.arguments for call in message.calls)
    size = len((message.content + calls + (message.call_id or "")).encode(errors="replace"))
    return MESSAGE_TOKENS + round(size / BYTES_PER_TOKEN)


def tool_tokens(tools: Sequence[ToolSpec]) -> int:
    """The same for tools."""
    texts = (tool.name + tool.description + json.dumps(dict(tool.parameters)) for tool in tools)
    return sum(MESSAGE_TOKENS + round(len(text) / BYTES_PER_TOKEN) for text in texts)


def within_budget(messages: Sequence[Message], budget: int) -> tuple[Message, ...]:
    """`messages` with the oldest turns left out, so that they cost `budget` tokens or less.

    The system messages at the beginning and the last turn are always kept. A turn is left out
    whole, its tool calls with their results. More is left out at a time than is needed, half a
    budget: what is sent begins alike for many turns, so that a server's prompt cache holds.
    """
    start = next((i for i, m in enumerate(messages) if m.role != "system"), len(messages))
    persona, rest = messages[:start], messages[start:]
    before = [0, *accumulate(tokens(message) for message in rest)]  # index: tokens up to there
    room = budget - sum(tokens(message) for message in persona)
    excess = before[-1] - room
    if excess <= 0:
        return tuple(messages)
    step = max(1, room // 2)
    least = -(-excess // step) * step
    turns = [i for i, message in enumerate(rest) if message.role == "user"]
    cut = next((i for i in turns if before[i] >= least), turns[-1] if turns else 0)
    return (*persona, *rest[cut:])
