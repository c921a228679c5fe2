"""What is kept of a conversation is its owner's alone, and is written where it was meant to be."""

import os
import stat
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from agent.audio.recorder import Recorder
from agent.audio.wav import WavWriter
from agent.cli.event_log import EventLog
from agent.cli.main import main
from agent.conversation.kept import read
from agent.conversation.store import ConversationStore
from agent.errors import AudioError, ParleyError
from agent.events import Event, TurnCommitted, UserTranscript, WarningEvent
from agent.guards.files import writable_by_others
from tests.faults.disk import codes
from tts.voices.voice import Voice


@pytest.fixture(autouse=True)
def _open_umask() -> Iterator[None]:
    before = os.umask(0)
    yield
    os.umask(before)


def mode(path: Path) -> int:
    return stat.S_IMODE(path.lstat().st_mode)


def modes(folder: Path) -> set[int]:
    return {mode(path) for path in folder.rglob("*") if path.is_file()}


@pytest.mark.anyio
async def test_new_files_and_folders(tmp_path: Path) -> None:
    top = tmp_path / "new"
    with (
        ConversationStore(top / "deep" / "kept"),
        EventLog(top / "deep" / "logs" / "events") as log,
        Recorder(top / "deep" / "rec", 8000),
    ):
        log(UserTranscript(1, "hello", final=True))
    assert modes(top) == {0o600}
    assert {mode(path) for path in (top, *top.rglob("*")) if path.is_dir()} == {0o700}


def test_a_voice(tmp_path: Path) -> None:
    path = tmp_path / "voices" / "me.safetensors"
    voice = Voice("me", np.zeros((2, 3), np.int32), (), np.zeros(4, np.float32))
    victim = tmp_path / "victim"
    victim.write_text("precious")
    path.parent.mkdir(parents=True)
    (path.parent / ".me.safetensors.part").symlink_to(victim)
    path.symlink_to(victim)
    voice.save(path)
    assert victim.read_text() == "precious"
    assert not path.is_symlink()
    assert mode(path) == 0o600
    assert Voice.load(path).name == "me"


def test_old_voices_are_mended(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("XDG_DATA_HOME", str(tmp_path))
    folder = tmp_path / "parley" / "voices"
    Voice("me", np.zeros((2, 3), np.int32), (), np.zeros(4, np.float32)).save(
        folder / "me.safetensors"
    )
    assert mode(folder) == 0o700
    (folder / "candidates").mkdir(0o755)
    folder.chmod(0o755)
    (folder / "me.safetensors").chmod(0o644)
    assert main(["voice", "list"]) == 0
    assert capsys.readouterr().err.count("yours alone now") == 2
    assert [mode(path) for path in (folder, folder / "candidates")] == [0o700, 0o700]
    assert modes(folder) == {0o600}


def test_kept_conversations_are_mended_and_that_is_said(tmp_path: Path) -> None:
    folder = tmp_path / "kept"
    for _ in range(2):
        with ConversationStore(folder) as store:
            store(TurnCommitted(1, "secret"))
    (folder / f"{store.id}.jsonl").rename(folder / "named by hand.jsonl")
    folder.chmod(0o755)
    for path in folder.iterdir():
        path.chmod(0o644)
    told: list[Event] = []
    with ConversationStore(folder, report=told.append):
        pass
    assert modes(folder) == {0o600}
    assert mode(folder) == 0o700
    assert codes(told) == ["file.mended", "file.mended"]
    files, whole = (event.message for event in told if isinstance(event, WarningEvent))
    assert files == f"2 files in {folder} could be read by others: yours alone now"
    assert whole == f"{folder} was open to others: yours alone now"
    with ConversationStore(folder, report=told.append):  # once
        pass
    assert len(told) == 2


def test_the_history_mends_them_too(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    with ConversationStore(tmp_path / "kept") as store:
        pass
    path = tmp_path / "kept" / f"{store.id}.jsonl"
    path.chmod(0o640)
    assert main(["history", "--dir", str(path.parent)]) == 0
    assert "a file in" in capsys.readouterr().err
    assert mode(path) == 0o600


def test_what_is_not_ours_stays_as_it_is(tmp_path: Path) -> None:
    """A folder with other things in it, their files, and what a link leads to."""
    tmp_path.chmod(0o755)
    other, data = tmp_path / "page.html", tmp_path / "data.jsonl"
    other.touch(0o644)
    data.touch(0o644)
    (tmp_path / "2026-01-01-000000.jsonl").symlink_to(other)
    told: list[Event] = []
    with ConversationStore(tmp_path, report=told.append) as store:
        pass
    assert (mode(tmp_path), mode(other), mode(data)) == (0o755, 0o644, 0o644)
    assert mode(tmp_path / f"{store.id}.jsonl") == 0o600
    assert told == []


@pytest.mark.anyio
async def test_old_recordings_and_logs_are_mended(tmp_path: Path) -> None:
    told: list[Event] = []
    folder, log = tmp_path / "rec", tmp_path / "events"
    for _ in range(2):
        with Recorder(folder, 8000, told.append), EventLog(log, told.append) as events:
            events(UserTranscript(1, "hello", final=True))
        for path in (*folder.iterdir(), log):
            path.chmod(0o644)
    with Recorder(folder, 8000, told.append), EventLog(log, told.append):
        pass
    assert modes(tmp_path) == {0o600}
    assert codes(told).count("file.mended") == 4
    assert (tmp_path / "notes").write_text("mine")
    (tmp_path / "notes").chmod(0o644)
    with EventLog(tmp_path / "notes", told.append):  # a slip: it is no log
        pass
    assert mode(tmp_path / "notes") == 0o644
    assert (tmp_path / "notes").read_text() == "mine"


@pytest.mark.anyio
async def test_no_link_is_written_through(tmp_path: Path) -> None:
    victim = tmp_path / "victim"
    victim.write_text("precious")
    folder = tmp_path / "rec"
    folder.mkdir()
    for name in ("conversation.wav", "transcript.txt", "events"):
        (folder / name).symlink_to(victim)
    (folder / "dangling").symlink_to(tmp_path / "nowhere")
    with (
        Recorder(folder, 8000) as recorder,
        EventLog(folder / "events") as log,
        EventLog(folder / "dangling"),
    ):
        recorder.event(TurnCommitted(1, "hello"))
        log(UserTranscript(1, "hello", final=True))
    with pytest.raises(AudioError, match="is a symbolic link; choose another"):
        WavWriter(folder / "conversation.wav", 8000).__enter__()
    assert victim.read_text() == "precious"
    assert not (tmp_path / "nowhere").exists()
    assert (folder / "conversation-2.wav").is_file()
    assert (folder / "events-2").is_file()


def test_no_link_is_gone_on_with(tmp_path: Path) -> None:
    with ConversationStore(tmp_path / "other") as store:
        store(TurnCommitted(1, "precious"))
    original = tmp_path / "other" / f"{store.id}.jsonl"
    before = original.read_bytes()
    folder = tmp_path / "kept"
    folder.mkdir()
    (folder / "2026-01-01-000000.jsonl").symlink_to(original)
    with pytest.raises(ParleyError, match="is a symbolic link"):
        ConversationStore(folder, resume="2026-01-01-000000")
    assert original.read_bytes() == before
    assert read(folder, "last").messages[0].content == "precious"  # reading harms nobody


@pytest.mark.anyio
async def test_a_folder_that_anybody_may_change_is_said(tmp_path: Path) -> None:
    shared = tmp_path / "shared"
    shared.mkdir(0o777)
    told: list[Event] = []
    with (
        ConversationStore(shared / "kept", report=told.append),
        EventLog(shared / "log", told.append),
    ):
        pass
    assert codes(told) == ["file.exposed"] * 2
    shared.chmod(0o1777)  # as /tmp: nobody may replace what is another's
    assert writable_by_others(shared / "kept") is None
