"""Frames of clients: JSON that is an event. Large ones are read beside the loop (P2).

Nearly all of a large frame is sound, as base64. It is taken out before the JSON is read: a reader
of JSON looks at each character, and while it does nobody else has a turn, in no thread.
"""

import json
from collections.abc import Callable
from typing import Any

import anyio.to_thread

from agent.server.realtime.client_events import AnyEvent, parse
from agent.server.realtime.errors import RealtimeError

LARGE = 1 << 18
"""Characters of a frame above which it is read in a thread."""
MAX_DEPTH = 100
"""Objects and arrays within one another in an event."""

Translate = Callable[[dict[str, Any]], dict[str, Any]]
"""Gives an event today's shape."""

_KEY = '"audio"'
_PLACE = "\0sound "
"""What stands for a sound that was taken out, with its number."""


async def take(frame: str | bytes, translate: Translate) -> AnyEvent:
    """Read a frame, in a thread if it is large. Raises RealtimeError."""
    if len(frame) > LARGE:
        return await anyio.to_thread.run_sync(read_event, frame, translate)
    return read_event(frame, translate)


def read_event(frame: str | bytes, translate: Translate = lambda event: event) -> AnyEvent:
    """Read a frame, its sound included. Raises RealtimeError."""
    event = parse(translate(read(frame)))
    for each in event.sounds:
        try:
            _ = each.data
        except RealtimeError as error:
            error.event_id = event.event_id
            raise
    return event


def read(frame: str | bytes) -> dict[str, Any]:
    """What a frame holds. Raises RealtimeError for what is no JSON object."""
    try:
        sounds: list[str] = []
        if len(frame) > LARGE:
            text = frame if isinstance(frame, str) else frame.decode()
            frame = _without_sounds(text, sounds)
        value = json.loads(frame)
    except (ValueError, RecursionError) as error:
        raise RealtimeError(f"the frame is not JSON: {error}"[:300], code="invalid_json") from None
    if not isinstance(value, dict):
        raise RealtimeError("an event is a JSON object", code="invalid_json")
    if _depth(value) > MAX_DEPTH:
        message = f"the frame has more than {MAX_DEPTH} objects within one another"
        raise RealtimeError(message, code="invalid_json")
    if sounds:
        _put_back(value, sounds)
    return value


def _without_sounds(text: str, sounds: list[str]) -> str:
    """JSON with a short name for each long text of a key `audio`; those texts go into `sounds`."""
    parts, done = [], 0
    while (key := text.find(_KEY, done)) >= 0:
        start = text.find('"', key + len(_KEY)) + 1
        end = text.find('"', start) if start else -1
        if end < 0:
            break
        plain = text[key + len(_KEY) : start - 1].strip() == ":"
        if not plain or end - start <= LARGE or text.find("\\", start, end) >= 0:
            parts.append(text[done:start])  # a slash may be escaped: then it is read as all JSON is
            done = start
            continue
        parts += text[done:start], json.dumps(f"{_PLACE}{len(sounds)}")[1:-1]
        sounds.append(text[start:end])
        done = end
    return "".join((*parts, text[done:]))


def _put_back(value: dict[str, Any], sounds: list[str]) -> None:
    names = {f"{_PLACE}{number}": sound for number, sound in enumerate(sounds)}
    level: list[Any] = [value]
    while level:
        for each in level:
            pairs = each.items() if isinstance(each, dict) else enumerate(each)
            for key, inner in list(pairs):
                if isinstance(inner, str) and inner in names:
                    each[key] = names[inner]
        inner_ones = [one.values() if isinstance(one, dict) else one for one in level]
        level = [each for one in inner_ones for each in one if isinstance(each, dict | list)]


def _depth(value: object) -> int:
    """How many objects and arrays there are within one another, `value` included."""
    depth, level = 0, [value]
    while level := [each for each in level if isinstance(each, dict | list)]:
        depth += 1
        level = [each for one in level for each in (one.values() if isinstance(one, dict) else one)]
    return depth
