"""Conversations that are kept: a file each, written as it happens, read again to go on with it.

A file is JSON lines, each with the local `time` and a `type`: `begun`, `resumed`, `user`,
`assistant` (the words heard, `interrupted` or not), `taken_up` (the interrupted one went on, and
comes again), `aside` (a backchannel), `tool` (a call with its result). Lines are only ever added,
and each is handed to the system at once, so that a crash costs the line being written at most.
"""

import json
import logging
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import IO, Any, Self

from agent.config.sections import SessionSettings
from agent.errors import ParleyError
from agent.events import (
    AssistantDone,
    AssistantInterrupted,
    AssistantResumed,
    Event,
    TurnCommitted,
    UserBackchannel,
)
from agent.guards.control_characters import json_line
from agent.guards.secrets import redacted
from agent.tools.events import ToolReturned
from llm_adapters import Message, ToolCall

_log = logging.getLogger(__name__)

SUFFIX = ".jsonl"
LAST = "last"
"""In the place of an id: the latest conversation."""


@dataclass(frozen=True, slots=True)
class Entry:
    """A line of a conversation."""

    type: str
    time: datetime
    data: dict[str, Any]

    @property
    def text(self) -> str:
        """What was said, or what a tool gave."""
        return str(self.data.get("text") or "")


@dataclass(frozen=True, slots=True)
class Conversation:
    """One that was kept."""

    id: str
    entries: tuple[Entry, ...]

    @property
    def messages(self) -> tuple[Message, ...]:
        """The conversation as a language model is told it, without the persona."""
        told: list[Message] = []
        waiting = False  # the last message is the user's, and unanswered
        for entry in self.entries:
            match entry.type:
                case "user":
                    before = f"{told.pop().content} " if waiting else ""
                    told.append(Message("user", before + entry.text))
                case "aside":
                    told.append(Message("user", f"({entry.text})"))
                case "assistant":
                    interrupted = bool(entry.data.get("interrupted"))
                    told.append(Message("assistant", entry.text, interrupted=interrupted))
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
    call = ToolCall(call_id, str(entry.data.get("name") or ""), arguments)
    return [Message("assistant", "", calls=(call,)), Message("tool", entry.text, call_id=call_id)]


class ConversationStore:
    """Writes one conversation; told of every event, it keeps those that were heard."""

    def __init__(self, folder: Path, *, resume: str | None = None) -> None:
        """A new conversation in `folder`, or one that goes on.

        `resume` is its id, the beginning of one, or `last`. Raises ParleyError if there is none
        such, or if the file cannot be written.
        """
        self.earlier = read(folder, resume) if resume is not None else None
        """The conversation so far, if it goes on."""
        self.id = self.earlier.id if self.earlier else _free_id(folder)
        self._file = _open(folder / f"{self.id}{SUFFIX}")
        self._full = False  # a full disk ends no conversation
        self._write("resumed" if self.earlier else "begun")

    @property
    def messages(self) -> tuple[Message, ...]:
        """What this conversation begins with."""
        return self.earlier.messages if self.earlier is not None else ()

    def __call__(self, event: Event) -> None:
        """Keep the event, if it is of the conversation as it was heard."""
        match event:
            case TurnCommitted(text=text):
                self._write("user", text=text)
            case UserBackchannel(text=text):
                self._write("aside", text=text)
            case AssistantDone(text=text) if text:
                self._write("assistant", text=text)
            case AssistantInterrupted(heard=heard) if heard:
                self._write("assistant", text=heard, interrupted=True)
            case AssistantResumed():
                self._write("taken_up")
            case ToolReturned(name=name, arguments=arguments, result=result):
                self._write("tool", name=name, arguments=arguments, text=result)

    def _write(self, kind: str, **data: Any) -> None:
        time = datetime.now().astimezone().isoformat(timespec="milliseconds")
        line = json_line(redacted({"time": time, "type": kind, **data}))
        try:
            self._file.write(f"{line}\n")
            self._file.flush()
        except OSError as error:
            if not self._full:
                _log.warning("the conversation is not kept any more: %s", error)
            self._full = True

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        with suppress(OSError):  # of what could not be written: that has been said
            self._file.close()


def open_store(settings: SessionSettings, resume: str | None = None) -> ConversationStore | None:
    """What keeps the conversation that begins or, with `resume`, goes on; None to keep none.

    Raises ParleyError as `ConversationStore` does, and where there is nothing to go on from.
    """
    if settings.folder is not None:
        return ConversationStore(settings.folder, resume=resume)
    if resume is not None:
        raise ParleyError("no conversations are kept to go on with: set session.save to a folder")
    return None


def read(folder: Path, name: str) -> Conversation:
    """A conversation by its id, the beginning of one, or `last`.

    Raises ParleyError if there is none such, several, or the file cannot be read.
    """
    ids = list(_ids(folder))
    found = ids[-1:] if name == LAST else [i for i in ids if i.startswith(name)]
    if name in ids:
        found = [name]
    if not found:
        raise ParleyError(f"no conversation '{name}' in {folder}: parley history lists them")
    if len(found) > 1:
        raise ParleyError(f"'{name}' is the beginning of several: {', '.join(found)}")
    path = folder / f"{found[0]}{SUFFIX}"
    try:
        lines = path.read_text(encoding="utf-8", errors="replace").splitlines()
    except OSError as error:
        raise ParleyError(f"{path} cannot be read: {error.strerror or error}") from error
    return Conversation(found[0], tuple(_entries(lines)))


def conversations(folder: Path) -> Iterator[Conversation]:
    """All that are kept, oldest first. Raises ParleyError for one that cannot be read."""
    return (read(folder, each) for each in _ids(folder))


def _ids(folder: Path) -> list[str]:
    return sorted(path.name.removesuffix(SUFFIX) for path in folder.glob(f"*{SUFFIX}"))


def _entries(lines: list[str]) -> Iterator[Entry]:
    """The lines that are whole: a crash may have left half of one."""
    for line in lines:
        try:
            data = json.loads(line)
            yield Entry(str(data.pop("type")), datetime.fromisoformat(data.pop("time")), data)
        except (ValueError, KeyError, TypeError, AttributeError):
            continue


def _free_id(folder: Path) -> str:
    """The time, which sorts; with a number if there is one of that second already."""
    now = datetime.now().strftime("%Y-%m-%d-%H%M%S")
    taken = set(_ids(folder))
    return next(i for i in (now, *(f"{now}-{n}" for n in range(2, 10**6))) if i not in taken)


def _open(path: Path) -> IO[str]:
    """The file to add to, on a line of its own. Raises ParleyError."""
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        file = path.open("a+", encoding="utf-8")
        if file.tell():
            with path.open("rb") as written:
                written.seek(-1, 2)
                file.write("" if written.read() == b"\n" else "\n")
    except OSError as error:
        raise ParleyError(f"{path} cannot be written: {error.strerror or error}") from error
    return file
