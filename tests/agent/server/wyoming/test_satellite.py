"""A satellite, as Home Assistant sees it that dials in; and how a person hears it."""

from collections.abc import AsyncGenerator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

import anyio
import numpy as np
import pytest
from numpy.typing import NDArray
from wyoming.asr import Transcript
from wyoming.audio import AudioChunk, AudioStart, AudioStop
from wyoming.client import AsyncTcpClient
from wyoming.error import Error
from wyoming.event import Event
from wyoming.info import Describe, Info
from wyoming.ping import Ping
from wyoming.satellite import PauseSatellite, RunSatellite
from wyoming.vad import VoiceStopped

from agent.audio.files import PacedSpeaker
from agent.cli.main import main
from agent.config.load import Config
from agent.events import nobody
from agent.server.wyoming import mouth
from agent.server.wyoming import satellite as module
from agent.server.wyoming.satellite import Satellite
from agent.turns.guarded_vad import GuardedVad
from tests.agent.fakes import LoudnessVad, Scripted
from tests.agent.server.wyoming.conftest import ask, client

pytestmark = [pytest.mark.anyio, pytest.mark.realtime]

QUIET, SPEECH = (0.5, False), (0.5, True)


@dataclass
class Room:
    """What is heard of the speaker, in seconds."""

    sounding: float = 0.0
    sounds: anyio.Event = field(default_factory=anyio.Event)

    async def hear(self, pcm: NDArray[np.float32], _when: float) -> None:
        if np.abs(pcm).max() > 0.01:
            self.sounding += len(pcm) / 24000
            self.sounds.set()


@asynccontextmanager
async def satellite(
    stretches: Sequence[tuple[float, bool]], *, wake: bool = False
) -> AsyncGenerator[tuple[int, Room]]:
    room = Room()
    config = Config(echo="off")
    speaker = PacedSpeaker(24000, room.hear)
    vad = GuardedVad(LoudnessVad())
    microphone = Scripted(stretches, stall=60)
    made = Satellite(config, microphone, speaker, vad, nobody, wake=wake)
    with anyio.fail_after(20):
        async with made.running("127.0.0.1", 0) as port:
            yield port, room


async def say(home: AsyncTcpClient, seconds: float, rate: int = 16000) -> None:
    """An answer as Home Assistant sends it: all at once."""
    form: dict[str, Any] = {"rate": rate, "width": 2, "channels": 1}
    await home.write_event(AudioStart(**form).event())
    pcm = np.full(round(seconds * rate), 8000, "<i2").tobytes()
    for start in range(0, len(pcm), 2048):
        await home.write_event(AudioChunk(**form, audio=pcm[start : start + 2048]).event())
    await home.write_event(AudioStop().event())


def heard(events: list[Event]) -> float:
    chunks = [AudioChunk.from_event(event) for event in events if event.type == "audio-chunk"]
    assert all((c.rate, c.width, c.channels) == (16000, 2, 1) for c in chunks)
    return sum(chunk.seconds for chunk in chunks)


async def test_it_describes_itself_and_answers_pings() -> None:
    async with satellite([QUIET]) as (port, _), client(port) as home:
        (event,) = await ask(home, Describe(), until="info")
        info = Info.from_event(event)
        assert info.satellite is not None
        assert info.satellite.installed
        assert not info.asr
        assert not info.tts
        await home.write_event(RunSatellite().event())
        (pong,) = await ask(home, Ping("1"), until="pong")
        assert pong.data["text"] == "1"


async def test_speech_runs_a_pipeline_and_the_answer_is_played() -> None:
    async with (
        satellite([(1.0, False), (1.0, True), (5.0, False)]) as (port, room),
        client(port) as home,
    ):
        (pipeline,) = await ask(home, RunSatellite(), until="run-pipeline")
        assert pipeline.data["start_stage"] == "asr"
        assert pipeline.data["end_stage"] == "tts"
        came: list[Event] = []
        while heard(came) < 1.5:
            event = await home.read_event()
            assert event is not None
            came.append(event)
        levels = np.concatenate([np.frombuffer(e.payload or b"", "<i2") for e in came if e.payload])
        assert abs(int(levels[0])) < 100, "it begins before the voice"
        assert (levels > 10_000).sum() == pytest.approx(16000, abs=700)
        await home.write_event(VoiceStopped().event())
        await home.write_event(Transcript("hello").event())
        await say(home, 0.8)
        rest = await ask(home, until="played")
        assert heard(rest) < 0.5, "nothing more is sent once it has been understood"
        assert room.sounding == pytest.approx(0.8, abs=0.05)


async def test_a_pong_comes_while_an_answer_is_played() -> None:
    async with satellite([QUIET]) as (port, room), client(port) as home:
        await home.write_event(RunSatellite().event())
        await say(home, 3.0)
        (pong,) = await ask(home, Ping("2"), until="pong")
        assert pong.data["text"] == "2"
        assert room.sounding < 1.0


async def test_an_answer_is_cut_in_on() -> None:
    async with (
        satellite([(1.5, False), (0.6, True), (5.0, False)]) as (port, room),
        client(port) as home,
    ):
        await home.write_event(RunSatellite().event())
        await say(home, 10.0)
        events = await ask(home, until="run-pipeline")
        assert {e.type for e in events} == {"run-pipeline"}
        events = await ask(home, until="played")
        sounded = room.sounding
        assert sounded < 3.0
        assert heard(events) < 1.0
        await anyio.sleep(0.3)
        assert room.sounding <= sounded + 0.03, "it is silent"


async def test_home_assistant_may_listen_for_its_wake_word(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "SILENT", 0.3)
    async with satellite([(10.0, False)], wake=True) as (port, _), client(port) as home:
        (pipeline,) = await ask(home, RunSatellite(), until="run-pipeline")
        assert pipeline.data["start_stage"] == "wake"
        await ask(home, until="audio-chunk")
        await home.write_event(Transcript("turn on the light").event())
        await say(home, 0.2)
        events = await ask(home, until="run-pipeline")
        assert "played" in {e.type for e in events}, "it goes on once the answer has been heard"
        await home.write_event(Transcript("thank you").event())
        await ask(home, until="run-pipeline")  # there was no answer
        await home.write_event(Error("no wake word engine").event())
        await ask(home, until="run-pipeline")


async def test_a_command_without_an_end_is_ended(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "LONGEST", 1.0)
    async with satellite([(0.5, False), (2.0, True)]) as (port, _), client(port) as home:
        events = await ask(home, RunSatellite(), until="audio-stop")
        assert heard(events) == pytest.approx(1.0, abs=0.1)


async def test_the_one_that_dialled_in_last_is_the_one() -> None:
    async with (
        satellite([(1.5, False), (0.5, True), (5.0, False)]) as (port, room),
        client(port) as old,
        client(port) as new,
    ):
        await old.write_event(RunSatellite().event())
        await ask(old, Ping(), until="pong")
        await new.write_event(RunSatellite().event())
        await ask(new, Ping(), until="pong")
        await say(old, 0.5)
        (pipeline,) = await ask(new, until="run-pipeline")
        assert pipeline.type == "run-pipeline"
        assert room.sounding == 0.0
        events = await ask(old, Ping(), until="pong")
        assert [e.type for e in events] == ["pong"]


async def test_a_pause_and_the_end_of_a_connection_are_silence() -> None:
    async with satellite([(10.0, False)]) as (port, room):
        for leave in (PauseSatellite(), None):
            async with client(port) as home:
                await home.write_event(RunSatellite().event())
                await say(home, 5.0)
                await room.sounds.wait()
                if leave is not None:
                    await ask(home, leave, until="played")
            await anyio.sleep(0.3)
            sounded, room.sounding, room.sounds = room.sounding, 0.0, anyio.Event()
            await anyio.sleep(0.2)
            assert 0.0 < sounded < 3.0
            assert room.sounding == 0.0


async def test_what_makes_no_sense_is_an_error_and_no_end(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(mouth, "LONGEST", 0.1)
    async with satellite([QUIET]) as (port, _), client(port) as home:
        await home.write_event(RunSatellite().event())
        for sent in (
            Event("audio-chunk", {"rate": 16000, "width": 2, "channels": 1}, b"12"),
            Event("audio-start", {}),
            Event("unheard-of", {"x": 1}),
        ):
            await home.write_event(sent)
        await home.write_event(AudioStart(16000, 2, 1).event())
        await home.write_event(Event("audio-chunk", {"rate": 0, "width": 0, "channels": 0}, b"1"))
        await say(home, 0.2)
        events = await ask(home, Ping(), until="pong")
        assert len([e for e in events if e.type == "error"]) >= 4


def test_the_room_is_not_heard_from_elsewhere_unless_wanted(
    capsys: pytest.CaptureFixture[str],
) -> None:
    assert main(["satellite", "offline", "--host", "0.0.0.0"]) == 1
    assert "--insecure" in capsys.readouterr().err
