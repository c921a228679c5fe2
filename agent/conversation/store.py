"""Conversations that are kept: a file each, written as it happens, read again to go on with it.

A file is JSON lines, each with the local `time` and a `type`: `begun`, `resumed` (with the `pid`),
`user`, `hearing` (words of a reply, as they are heard), `assistant` (all the words heard of it,
`interrupted` or not), `taken_up` (the interrupted one went on, and comes again), `aside` (a
backchannel), `tool` (a call with its result), `agent` (which of several goes on, by its `name` in
the configuration). Lines are only ever added, and each is handed to the
system at once, so that a crash costs the line being written at most. The file is locked as long as
the conversation goes on.
"""

import os
import time
from contextlib import suppress
from datetime import datetime
from pathlib import Path
from typing import Any, Self

from agent.config.load import Config
from agent.config.sections import SessionSettings
from agent.conversation.forgetting import forget
from agent.conversation.handoff import AgentHandoff
from agent.conversation.kept import SUFFIX, Conversation, conversations, files, read
from agent.errors import ParleyError
from agent.events import (
    AssistantDone,
    AssistantInterrupted,
    AssistantResumed,
    Event,
    Report,
    SessionStarted,
    TurnCommitted,
    UserBackchannel,
    WarningEvent,
    file_warnings,
    nobody,
)
from agent.guards.background import BackgroundFile
from agent.guards.control_characters import json_line
from agent.guards.files import create_all, explained, keep_private, lock, reopen
from agent.guards.secrets import redacted
from agent.tools.events import ToolReturned
from llm_adapters import Message

__all__ = ["ConversationStore", "conversations", "open_store", "read"]


class ConversationStore:
    """Writes one conversation; told of every event, it keeps those that were heard."""

    def __init__(self, folder: Path, *, resume: str | None = None, report: Report = nobody) -> None:
        """A new conversation in `folder`, or one that goes on.

        `resume` is its id, the beginning of one, or `last`; `report` is told what happens to the
        file. Raises ParleyError if there is none such, if somebody else goes on with it, or if the
        file cannot be written.
        """

        def warn(message: str) -> None:
            report(WarningEvent("files", "file.unreadable", message))

        tell = file_warnings(report)
        self.earlier: Conversation | None = None
        """The conversation so far, if it goes on."""
        if resume is None:
            path, descriptor = _begin(folder)
        else:
            path = folder / f"{read(folder, resume, warn).id}{SUFFIX}"
            descriptor = _go_on(path)
            self.earlier = read(folder, path.stem)  # again: only now nobody writes it
        self.id = path.stem
        with explained(folder):
            keep_private(folder, files(folder), tell)
        _nothing_is_later(folder, self.id if self.earlier is None else None)
        self._cut = False  # the last reply was interrupted, and something of it heard
        self._file = BackgroundFile(path, descriptor, tell)
        if self.earlier is not None and not _ends_a_line(descriptor):
            self._file.write(b"\n")
        self._write("begun" if self.earlier is None else "resumed", pid=os.getpid())

    @property
    def messages(self) -> tuple[Message, ...]:
        """What this conversation begins with."""
        return self.earlier.messages if self.earlier is not None else ()

    def goes_on(self, config: Config) -> Config:
        """Return `config` with that of its agents in the first place who had the floor."""
        name = self.earlier.agent if self.earlier is not None else None
        return config.of(name) if name in config.agents else config

    def __call__(self, event: Event) -> None:
        """Keep the event, if it is of the conversation as it was heard."""
        match event:
            case SessionStarted(config=config) if config.get("agents"):
                self._write("agent", name=config.get("start"))
            case AgentHandoff(to_agent=name):
                self._write("agent", name=name)
            case TurnCommitted(text=text):
                self._write("user", text=text)
            case UserBackchannel(text=text):
                self._write("aside", text=text)
            case AssistantDone(text=text) if text:
                self._write("assistant", text=text)
            case AssistantInterrupted(heard=heard, estimated=estimated):
                self._cut = bool(heard)
                if heard:
                    mark = {"estimated": True} if estimated else {}
                    self._write("assistant", text=heard, interrupted=True, **mark)
            case AssistantResumed() if self._cut:
                self._write("taken_up")
            case ToolReturned(name=name, arguments=arguments, result=result):
                self._write("tool", name=name, arguments=arguments, text=result)
            case _:
                self._file.tell_news()

    def hearing(self, words: str) -> None:
        """Keep more words of the reply that is being heard, in case its end is never told."""
        self._write("hearing", text=words)

    def _write(self, kind: str, **data: Any) -> None:
        now = datetime.now().astimezone().isoformat(timespec="milliseconds")
        self._file.write_line(json_line(redacted({"time": now, "type": kind, **data})))

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._file.close()


def open_store(
    settings: SessionSettings, resume: str | None = None, report: Report = nobody
) -> ConversationStore | None:
    """What keeps the conversation that begins or, with `resume`, goes on; None to keep none.

    Raises ParleyError as `ConversationStore` does, and where there is nothing to go on from.
    """
    if settings.folder is not None:
        store = ConversationStore(settings.folder, resume=resume, report=report)
        if settings.kept_for is not None:
            forget(settings.folder, settings.kept_for, report, but=store.id)
        return store
    if resume is not None:
        raise ParleyError("no conversations are kept to go on with: set session.save to a folder")
    return None


def _begin(folder: Path) -> tuple[Path, int]:
    """A new file, locked: its name is the time, with a number if one of that second is there."""
    path = folder / f"{datetime.now():%Y-%m-%d-%H%M%S}{SUFFIX}"
    with explained(path):
        (path,), (descriptor,) = create_all(path)
    return path, descriptor


def _go_on(path: Path) -> int:
    """The file of an old one, locked. Raises ParleyError if it cannot be, or somebody has it."""
    with explained(path):
        descriptor = reopen(path)
    if lock(descriptor):
        return descriptor
    os.close(descriptor)
    who = "another process"
    for entry in read(path.parent, path.stem).entries:
        if entry.type in ("begun", "resumed"):
            since = f"{entry.time:%H:%M:%S on %Y-%m-%d}"
            who = f"process {entry.data.get('pid', '?')} since {since}"
    raise ParleyError(
        f"the conversation {path.stem} is in use by {who}: end that one, or begin a new one"
    )


def _ends_a_line(descriptor: int) -> bool:
    size = os.lseek(descriptor, 0, os.SEEK_END)
    if size:
        os.lseek(descriptor, -1, os.SEEK_END)
    return not size or os.read(descriptor, 1) == b"\n"


def _nothing_is_later(folder: Path, new: str | None) -> None:
    """Take back times that have not come yet: a clock was ahead, and `last` goes by them.

    What has a later name than a `new` conversation was begun by such a clock.
    """
    now = time.time()
    for path in files(folder):
        with suppress(OSError):
            written = path.lstat().st_mtime
            if written > now or (new is not None and path.stem > new and written > now - 1):
                os.utime(path, (now - 1, now - 1), follow_symlinks=False)
