"""Both devices at once, as in a session: what one of them suffers is not the other's loss."""

import os
import subprocess
import sys
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager

import anyio
import numpy as np
import pytest
import sounddevice as sd
from anyio.streams.memory import MemoryObjectReceiveStream

from agent.audio.microphone import DeviceMicrophone
from agent.audio.speaker import DeviceSpeaker
from agent.audio.wakeup import Wakeup
from agent.config.sections import MicrophoneSettings, SpeakerSettings
from agent.events import Audio
from agent.graph import Graph
from tests.soundcards import Reports, SoundCards, impurity, sounding, tone

pytestmark = pytest.mark.anyio


@pytest.fixture
def anyio_backend() -> str:
    """Real cards take real time; the tests of each device run on both backends."""
    return "asyncio"


@asynccontextmanager
async def both(
    reports: Reports,
) -> AsyncGenerator[tuple[MemoryObjectReceiveStream[Audio], DeviceSpeaker], None]:
    """Run microphone and speaker for the length of a block, which may take 15 seconds."""
    microphone = DeviceMicrophone(MicrophoneSettings(latency=0.2), reports)
    speaker = DeviceSpeaker(SpeakerSettings(latency=0.2), reports)
    with anyio.fail_after(15):
        async with (
            anyio.create_task_group() as tasks,
            Graph(microphone).open(buffer=2000) as (_, blocks),
        ):
            await tasks.start(speaker.run)
            yield blocks, speaker
            tasks.cancel_scope.cancel()


async def test_the_microphone_goes_on_while_the_speaker_is_away(soundcards: SoundCards) -> None:
    reports = Reports()
    heard = []
    async with both(reports) as (blocks, speaker):
        heard.append(await blocks.receive())
        soundcards.speaker.unplug()
        # As long as several attempts to open it again.
        while (
            heard[-1].time is None or heard[0].time is None or heard[-1].time < heard[0].time + 1.5
        ):
            heard.append(await blocks.receive())
        soundcards.speaker.plug()
        await reports.wait_for("speaker.back")
        async with soundcards.speaker.record(24000) as recording:
            track = speaker.playback.open(24000)
            await track.write(tone(440, 0.4, 24000))
            await track.drain()
            played = sounding(await recording.read(0.8))
    assert reports.changes == ["speaker.lost", "speaker.back"]
    assert impurity(played[600:-600], 440, 24000) < 0.02
    # Nobody closes a stream that works to look for a device that is not there.
    times = np.array([block.time for block in heard])
    lasts = np.array([block.duration for block in heard])
    assert (np.diff(times) - lasts[:-1]).max() < 0.1


async def test_the_speaker_goes_on_while_the_microphone_is_away(soundcards: SoundCards) -> None:
    reports = Reports()
    async with both(reports) as (blocks, speaker), soundcards.speaker.record(24000) as recording:
        await blocks.receive()
        track = speaker.playback.open(24000)
        await track.write(tone(440, 0.8, 24000))
        soundcards.microphone.unplug()
        await reports.wait_for("microphone.lost")
        await track.drain()
        played = sounding(await recording.read(1.3))
        assert len(played) == pytest.approx(0.8 * 24000, abs=120)
        assert impurity(played[600:-600], 440, 24000) < 0.02
        soundcards.microphone.plug()
        await reports.wait_for("microphone.back")
        while blocks.statistics().current_buffer_used:
            blocks.receive_nowait()
        assert len((await blocks.receive()).pcm)
    assert reports.changes == ["microphone.lost", "microphone.back"]


async def test_both_come_back_one_after_the_other(
    soundcards: SoundCards, monkeypatch: pytest.MonkeyPatch
) -> None:
    refreshed = Wakeup()
    initialize = sd._initialize

    def refresh() -> None:
        initialize()
        refreshed.set()

    monkeypatch.setattr(sd, "_initialize", refresh)
    reports = Reports()
    async with both(reports) as (blocks, speaker):
        await blocks.receive()
        soundcards.unplug()
        await reports.wait_for("speaker.lost")
        await reports.wait_for("microphone.lost")
        await refreshed.wait()  # PortAudio has seen that there are no devices
        soundcards.speaker.plug()
        await reports.wait_for("speaker.back")
        # To see the microphone, PortAudio must close the speaker, which opens itself again.
        soundcards.microphone.plug()
        await reports.wait_for("microphone.back")
        track = speaker.playback.open(24000)
        await track.write(tone(440, 0.2, 24000))
        await track.drain()
        assert track.played == 0.2 * 24000
    assert sorted(reports.changes[:2]) == ["microphone.lost", "speaker.lost"]
    assert reports.changes[2:] == ["speaker.back", "microphone.back"]


def test_parley_devices(soundcards: SoundCards) -> None:
    result = subprocess.run(
        [sys.executable, "-m", "agent.cli", "devices"],
        env={**os.environ, **soundcards.environment},
        capture_output=True,
        text=True,
        check=False,
    )
    assert (result.returncode, result.stderr) == (0, "")
    assert "virtual_mic" in result.stdout
    assert "virtual_speaker" in result.stdout
