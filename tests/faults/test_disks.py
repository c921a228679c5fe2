"""A disk that is full, slow or gone: told once, nothing is lost, and the talk goes on."""

import json
import os
import resource
import shutil
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path
from tempfile import TemporaryDirectory

import anyio
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from agent.audio.files import WavSpeaker
from agent.audio.recorder import Recorder
from agent.audio.wav import pcm16, read_audio, wav_in_background
from agent.cli.event_log import EventLog
from agent.conversation.store import ConversationStore, read
from agent.errors import ParleyError
from agent.events import Audio, Event, TurnCommitted, UserTranscript, WarningEvent
from agent.guards import background
from agent.guards.background import BackgroundFile
from agent.guards.files import create
from tests.faults.disk import codes, full, hanging, settle
from tests.paths import AUDIO
from tests.processes import ended

RATE = 24000
UNTIL = 5.0
"""Seconds after which a thread that should have written is given up."""


@pytest.fixture(autouse=True, scope="module")
def _impatient() -> Iterator[None]:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(background, "RETRY", 0.01)
        yield


def lines(path: Path) -> list[str]:
    return [json.loads(line).get("text", "") for line in path.read_text("utf-8").splitlines()]


def said(number: int) -> UserTranscript:
    return UserTranscript(1, f"word {number}", final=False)


def wait_for(told: list[Event], code: str, file: BackgroundFile) -> None:
    began = time.monotonic()
    while code not in codes(told):
        assert time.monotonic() < began + UNTIL, codes(told)
        file.tell_news()


@pytest.mark.anyio
async def test_the_event_log_of_a_full_disk(tmp_path: Path) -> None:
    told: list[Event] = []
    with EventLog(tmp_path / "log", told.append) as log:
        log(said(0))
        settle(log._file)
        with full(log._file.descriptor) as make_room:
            for number in range(1, 50):
                log(said(number))
            assert lines(tmp_path / "log") == ["word 0"]
            make_room()
            wait_for(told, "file.written", log._file)
        log(said(50))
    assert lines(tmp_path / "log") == [f"word {number}" for number in range(51)]
    unwritable, written = told
    assert isinstance(unwritable, WarningEvent)
    assert isinstance(written, WarningEvent)
    assert (unwritable.stage, unwritable.code) == ("files", "file.unwritable")
    assert f"{tmp_path / 'log'} cannot be written: No space left on device" in unwritable.message
    assert not unwritable.recovered
    assert "nothing is lost" in written.message


def test_a_conversation_of_a_full_disk(tmp_path: Path) -> None:
    told: list[Event] = []
    with ConversationStore(tmp_path, report=told.append) as store:
        with full(store._file.descriptor) as make_room:
            store(TurnCommitted(1, "hello"))
            store.hearing("good")
            store(TurnCommitted(2, "again"))
            make_room()
            wait_for(told, "file.written", store._file)
        store(TurnCommitted(3, "well"))
    kept = read(tmp_path, store.id)
    assert [entry.text for entry in kept.entries if entry.type == "user"] == [
        *("hello", "again", "well")
    ]
    assert codes(told) == ["file.unwritable", "file.written"]


@pytest.mark.anyio
async def test_a_recording_of_a_full_disk_plays_and_has_everything_in_the_end(
    tmp_path: Path,
) -> None:
    told: list[Event] = []
    wav = tmp_path / "conversation.wav"
    with Recorder(tmp_path, RATE, told.append) as recorder:
        start = anyio.current_time()

        def speak(first: int, last: int) -> None:
            for n in range(first, last):
                pcm = np.full(480, 0.25, np.float32)
                recorder.user(Audio(pcm, RATE, start + 0.02 * n))
                recorder.agent(Audio(pcm, RATE, start + 0.02 * n))

        speak(0, 100)
        settle(recorder._wav)
        with (
            full(recorder._wav.descriptor) as make_room,
            full(recorder._transcript.descriptor) as make_room_for_text,
        ):
            speak(100, 199)
            recorder.event(TurnCommitted(1, "hello"))
            settle(recorder._wav, recorder._transcript)
            speak(199, 200)
            pcm, rate = read_audio(wav)  # plays meanwhile
            assert len(pcm) / rate == pytest.approx(2, abs=0.1)
            make_room_for_text()
            make_room()
            wait_for(told, "file.written", recorder._wav)
        speak(200, 250)
    pcm, rate = read_audio(wav)
    assert len(pcm) / rate == pytest.approx(5, abs=0.05)
    assert np.count_nonzero(np.abs(pcm) > 0.2) > 0.98 * len(pcm)  # no hole
    assert "user: hello" in (tmp_path / "transcript.txt").read_text("utf-8")
    assert codes(told) == ["file.unwritable", "file.written"]  # once, of two files


@pytest.mark.anyio
async def test_a_speaker_into_a_file_on_a_full_disk(tmp_path: Path) -> None:
    told: list[Event] = []
    speaker = WavSpeaker(tmp_path / "out.wav", RATE, report=told.append)
    async with anyio.create_task_group() as tasks:
        await tasks.start(speaker.run)
        with full(speaker._file.descriptor):
            await anyio.sleep(0.1)
        await anyio.sleep(0.1)
        tasks.cancel_scope.cancel()
    assert codes(told) == ["file.unwritable", "file.written"]
    assert len(read_audio(tmp_path / "out.wav")[0]) >= 0.15 * RATE


@given(st.lists(st.sampled_from(["write", "full", "room", "wait"]), max_size=30))
@settings(max_examples=30)
def test_whenever_it_is_full_nothing_is_lost_or_written_twice(steps: list[str]) -> None:
    expected = b""
    with TemporaryDirectory() as folder:
        path = Path(folder, "f")
        file = BackgroundFile(path, create(path), lambda *_: None)
        disk = ExitStack()
        for number, step in enumerate(steps):
            match step:
                case "write":
                    expected += b"line %d\n" % number
                    file.write(b"line %d\n" % number)
                case "full":
                    disk.close()
                    disk.enter_context(full(file.descriptor))
                case "room":
                    disk.close()
                case "wait":
                    file.tell_news()
        disk.close()
        file.close()
        assert path.read_bytes() == expected


def test_what_is_never_written_is_said_in_the_end(tmp_path: Path) -> None:
    told: list[tuple[str, str, bool]] = []
    file = BackgroundFile(tmp_path / "f", create(tmp_path / "f"), lambda *news: told.append(news))
    file.write(b"there\n")
    settle(file)
    with full(file.descriptor):
        file.write(b"not there\n")
        file.close()
    file.write(b"too late\n")
    file.close()
    assert (tmp_path / "f").read_bytes() == b"there\n"
    assert [code for code, _, _ in told] == ["file.unwritable", "file.incomplete"]


def test_memory_is_bounded_and_whole_lines_are_lost(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(background, "LIMIT", 1000)
    told: list[tuple[str, str, bool]] = []
    file = BackgroundFile(tmp_path / "f", create(tmp_path / "f"), lambda *news: told.append(news))
    with full(file.descriptor):
        for number in range(1000):
            file.write(b"line %d\n" % number)
    file.close()
    numbers = [int(line.split()[1]) for line in (tmp_path / "f").read_text().splitlines()]
    assert numbers == sorted(numbers)
    assert numbers[-100:] == list(range(900, 1000))  # the latest are kept
    assert len(numbers) < 400
    assert [code for code, _, _ in told] == ["file.unwritable", "file.written"]
    assert "MB are lost" in told[-1][1]


def test_what_is_lost_of_a_recording_is_silence(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(background, "LIMIT", 48000)
    path = tmp_path / "a.wav"
    file = wav_in_background(path, create(path), lambda *_: None, RATE)
    with full(file.descriptor):
        for level in range(1, 101):
            file.write(pcm16(np.full(2400, level / 100, np.float32)))
    file.close()
    pcm, _ = read_audio(path)
    assert len(pcm) == 240000
    assert pcm[-1] == pytest.approx(1, abs=0.001)
    late = pcm[-24000:].reshape(10, 2400).mean(axis=1)
    assert late == pytest.approx(np.arange(91, 101) / 100, abs=0.001)  # each where it belongs
    assert not pcm[100000:150000].any()


def test_a_disk_that_hangs_holds_nobody_up(tmp_path: Path) -> None:
    told: list[tuple[str, str, bool]] = []
    path = tmp_path / "f"
    file = BackgroundFile(path, create(path), lambda *news: told.append(news))
    with hanging(file.descriptor):
        began = time.perf_counter()
        for number in range(2000):
            file.write(b"%d\n" % number)
        took = time.perf_counter() - began
    file.close()
    assert took < 2  # 10 ms, and what a busy machine does meanwhile; 10 s if each waited for 5 ms
    assert path.read_text().splitlines() == [str(number) for number in range(2000)]


def test_a_disk_that_never_answers_holds_up_the_end_for_a_while_only(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(background, "PATIENCE", 0.1)
    told: list[tuple[str, str, bool]] = []
    file = BackgroundFile(tmp_path / "f", create(tmp_path / "f"), lambda *news: told.append(news))
    with hanging(file.descriptor):
        file.write(b"never\n")
        began = time.monotonic()
        file.close()
        assert time.monotonic() - began < 2
    assert [code for code, _, _ in told] == ["file.incomplete"]


@pytest.mark.anyio
async def test_a_folder_that_vanishes(tmp_path: Path) -> None:
    told: list[Event] = []
    folder = tmp_path / "rec"
    with (
        EventLog(folder / "log", told.append) as log,
        Recorder(folder, RATE, told.append) as recorder,
    ):
        start = anyio.current_time()
        log(said(0))
        shutil.rmtree(folder)
        log(said(1))
        for n in range(150):
            recorder.user(Audio(np.full(480, 0.25, np.float32), RATE, start + 0.02 * n))
    assert lines(folder / "log")[-1:] == ["word 1"]
    pcm, _ = read_audio(folder / "conversation.wav")
    assert len(pcm) > 2 * RATE
    assert codes(told) == ["file.deleted", "file.deleted"]
    assert (folder.stat().st_mode & 0o777, (folder / "log").stat().st_mode & 0o777) == (
        *(0o700, 0o600),
    )


@pytest.mark.anyio
@pytest.mark.parametrize(
    "keep",
    [
        lambda folder: EventLog(folder / "log"),
        lambda folder: Recorder(folder, RATE),
        ConversationStore,
    ],
)
async def test_a_place_that_takes_no_files_is_said_before_the_talk(
    keep: Callable[[Path], object],
) -> None:
    """`/proc` is one for root, too."""
    with pytest.raises(
        ParleyError, match=r"^/proc/parley.* cannot be written: .*; choose another$"
    ):
        keep(Path("/proc/parley"))


@pytest.mark.realtime
def test_a_talk_on_a_full_disk_by_the_real_command(tmp_path: Path) -> None:
    """No file can be larger than 12 kB until the first warning, and then there is room."""
    kept = tmp_path / "kept"
    config = tmp_path / "agent.yaml"
    config.write_text(f"session: {{save: {kept}}}\nturn: {{silence: 0.4, unfinished: 0.5}}\n")
    options = ["--mic", str(AUDIO / "question_capital.wav"), "--speaker", str(tmp_path / "o.wav")]
    options += ["--record", str(tmp_path / "rec"), "--events", str(tmp_path / "events")]
    command = [sys.executable, "-m", "agent.cli", "talk", str(config), *options]
    printed: list[str] = []
    with ended(
        subprocess.Popen(
            command,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_FSIZE, (12000, -1)),  # noqa: PLW1509
            env={**os.environ, "PYTHONPYCACHEPREFIX": str(tmp_path / "nothing")},
        )
    ) as process:
        assert process.stdout is not None
        for line in process.stdout:
            printed.append(line)
            if line.startswith("you: "):
                resource.prlimit(process.pid, resource.RLIMIT_FSIZE, (-1, -1))
    assert process.returncode == 0
    assert [line for line in printed if line.startswith("Parley: ")]
    assert not [line for line in printed if "nanobind" in line]
    warnings = [line for line in printed if line.startswith("warning: ")]
    assert sum("cannot be written: File too large" in line for line in warnings) == 2
    assert sum("written again: nothing is lost" in line for line in warnings) == 2
    for path in (tmp_path / "o.wav", tmp_path / "rec/conversation.wav"):
        assert len(read_audio(path)[0]) > 3 * RATE
    types = [json.loads(line)["type"] for line in (tmp_path / "events").read_text().splitlines()]
    assert types[0] == "session.started"
    assert "session.ended" in types  # at the end, unless the last of it was written only then
    assert types.count("warning") == 4
