"""The microphone on a real (virtual) sound card: what is played into it arrives."""

from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from typing import Any

import anyio
import numpy as np
import pytest
import sounddevice as sd
from anyio.streams.memory import MemoryObjectReceiveStream

from agent.audio.microphone import DeviceMicrophone
from agent.config.sections import MicrophoneSettings
from agent.errors import StageError
from agent.events import Audio
from agent.graph import Graph
from tests.soundcards import Float32, Reports, SoundCards, impurity, sounding, tone

pytestmark = pytest.mark.anyio

both_backends = pytest.mark.parametrize("anyio_backend", ["asyncio", "trio"])

Blocks = MemoryObjectReceiveStream[Audio]


@pytest.fixture
def anyio_backend() -> str:
    """Real cards take real time: what does not depend on the backend runs on one."""
    return "asyncio"


@asynccontextmanager
async def listening(
    reports: Reports, device: str | None = None, buffer: float = 1000
) -> AsyncGenerator[Blocks, None]:
    """Run a microphone for the length of a block."""
    microphone = DeviceMicrophone(MicrophoneSettings(device=device, latency=0.2), reports)
    async with Graph(microphone).open(buffer=buffer) as (_, blocks):
        yield blocks


async def hear_a_tone(blocks: Blocks, soundcards: SoundCards) -> list[Audio]:
    """Play a second of 440 Hz into the card, and read until it is over."""
    heard = [await blocks.receive()]
    await soundcards.microphone.play(tone(440, 1.0, 48000), 48000)
    while len(heard) < 10 or quiet_for(heard) < 10 or not len(sounding(joined(heard))):
        heard.append(await blocks.receive())
    return heard


def quiet_for(heard: list[Audio]) -> int:
    loud = [index for index, block in enumerate(heard) if np.abs(block.pcm).max() > 0.02]
    return len(heard) - loud[-1] if loud else 0


def joined(heard: list[Audio]) -> Float32:
    return np.concatenate([block.pcm for block in heard])


async def test_a_tone_arrives_whole(soundcards: SoundCards) -> None:
    reports = Reports()
    with anyio.fail_after(10):
        async with listening(reports) as blocks:
            heard = await hear_a_tone(blocks, soundcards)
            now = anyio.current_time()
    pcm = sounding(joined(heard))
    assert joined(heard).dtype == np.float32
    assert len(pcm) == pytest.approx(16000, abs=80)
    assert np.abs(pcm).max() == pytest.approx(0.3, rel=0.03)
    assert impurity(pcm[400:-400], 440, 16000) < 0.02
    assert reports.changes == []
    check_blocks(heard, now)


def check_blocks(heard: list[Audio], now: float) -> None:
    """Short blocks, each captured when the one before it ends."""
    assert {block.sample_rate for block in heard} == {16000}
    assert all(0.009 < block.duration <= 0.1 for block in heard)
    times = [block.time for block in heard if block.time is not None]
    assert len(times) == len(heard)
    # However late the callbacks come, it is the samples that count; the first ones settle it.
    counted = np.cumsum([0.0, *(block.duration for block in heard[:-1])])
    assert np.ptp((np.array(times) - counted)[20:]) < 0.02
    assert times[-1] + heard[-1].duration <= now


async def test_a_device_with_another_rate_is_resampled(
    soundcards: SoundCards, monkeypatch: pytest.MonkeyPatch
) -> None:
    check = sd.check_input_settings

    def refuse(*args: Any, samplerate: int) -> None:
        if samplerate == 16000:
            raise sd.PortAudioError("Invalid sample rate", -9997)
        check(*args, samplerate=samplerate)

    monkeypatch.setattr(sd, "check_input_settings", refuse)
    with anyio.fail_after(10):
        async with listening(Reports()) as blocks:
            heard = await hear_a_tone(blocks, soundcards)
    pcm = sounding(joined(heard))
    assert len(pcm) == pytest.approx(16000, abs=80)
    assert impurity(pcm[400:-400], 440, 16000) < 0.02


async def test_what_nobody_reads_is_dropped_and_counted(soundcards: SoundCards) -> None:
    reports = Reports()
    with anyio.fail_after(10):
        async with listening(reports, buffer=3) as blocks:
            await reports.wait_for("microphone.dropped")
            assert blocks.statistics().current_buffer_used == 3
            before = len(reports.events)
            heard = [await blocks.receive() for _ in range(4)]
            # The next block found room, which ends the gap.
            await reports.wait_for("microphone.dropped", count=before + 1)
    assert reports.messages[0].startswith("1.0")
    assert "dropped: what comes after it is too slow" in reports.messages[0]
    assert soundcards.microphone.name == "virtual_mic"
    gaps = np.diff([block.time or 0.0 for block in heard])
    assert gaps.max() > 0.9  # the time of what came after the gap tells of it


@both_backends
async def test_it_ends_when_nobody_listens(soundcards: SoundCards) -> None:
    with anyio.fail_after(10):
        async with listening(Reports()) as blocks:
            await blocks.receive()
            blocks.close()
            # A graph is over, and its block with it, when its last stage is.
    assert soundcards.microphone.name == "virtual_mic"


async def test_a_device_plugged_in_since_the_program_started_is_found(
    soundcards: SoundCards,
) -> None:
    soundcards.unplug()
    sd._terminate()
    sd._initialize()
    soundcards.plug()
    with anyio.fail_after(10):
        async with listening(Reports(), device="virtual_mic") as blocks:
            assert len((await blocks.receive()).pcm)


@pytest.mark.usefixtures("soundcards")
async def test_an_unknown_device_is_an_error() -> None:
    microphone = DeviceMicrophone(MicrophoneSettings(device="headset"), Reports())
    with pytest.raises(StageError, match="no microphone is called 'headset'"):
        await Graph(microphone).run()


@both_backends
async def test_it_survives_unplugging(soundcards: SoundCards) -> None:
    reports = Reports()
    with anyio.fail_after(20):
        async with listening(reports, device="virtual_mic") as blocks:
            await blocks.receive()
            soundcards.microphone.unplug()
            await reports.wait_for("microphone.lost")
            soundcards.microphone.plug()
            await reports.wait_for("microphone.back")
            while blocks.statistics().current_buffer_used:
                blocks.receive_nowait()
            heard = await hear_a_tone(blocks, soundcards)
    assert reports.changes == ["microphone.lost", "microphone.back"]
    assert [event.record()["recovered"] for event in reports.events] == [False, True]
    pcm = sounding(joined(heard))
    assert impurity(pcm[400:-400], 440, 16000) < 0.02


async def test_a_device_that_stalls_is_opened_again(soundcards: SoundCards) -> None:
    reports = Reports()
    with anyio.fail_after(20):
        async with listening(reports) as blocks:
            await blocks.receive()
            await soundcards.microphone.stall(True)
            await reports.wait_for("microphone.lost")
            await soundcards.microphone.stall(False)
            await reports.wait_for("microphone.back")
            assert len((await blocks.receive()).pcm)
    assert reports.changes == ["microphone.lost", "microphone.back"]
