"""Fitting a long conversation to a model's context window: the latest turns are kept.

First what is long of itself is shortened, such as tools' results, then the oldest turns are left
out; of the last turn alone, whatever is too long.
"""

import json
from collections.abc import Sequence
from dataclasses import dataclass, replace
from itertools import accumulate

from llm_adapters.protocol import Message, ToolSpec, Truncation

BYTES_PER_TOKEN = 3.5
"""UTF-8 bytes: English has about four and a half, German four, Chinese three; better too few."""
MESSAGE_TOKENS = 5
"""What a message costs besides its words: role and marks."""
IMAGE_TOKENS = 1000
"""What an image costs, whatever its size: more than most servers count."""
SHARES = (2, 4, 8)
"""What part of the window one message may take: less and less while that makes room for all."""
LONG = 300
"""Tokens, a minute of speech: what is not longer is not shortened while turns can be left out."""
SHORTEST = 32
"""Tokens that are kept of every message of the last turn."""


USUAL = Truncation()


@dataclass(frozen=True, slots=True)
class Fitted:
    """What of a conversation is shown to the model, and what is not."""

    shown: tuple[Message, ...]
    dropped: tuple[Message, ...] = ()
    """The oldest turns, whole, and as they were."""
    system: int = 0
    """How many of the messages shown are those of the system, at the beginning."""


def estimate_tokens(message: Message) -> int:
    """Estimate carefully what `message` costs: nobody here has the model's own tokenizer."""
    calls = "".join(call.id + call.name + call.arguments for call in message.calls)
    size = len((message.content + calls + (message.call_id or "")).encode(errors="replace"))
    pictures = IMAGE_TOKENS * len(message.images)
    return MESSAGE_TOKENS + pictures + round(size / BYTES_PER_TOKEN)


def estimate_tool_tokens(tools: Sequence[ToolSpec]) -> int:
    """Estimate carefully what the descriptions of `tools` cost."""
    texts = (tool.name + tool.description + json.dumps(dict(tool.parameters)) for tool in tools)
    return sum(MESSAGE_TOKENS + round(len(text) / BYTES_PER_TOKEN) for text in texts)


def fit(messages: Sequence[Message], window: int, truncation: Truncation = USUAL) -> Fitted:
    """Make `messages` cost `window` tokens or less, and no more than `truncation` has it.

    The system messages at the beginning are always kept, and the last turn, if shortened. A turn
    is left out whole, its tool calls with their results. More is left out at a time than is
    needed, half a window as a rule: what is sent begins alike for many turns, so that a server's
    prompt cache holds.
    """
    start = next((i for i, m in enumerate(messages) if m.role != "system"), len(messages))
    system, rest = messages[:start], messages[start:]
    room = window - sum(estimate_tokens(message) for message in system)
    if truncation.limit is not None:
        room = min(room, truncation.limit)
    costs = [estimate_tokens(message) for message in rest]
    if sum(costs) <= room:
        return Fitted(tuple(messages), system=start)
    shortened: list[Message] = []
    for share in SHARES:
        most = max(LONG, room // share)
        shortened = [shorten(m, most) if c > most else m for m, c in zip(rest, costs, strict=True)]
        if sum(map(estimate_tokens, shortened)) <= room:
            return Fitted((*system, *shortened), system=start)
    cut = _cut(shortened, room, truncation.keep)
    last = shortened[cut:]
    while sum(map(estimate_tokens, last)) > room and most > SHORTEST:
        most = max(SHORTEST, most // 2)
        last = [shorten(message, most) for message in last]
    return Fitted((*system, *last), tuple(rest[:cut]), system=start)


def _cut(rest: Sequence[Message], room: int, keep: float) -> int:
    """Where the turns begin that are kept."""
    before = [0, *accumulate(estimate_tokens(message) for message in rest)]  # index: tokens so far
    excess = before[-1] - room
    step = max(1, round(room * (1 - keep)))
    least = -(-excess // step) * step
    turns = [i for i, message in enumerate(rest) if message.role == "user"]
    return next((i for i in turns if before[i] >= least), turns[-1] if turns else 0)


def shorten(message: Message, most: int) -> Message:
    """Shorten a message to about `most` tokens: its beginning and its end, and what is missing.

    Arguments of a call that are longer than that are left out: a part of them is no JSON.
    """
    if estimate_tokens(message) <= most:
        return message
    size = int(most * BYTES_PER_TOKEN)
    calls = tuple(
        replace(c, arguments=c.arguments if len(c.arguments) <= size // 2 else "{}")
        for c in message.calls
    )
    text = message.content.encode(errors="replace")
    spare = size - 60  # for what is written between
    if len(text) > size:
        head, tail = text[: spare * 2 // 3], text[len(text) - spare // 3 :]
        left_out = len(text) - len(head) - len(tail)
        middle = f" … ({left_out:,} bytes left out here) … "
        content = head.decode(errors="ignore") + middle + tail.decode(errors="ignore")
    else:
        content = message.content
    return replace(message, content=content, calls=calls)
