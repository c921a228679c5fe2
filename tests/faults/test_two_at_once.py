"""Two at once: conversations, event logs and recordings are never mixed up or replaced."""

import json
import os
import select
import subprocess
import sys
import time
from datetime import datetime, timedelta
from pathlib import Path

import anyio
import numpy as np
import pytest

from agent.audio.recorder import Recorder
from agent.audio.wav import read_audio
from agent.cli.event_log import EventLog
from agent.conversation import store as store_module
from agent.conversation.kept import conversations, read
from agent.conversation.store import ConversationStore
from agent.errors import ParleyError
from agent.events import Audio, Event, TurnCommitted, UserTranscript, WarningEvent
from agent.guards.files import lock, reopen
from tests.faults.disk import codes
from tests.processes import ended

TALKER = """
import sys
from pathlib import Path
from agent.conversation.store import ConversationStore
from agent.events import TurnCommitted
folder, name = Path(sys.argv[1]), sys.argv[2]
print("ready", flush=True)
sys.stdin.readline()
for number in range(20):
    with ConversationStore(folder) as store:
        for turn in range(3):
            store(TurnCommitted(turn, f"{name} {number}"))
"""
HOLDER = """
import sys
from pathlib import Path
from agent.conversation.store import ConversationStore
store = ConversationStore(Path(sys.argv[1]))
print(store.id, flush=True)
sys.stdin.readline()
"""


def program(text: str, *arguments: object) -> "subprocess.Popen[str]":
    return subprocess.Popen(
        [sys.executable, "-c", text, *map(str, arguments)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )


def test_conversations_begun_in_the_same_second_by_several_processes(tmp_path: Path) -> None:
    talkers = [program(TALKER, tmp_path, name) for name in "abc"]
    for talker in talkers:
        assert talker.stdout is not None
        assert talker.stdout.readline() == "ready\n"
    for talker in talkers:
        talker.communicate("go\n", timeout=60)
        assert talker.returncode == 0
    said = [
        tuple(entry.text for entry in each.entries if entry.type == "user")
        for each in conversations(tmp_path)
    ]
    assert sorted(said) == sorted((f"{name} {n}",) * 3 for name in "abc" for n in range(20))


def test_a_conversation_that_somebody_has(tmp_path: Path) -> None:
    with ended(program(HOLDER, tmp_path)) as holder:
        assert holder.stdout is not None
        name = holder.stdout.readline().strip()
        before = (tmp_path / f"{name}.jsonl").read_bytes()
        with pytest.raises(ParleyError) as refused:
            ConversationStore(tmp_path, resume="last")
        assert f"{name} is in use by process {holder.pid} since " in str(refused.value)
        assert "begin a new one" in str(refused.value)
        assert (tmp_path / f"{name}.jsonl").read_bytes() == before
        assert read(tmp_path, name).entries[0].type == "begun"  # reading it is no matter
        holder.kill()
        holder.wait()
        with ConversationStore(tmp_path, resume="last") as store:  # nobody has it any more
            assert store.id == name


def test_two_that_go_on_with_the_same(tmp_path: Path) -> None:
    with ConversationStore(tmp_path) as first:
        pass
    with (
        ConversationStore(tmp_path, resume=first.id),
        pytest.raises(ParleyError, match=f"in use by process {os.getpid()} since"),
    ):
        ConversationStore(tmp_path, resume=first.id)
    with ConversationStore(tmp_path, resume=first.id):
        pass
    assert [entry.type for entry in read(tmp_path, first.id).entries] == [
        *("begun", "resumed", "resumed")
    ]


def test_ten_of_a_second_are_in_their_order(tmp_path: Path) -> None:
    names = []
    for _ in range(12):
        with ConversationStore(tmp_path) as store:
            names.append(store.id)
    assert [each.id for each in conversations(tmp_path)] == names
    assert read(tmp_path, "last").id == names[-1]


@pytest.mark.parametrize("ahead", [timedelta(hours=1), timedelta(days=3000)])
def test_a_clock_that_was_ahead(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, ahead: timedelta
) -> None:
    class Ahead(datetime):
        @classmethod
        def now(cls, tz: object = None) -> datetime:  # type: ignore[override]
            assert tz is None
            return datetime.now() + ahead

    with monkeypatch.context() as patch:
        patch.setattr(store_module, "datetime", Ahead)
        with ConversationStore(tmp_path) as early:
            early(TurnCommitted(1, "from the future"))
    later = time.time() + ahead.total_seconds()
    os.utime(tmp_path / f"{early.id}.jsonl", (later, later))
    assert read(tmp_path, "last").id == early.id  # it is the last one so far
    with ConversationStore(tmp_path) as store:
        store(TurnCommitted(1, "from now"))
    assert store.id < early.id
    assert read(tmp_path, "last").id == store.id


def test_what_a_clock_that_was_ahead_wrote_a_moment_ago(tmp_path: Path) -> None:
    (tmp_path / "2099-01-01-000000.jsonl").write_text(
        '{"time": "2099-01-01T00:00:00+00:00", "type": "user", "text": "from the future"}\n'
    )
    with ConversationStore(tmp_path) as store:
        pass
    assert read(tmp_path, "last").id == store.id


def test_the_last_is_the_one_that_was_talked_in(tmp_path: Path) -> None:
    names = []
    for text in ("first", "second"):
        with ConversationStore(tmp_path) as store:
            store(TurnCommitted(1, text))
            names.append(store.id)
    old = time.time() - 3600
    for name in names:
        os.utime(tmp_path / f"{name}.jsonl", (old, old))
    with ConversationStore(tmp_path, resume=names[0]):
        pass
    assert read(tmp_path, "last").id == names[0]


def said(text: str) -> UserTranscript:
    return UserTranscript(1, text, final=True)


@pytest.mark.anyio
async def test_a_second_event_log_has_a_number(tmp_path: Path) -> None:
    path = tmp_path / "events.jsonl"
    told: list[Event] = []
    for number in range(3):
        with EventLog(path, told.append) as log:
            log(said(f"log {number}"))
    logs = [path, tmp_path / "events-2.jsonl", tmp_path / "events-3.jsonl"]
    assert [json.loads(log.read_text("utf-8"))["text"] for log in logs] == [
        *("log 0", "log 1", "log 2")
    ]
    assert codes(told) == ["file.numbered"] * 2
    assert isinstance(told[0], WarningEvent)
    assert f"{path} is there already and stays: this log is {logs[1]}" in told[0].message


@pytest.mark.anyio
async def test_two_event_logs_at_once(tmp_path: Path) -> None:
    path = tmp_path / "events"
    path.touch()  # as `mktemp` does: nothing is lost with it, and only one can have it
    with EventLog(path) as first, EventLog(path) as second:
        first(said("first"))
        second(said("second"))
    assert "first" in path.read_text("utf-8")
    assert "second" in (tmp_path / "events-2").read_text("utf-8")


@pytest.mark.anyio
async def test_a_second_recording_has_a_number(tmp_path: Path) -> None:
    told: list[Event] = []
    (tmp_path / "transcript.txt").write_text("notes of somebody")
    (tmp_path / "transcript.txt").chmod(0o600)
    (tmp_path / "conversation-2.wav").touch()  # in which there is nothing to be replaced
    for number in range(2):
        with Recorder(tmp_path, 8000, told.append) as recorder:
            recorder.event(TurnCommitted(1, f"recording {number}"))
            pcm = np.full(8000 * (number + 1), 0.5, np.float32)
            recorder.user(Audio(pcm, 8000, anyio.current_time()))
    assert (tmp_path / "transcript.txt").read_text("utf-8") == "notes of somebody"
    assert not (tmp_path / "conversation.wav").exists()  # the two of a recording belong together
    for number, name in enumerate(("2", "3")):
        text = (tmp_path / f"transcript-{name}.txt").read_text("utf-8")
        assert f"recording {number}" in text
        pcm, rate = read_audio(tmp_path / f"conversation-{name}.wav")
        assert len(pcm) / rate == pytest.approx(number + 1, abs=0.2)
    assert codes(told) == ["file.numbered"] * 2


@pytest.mark.anyio
async def test_an_event_log_into_a_pipe_or_a_device(tmp_path: Path) -> None:
    fifo = tmp_path / "fifo"
    os.mkfifo(fifo)
    with EventLog(fifo) as log:  # nobody reads it yet, and nobody waits for that
        log(said("hello"))
        reader = os.open(fifo, os.O_RDONLY | os.O_NONBLOCK)
        select.select([reader], [], [], 10)  # it is written in the background
        assert b"hello" in os.read(reader, 1000)
        os.close(reader)
    read_end, write_end = os.pipe()
    for place in (f"/dev/fd/{write_end}", "/dev/null"):
        with EventLog(place) as log:
            log(said("hello"))
    assert b"hello" in os.read(read_end, 1000)
    os.close(read_end)
    os.close(write_end)


def test_a_lock_is_not_for_ever(tmp_path: Path) -> None:
    path = tmp_path / "f"
    path.touch()
    first, second = reopen(path), reopen(path)
    assert lock(first)
    assert not lock(second)
    os.close(first)
    assert lock(second)
    os.close(second)
