"""Conversations that are kept: written as they are heard, and read again."""

import json
from collections.abc import Sequence
from datetime import datetime
from pathlib import Path

import pytest

from agent.config.load import Config, public
from agent.config.sections import SessionSettings
from agent.conversation.handoff import AgentHandoff
from agent.conversation.store import (
    ConversationStore,
    conversations,
    open_store,
    read,
)
from agent.errors import ParleyError
from agent.events import (
    AssistantDone,
    AssistantInterrupted,
    AssistantResumed,
    AssistantText,
    Event,
    SessionStarted,
    TurnCommitted,
    UserBackchannel,
    WarningEvent,
)
from agent.tools import ToolCalled, ToolReturned
from llm_adapters import Message, ToolCall
from tests.faults.disk import full

EVENTS: list[Event] = [
    AssistantDone(0, "Hello."),
    TurnCommitted(1, "what time is it"),
    ToolCalled(1, "time", "{}"),
    ToolReturned(1, "time", "{}", "noon", 1.5),
    AssistantText(1, "It is noon, and there is much more to say."),
    AssistantInterrupted(1, "It is noon, and", "there is much more to say."),
    TurnCommitted(2, "tell me a story"),
    UserBackchannel(3, "mm-hm"),
    AssistantInterrupted(2, "", "Once upon a time."),
    TurnCommitted(4, "a short one"),
    TurnCommitted(5, "about a fox"),
    AssistantDone(5, "There was a fox."),
    AssistantDone(6, ""),
]
CALL = ToolCall("kept_2", "time", "{}")
MESSAGES = (
    Message("assistant", "Hello."),
    Message("user", "what time is it"),
    Message("assistant", "", calls=(CALL,)),
    Message("tool", "noon", call_id="kept_2"),
    Message("assistant", "It is noon, and", interrupted=True),
    Message("user", "tell me a story"),
    Message("user", "(mm-hm)"),
    Message("user", "a short one about a fox"),
    Message("assistant", "There was a fox."),
)


def converse(folder: Path, events: Sequence[Event] = EVENTS, resume: str | None = None) -> str:
    with ConversationStore(folder, resume=resume) as memory:
        for event in events:
            memory(event)
        return memory.id


def test_what_was_heard_is_kept(tmp_path: Path) -> None:
    folder = tmp_path / "new" / "folder"
    kept = read(folder, converse(folder))
    assert kept.messages == MESSAGES
    assert all(entry.time.tzinfo is not None for entry in kept.entries)
    times = [entry.time for entry in kept.entries]
    assert times == sorted(times)
    assert abs((datetime.now().astimezone() - times[0]).total_seconds()) < 60


def test_every_line_is_there_as_soon_as_it_happened(tmp_path: Path) -> None:
    with ConversationStore(tmp_path) as memory:
        assert memory.messages == ()
        memory(TurnCommitted(1, "grüß dich"))
        (path,) = tmp_path.iterdir()
        *_, last = path.read_text("utf-8").splitlines()
    line = json.loads(last)
    assert (line["type"], line["text"]) == ("user", "grüß dich")
    assert "grüß dich" in last


def test_a_crash_costs_one_line(tmp_path: Path) -> None:
    name = converse(tmp_path)
    path = tmp_path / f"{name}.jsonl"
    path.write_bytes(path.read_bytes()[:-20])
    assert read(tmp_path, name).messages == MESSAGES[:-1]
    converse(tmp_path, [AssistantDone(1, "What was I saying?")], resume=name)
    said = Message("assistant", "What was I saying?")
    assert read(tmp_path, name).messages == (*MESSAGES[:-1], said)


def test_it_goes_on(tmp_path: Path) -> None:
    name = converse(tmp_path)
    with ConversationStore(tmp_path, resume=name[:6]) as memory:
        assert memory.id == name
        assert memory.messages == MESSAGES
        memory(TurnCommitted(1, "and then"))
    assert read(tmp_path, name).messages == (*MESSAGES, Message("user", "and then"))
    kinds = [entry.type for entry in read(tmp_path, name).entries]
    assert [kinds[0], *kinds[-2:]] == ["begun", "resumed", "user"]


def test_which_of_several_agents_had_the_floor(tmp_path: Path) -> None:
    house = Config.model_validate({"agents": {"anna": {}, "ben": {"instructions": "Be Ben."}}})
    began = SessionStarted(public(house))
    events = [began, AssistantDone(0, "Hi."), AgentHandoff("anna", "ben", "Ben")]
    name = converse(tmp_path, [*events, AssistantDone(1, "Hello.")])
    with ConversationStore(tmp_path, resume=name) as memory:
        assert [(m.content, m.agent) for m in memory.messages] == [
            ("Hi.", "anna"),
            ("Hello.", "ben"),
        ]
        assert memory.goes_on(house).agent.instructions == "Be Ben."
        assert memory.goes_on(Config()) == Config()
    alone = read(tmp_path, converse(tmp_path, [SessionStarted(public(Config())), *EVENTS]))
    assert alone.agent is None
    assert alone.messages == MESSAGES


def test_several(tmp_path: Path) -> None:
    names = [converse(tmp_path) for _ in range(3)]  # within a second
    assert len(set(names)) == 3
    assert [each.id for each in conversations(tmp_path)] == names
    assert read(tmp_path, "last").id == names[-1]
    assert read(tmp_path, names[0]).id == names[0]  # the beginning of the others
    with pytest.raises(ParleyError, match="is the beginning of several: "):
        read(tmp_path, names[0][:4])
    with pytest.raises(ParleyError, match="no conversation 'yesterday' in"):
        ConversationStore(tmp_path, resume="yesterday")


def test_lines_that_are_none_of_ours(tmp_path: Path) -> None:
    (tmp_path / "x.jsonl").write_bytes(b'[1]\n{}\n\xff\n{"type": "user", "time": "now"}\n\n3\n')
    assert read(tmp_path, "x").messages == ()


def test_where_nothing_can_be_written(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(ParleyError, match="cannot be written: "):
        ConversationStore(tmp_path / "file")
    assert list(conversations(tmp_path / "nowhere")) == []
    with pytest.raises(ParleyError, match="no conversation 'last'"):
        read(tmp_path / "nowhere", "last")


def test_a_full_disk_ends_no_conversation(tmp_path: Path) -> None:
    """What it does to the file: `tests/faults/test_disks.py`."""
    told: list[Event] = []
    with ConversationStore(tmp_path, report=told.append) as memory, full(memory._file.descriptor):
        for event in EVENTS:
            memory(event)
    (warning,) = (
        event for event in told if isinstance(event, WarningEvent) and not event.recovered
    )
    assert "No space left" in warning.message
    assert read(tmp_path, memory.id).messages == MESSAGES


def test_only_where_it_is_wanted(tmp_path: Path) -> None:
    assert open_store(SessionSettings()) is None
    with pytest.raises(ParleyError, match="no conversations are kept to go on with"):
        open_store(SessionSettings(), "last")
    settings = SessionSettings(save=str(tmp_path))
    with open_store(settings) or pytest.fail("none") as memory:
        memory(TurnCommitted(1, "hello"))
    with open_store(settings, "last") or pytest.fail("none") as again:
        assert again.messages == (Message("user", "hello"),)


def test_a_reply_that_went_on_is_told_once(tmp_path: Path) -> None:
    events: list[Event] = [
        TurnCommitted(1, "tell me a story"),
        AssistantInterrupted(1, "Once upon", "a time."),
        AssistantResumed(1),
        AssistantDone(1, "Once upon a time."),
    ]
    assert read(tmp_path, converse(tmp_path, events)).messages == (
        Message("user", "tell me a story"),
        Message("assistant", "Once upon a time."),
    )
