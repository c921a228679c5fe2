"""A kept conversation for other programs: as Markdown, as subtitles, as JSON."""

import json
from collections.abc import Callable, Iterator
from datetime import datetime, timedelta

from agent.conversation.kept import Conversation, Entry
from agent.guards.control_characters import on_one_line

_WORD = timedelta(seconds=0.4)
"""How long a spoken word lasts, about: what is kept is when somebody had finished."""


def markdown(conversation: Conversation) -> str:
    """Return it as Markdown: a paragraph for each thing said or done."""
    paragraphs = [f"# Conversation {conversation.id}"]
    for entry, agent in conversation.with_agents:
        if entry.type in ("begun", "resumed"):
            paragraphs.append(f"*{entry.type} {entry.time:%Y-%m-%d %H:%M:%S}*")
        elif entry.type == "tool":
            call = f"{entry.data.get('name')} {entry.data.get('arguments') or ''}".strip()
            paragraphs.append(f"> `{on_one_line(call)}` → {on_one_line(entry.text)}")
        elif (who := _speaker(entry, agent)) is not None:
            paragraphs.append(f"**{who}:** {_said(entry)}")
    return "\n\n".join(paragraphs) + "\n"


def subtitles(conversation: Conversation) -> str:
    """Return what was said as SubRip subtitles, from the conversation's beginning on.

    Each ends when it had been said, and is as long as its words take, about.
    """
    cues: list[str] = []
    start = conversation.entries[0].time if conversation.entries else None
    before = start
    for entry, agent in conversation.with_agents:
        if start is None or before is None or (who := _speaker(entry, agent)) is None:
            continue
        begin = max(before, entry.time - _WORD * max(1, len(entry.text.split())))
        end = max(entry.time, begin + _WORD)
        before = end
        times = f"{_clock(begin - start)} --> {_clock(end - start)}"
        cues.append(f"{len(cues) + 1}\n{times}\n{who}: {_said(entry)}\n")
    return "\n".join(cues)


def as_json(conversation: Conversation) -> str:
    """Return it as a JSON object: its `id`, and its `entries` as they are kept."""
    entries = [
        {"time": _iso(entry.time), "type": entry.type, **entry.data}
        for entry in conversation.entries
    ]
    return json.dumps({"id": conversation.id, "entries": entries}, indent=2) + "\n"


FORMATS: dict[str, Callable[[Conversation], str]] = {
    "md": markdown,
    "srt": subtitles,
    "json": as_json,
}


def found(conversation: Conversation, words: list[str]) -> Iterator[Entry]:
    """Those entries of it that hold all of the words, in whichever case."""
    wanted = [word.casefold() for word in words]
    for entry in conversation.entries:
        if entry.type != "damaged" and all(word in entry.text.casefold() for word in wanted):
            yield entry


def _speaker(entry: Entry, agent: str) -> str | None:
    return {"user": "You", "aside": "You", "assistant": on_one_line(agent) or "Agent"}.get(
        entry.type
    )


def _said(entry: Entry) -> str:
    text = on_one_line(entry.text)
    if entry.type == "aside":
        return f"({text})"
    return f"{text} —" if entry.data.get("interrupted") else text


def _clock(since: timedelta) -> str:
    milliseconds = round(since / timedelta(milliseconds=1))
    seconds, milliseconds = divmod(milliseconds, 1000)
    minutes, seconds = divmod(seconds, 60)
    return f"{minutes // 60:02}:{minutes % 60:02}:{seconds:02},{milliseconds:03}"


def _iso(time: datetime) -> str:
    return time.isoformat(timespec="milliseconds")
