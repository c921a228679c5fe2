"""Conversations that were kept, as they are read: nothing is lost of what is readable in them."""

import json
import os
import re
import stat
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

from agent.errors import ParleyError
from agent.guards.text import valid_json
from llm_adapters import Message, ToolCall

SUFFIX = ".jsonl"
LAST = "last"
"""In the place of an id: the conversation that was written last."""

LIMIT = 16 << 20
"""Bytes of a file that are read, its last ones: days of conversation."""

_BEGINNING = b'{"time": '
_NAME = re.compile(r"\d{4}-\d\d-\d\d-\d{6}(-\d+)?\.jsonl")

Warn = Callable[[str], None]


@dataclass(frozen=True, slots=True)
class Entry:
    """A line of a conversation; one that is `damaged` is there as it stands in the file."""

    type: str
    time: datetime
    data: dict[str, Any]

    @property
    def text(self) -> str:
        """What was said, or what a tool gave."""
        return str(self.data.get("text") or "")

    @property
    def name(self) -> str:
        """Of a tool, or of an agent."""
        return str(self.data.get("name") or "")


@dataclass(frozen=True, slots=True)
class Conversation:
    """One that was kept."""

    id: str
    entries: tuple[Entry, ...]

    @property
    def readable(self) -> bool:
        """Whether there is a line in it that means anything."""
        return any(entry.type != "damaged" for entry in self.entries)

    @property
    def agent(self) -> str | None:
        """Which of several agents had the floor in the end; None where there was but one."""
        names = (entry.name for entry in reversed(self.entries) if entry.type == "agent")
        return next(names, None)

    @property
    def with_agents(self) -> Iterator[tuple[Entry, str]]:
        """The entries, each with the agent of several that has the floor; "" where there is one."""
        agent = ""
        for entry in self.entries:
            agent = entry.name if entry.type == "agent" else agent
            yield entry, agent

    @property
    def messages(self) -> tuple[Message, ...]:
        """The conversation as a language model is told it, without the persona."""
        told: list[Message] = []
        waiting = False  # the last message is the user's, and unanswered
        for entry, agent in self.with_agents:
            match entry.type:
                case "user":
                    before = f"{told.pop().content} " if waiting else ""
                    told.append(Message("user", before + entry.text))
                case "aside":
                    told.append(Message("user", f"({entry.text})"))
                case "assistant":
                    interrupted = bool(entry.data.get("interrupted"))
                    estimated = bool(entry.data.get("estimated"))
                    told.append(
                        Message(
                            "assistant",
                            entry.text,
                            interrupted=interrupted,
                            estimated=estimated,
                            agent=agent,
                        )
                    )
                case "taken_up" if told and told[-1].interrupted:
                    told.pop()  # the reply went on, and is told again when it is over
                case "tool":
                    told += _used_tool(entry, f"kept_{len(told)}")
                case _:
                    continue
            waiting = entry.type == "user"
        return tuple(told)


def _used_tool(entry: Entry, call_id: str) -> list[Message]:
    arguments = str(entry.data.get("arguments") or "")
    call = ToolCall(call_id, entry.name, arguments)
    return [Message("assistant", "", calls=(call,)), Message("tool", entry.text, call_id=call_id)]


def files(folder: Path) -> list[Path]:
    """Those of conversations: by the names that Parley gives them, or by how they begin."""
    return [path for path in folder.glob(f"*{SUFFIX}") if path.is_file() and _is_ours(path)]


def _is_ours(path: Path) -> bool:
    if _NAME.fullmatch(path.name):
        return True
    try:
        with path.open("rb") as file:
            return file.read(len(_BEGINNING)) == _BEGINNING
    except OSError:
        return False


def read(folder: Path, name: str, warn: Warn = lambda _: None) -> Conversation:
    """A conversation by its id, the beginning of one, or `last`.

    `warn` is told of those that `last` passes over, since nothing in them can be read. Raises
    ParleyError if there is none such, several, or the file cannot be read.
    """
    ids = _ids(folder)
    if name == LAST and LAST not in ids:
        # Of two that were written at the same moment, the one with the later name.
        oldest = sorted(ids, key=lambda each: _written(_path(folder, each)))
        if (conversation := next(_readable(folder, reversed(oldest), warn), None)) is not None:
            return conversation
    found = [name] if name in ids else [each for each in ids if each.startswith(name)]
    if not found:
        raise ParleyError(f"no conversation '{name}' in {folder}: parley history lists them")
    if len(found) > 1:
        raise ParleyError(f"'{name}' is the beginning of several: {', '.join(found)}")
    return _read(_path(folder, found[0]), warn)


def conversations(folder: Path, warn: Warn = lambda _: None) -> Iterator[Conversation]:
    """All that are kept, oldest first; `warn` is told of what is among them and is none."""
    return _readable(folder, _ids(folder), warn)


def _readable(folder: Path, ids: Iterable[str], warn: Warn) -> Iterator[Conversation]:
    for each in ids:
        path = _path(folder, each)
        try:
            conversation = _read(path, warn)
        except ParleyError as error:
            warn(str(error))
            continue
        if conversation.readable:
            yield conversation
        elif path.stat().st_size:
            warn(f"{path} is no conversation: no line of it can be read")


def _ids(folder: Path) -> list[str]:
    """Those of the folder in their order: `…-10` comes after `…-9`."""
    ids = (path.name.removesuffix(SUFFIX) for path in folder.glob(f"*{SUFFIX}"))
    return sorted(ids, key=lambda each: [int(n) if n.isdigit() else n for n in _parts(each)])


def _parts(name: str) -> list[str]:
    """Texts and numbers in turn, so that each is compared with its like."""
    return re.split(r"([0-9]+)", name)


def _path(folder: Path, name: str) -> Path:
    return folder / f"{name}{SUFFIX}"


def _written(path: Path) -> int:
    try:
        return path.lstat().st_mtime_ns
    except OSError:
        return 0


def _read(path: Path, warn: Warn) -> Conversation:
    try:
        with open(path, "rb", opener=_without_waiting) as file:
            status = os.fstat(file.fileno())
            if not stat.S_ISREG(status.st_mode):
                raise ParleyError(f"{path} is no conversation: it is no plain file")
            file.seek(max(0, status.st_size - LIMIT))
            text = file.read(LIMIT).decode("utf-8", "replace")
    except OSError as error:
        raise ParleyError(f"{path} cannot be read: {error.strerror or error}") from error
    changed = datetime.fromtimestamp(status.st_mtime).astimezone()
    lines = _entries(text.split("\n"), changed)
    entries = tuple(_with_what_was_cut_off(lines))
    conversation = Conversation(path.name.removesuffix(SUFFIX), entries)
    if conversation.readable and status.st_size > LIMIT:
        warn(f"{path} is very long: only the last {LIMIT / 1e6:.0f} MB of it are read")
    return conversation


def _without_waiting(path: str, flags: int) -> int:
    """Open it; a FIFO has no end that would have to come first."""
    return os.open(path, flags | getattr(os, "O_NONBLOCK", 0))


def _entries(lines: list[str], time: datetime) -> Iterator[Entry]:
    """Each line, whole or damaged; what has no time of its own has that of the one before."""
    for line in filter(None, (line.strip(" \r\0") for line in lines)):  # a crash may leave zeros
        entry = _entry(line, time)
        # The end of a line may have been lost, and the next one follows directly.
        if entry is None and (start := line.rfind('{"time": ')) > 0:
            yield Entry("damaged", time, {"text": line[:start]})
            entry = _entry(line[start:], time)
        entry = entry or Entry("damaged", time, {"text": line})
        time = entry.time
        yield entry


def _entry(line: str, time: datetime) -> Entry | None:
    try:
        data = json.loads(line)
        if "\\ud" in line.lower():  # half a character is none
            data = valid_json(data)
        kind, when = str(data.pop("type")), data.pop("time", None)
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError):
        return None
    try:
        return Entry(kind, datetime.fromisoformat(when), data)
    except (ValueError, TypeError):
        return Entry(kind, time, data) if data.get("text") else None


def _with_what_was_cut_off(entries: Iterable[Entry]) -> Iterator[Entry]:
    """Make one entry of what was `hearing` of a reply whose end a crash took, and of others none.

    An `assistant` entry has all that was heard of its reply, until that is `taken_up` again.
    """
    hearing: list[Entry] = []
    before: list[Entry] = []
    for entry in entries:
        match entry.type:
            case "hearing":
                hearing.append(entry)
                continue
            case "begun" | "resumed":
                yield from _cut_off(hearing)
                hearing, before = [], []
            case "assistant":
                before, hearing = hearing, []
            case "taken_up":
                hearing = before + hearing
        yield entry
    yield from _cut_off(hearing)


def _cut_off(hearing: list[Entry]) -> Iterator[Entry]:
    if hearing:
        text = " ".join(entry.text for entry in hearing)
        yield Entry("assistant", hearing[0].time, {"text": text, "interrupted": True})
