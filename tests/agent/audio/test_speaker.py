"""The speaker on a real (virtual) sound card: what is played is heard."""

from collections.abc import AsyncGenerator, Callable
from contextlib import asynccontextmanager
from typing import Any

import anyio
import numpy as np
import pytest
import sounddevice as sd

from agent.audio.speaker import DeviceSpeaker
from agent.config.sections import SpeakerSettings
from agent.errors import AudioError
from tests.soundcards import Float32, Recording, Reports, SoundCards, impurity, sounding, tone

pytestmark = pytest.mark.anyio

both_backends = pytest.mark.parametrize("anyio_backend", ["asyncio", "trio"])

Refuse = Callable[[Callable[[int, int], bool]], None]


@pytest.fixture
def anyio_backend() -> str:
    """Real cards take real time: what does not depend on the backend runs on one."""
    return "asyncio"


@pytest.fixture
def refuse(monkeypatch: pytest.MonkeyPatch) -> Refuse:
    """Let devices refuse the sample rates and channels for which a predicate holds."""
    check = sd.check_output_settings

    def refuse(refused: Callable[[int, int], bool]) -> None:
        def checked(device: int, channels: int, dtype: str, *, samplerate: int) -> None:
            if refused(samplerate, channels):
                raise sd.PortAudioError("Invalid sample rate", -9997)
            check(device, channels, dtype, samplerate=samplerate)

        monkeypatch.setattr(sd, "check_output_settings", checked)

    return refuse


@asynccontextmanager
async def speaking(
    reports: Reports, device: str | None = None
) -> AsyncGenerator[DeviceSpeaker, None]:
    """Run a speaker for the length of a block, which may take ten seconds."""
    speaker = DeviceSpeaker(SpeakerSettings(device=device, latency=0.2), reports)
    with anyio.fail_after(10):
        async with anyio.create_task_group() as tasks:
            await tasks.start(speaker.run)
            yield speaker
            tasks.cancel_scope.cancel()


async def say(speaker: DeviceSpeaker, pcm: Float32) -> None:
    track = speaker.playback.open(24000)
    await track.write(pcm)
    await track.drain()
    assert track.played == len(pcm)


async def hear_until_quiet(recording: Recording, quiet: float = 0.3) -> Float32:
    """What is heard until it has been quiet for some time after a sound."""
    heard = [np.zeros(0, np.float32)]
    silence = 0.0
    while silence < quiet or not len(sounding(np.concatenate(heard))):
        heard.append(await recording.read(0.05))
        silence = 0.0 if len(sounding(heard[-1])) else silence + 0.05
    return np.concatenate(heard)


async def test_a_tone_is_heard_whole(soundcards: SoundCards) -> None:
    reports = Reports()
    async with soundcards.speaker.record(24000) as recording, speaking(reports) as speaker:
        assert speaker.playback.sample_rate == 24000
        await recording.read(0.3)  # a device that has just started is not yet as late as later
        before = anyio.current_time()
        track = speaker.playback.open(24000)
        await track.write(tone(440, 0.8, 24000))
        await track.drain()
        started = await track.started()
        assert started is not None
        # The device is 0.2 s behind, and the time at which a sample is heard takes that in.
        assert 0.05 < started - before < 0.5
        assert 0.75 < anyio.current_time() - started < 1.2
        heard = await hear_until_quiet(recording)
    pcm = sounding(heard)
    assert len(pcm) == pytest.approx(0.8 * 24000, abs=120)
    assert np.abs(pcm).max() == pytest.approx(0.3, rel=0.03)
    assert impurity(pcm[600:-600], 440, 24000) < 0.02
    assert speaker.playback.underruns == 0
    assert reports.changes == []


async def test_after_stop_nothing_more_is_heard_than_was_played(soundcards: SoundCards) -> None:
    async with soundcards.speaker.record(24000) as recording, speaking(Reports()) as speaker:
        track = speaker.playback.open(24000)
        await track.write(tone(440, 1.0, 24000))
        heard = [await recording.read(0.05)]
        while not len(sounding(np.concatenate(heard))):
            heard.append(await recording.read(0.05))
        track.stop()
        played = track.played
        heard.append(await hear_until_quiet(recording))
    # Positions, not clocks: the block that was under way is in `played`, and 5 ms fade out after.
    pcm = sounding(np.concatenate(heard), threshold=0.003)
    assert 0 < played < 22000
    assert played - 0.003 * 24000 < len(pcm) <= played + 0.006 * 24000


async def test_it_is_silent_when_idle(soundcards: SoundCards) -> None:
    async with soundcards.speaker.record(24000) as recording, speaking(Reports()):
        assert np.abs(await recording.read(0.3)).max() == 0


async def test_a_device_that_takes_two_channels_plays_the_same_on_both(
    soundcards: SoundCards, refuse: Refuse
) -> None:
    refuse(lambda rate, channels: rate == 24000 or channels == 1)
    async with soundcards.speaker.record(24000) as recording, speaking(Reports()) as speaker:
        assert speaker.playback.sample_rate == 48000
        await say(speaker, tone(440, 0.4, 24000))
        heard = sounding(await hear_until_quiet(recording))
    # The recording is the mean of both channels: one alone would be half as loud.
    assert np.abs(heard).max() == pytest.approx(0.3, rel=0.03)
    assert impurity(heard[600:-600], 440, 24000) < 0.02


async def test_a_device_with_a_rate_of_its_own(soundcards: SoundCards, refuse: Refuse) -> None:
    refuse(lambda rate, _channels: rate in (24000, 48000))
    async with soundcards.speaker.record(24000) as recording, speaking(Reports()) as speaker:
        assert speaker.playback.sample_rate == 44100
        await say(speaker, tone(440, 0.4, 24000))
        heard = sounding(await hear_until_quiet(recording))
    assert impurity(heard[600:-600], 440, 24000) < 0.02


@pytest.mark.usefixtures("soundcards")
async def test_a_device_that_refuses_everything_is_an_error(refuse: Refuse) -> None:
    refuse(lambda _rate, _channels: True)
    speaker = DeviceSpeaker(SpeakerSettings(), Reports())
    with pytest.raises(AudioError, match="does not run at 24000 Hz or 48000 Hz or 44100 Hz"):
        await speaker.run()


@pytest.mark.usefixtures("soundcards")
async def test_an_unknown_device_is_an_error() -> None:
    speaker = DeviceSpeaker(SpeakerSettings(device="virtual_spaeker"), Reports())
    with pytest.raises(AudioError, match="did you mean 'virtual_speaker'"):
        await speaker.run()
    with pytest.raises(RuntimeError, match="does not run"):
        _ = speaker.playback


@both_backends
async def test_what_is_queued_survives_unplugging(soundcards: SoundCards) -> None:
    reports = Reports()
    async with speaking(reports, device="SPEAK") as speaker:
        soundcards.speaker.unplug()
        await reports.wait_for("speaker.lost")
        track = speaker.playback.open(24000)
        await track.write(tone(440, 0.9, 24000))
        assert track.played == 0
        soundcards.speaker.plug()
        async with soundcards.speaker.record(24000) as recording:
            await track.drain()
            heard = sounding(await hear_until_quiet(recording))
        assert track.played == 0.9 * 24000
    assert reports.changes == ["speaker.lost", "speaker.back"]
    assert [event.record()["recovered"] for event in reports.events] == [False, True]
    # The recording may have come a little late.
    assert len(heard) > 0.5 * 24000
    assert impurity(heard[600:-600], 440, 24000) < 0.02


async def test_a_device_that_stalls_is_opened_again(soundcards: SoundCards) -> None:
    reports = Reports()
    async with speaking(reports) as speaker:
        await soundcards.speaker.stall(True)
        await reports.wait_for("speaker.lost")
        await soundcards.speaker.stall(False)
        await reports.wait_for("speaker.back")
        await say(speaker, tone(440, 0.2, 24000))
    assert reports.changes == ["speaker.lost", "speaker.back"]


async def test_another_device_must_take_the_rate_of_the_first(
    soundcards: SoundCards, refuse: Refuse
) -> None:
    reports = Reports()
    async with speaking(reports) as speaker:
        refuse(lambda rate, _channels: rate == 24000)
        soundcards.speaker.unplug()
        soundcards.speaker.plug()
        await reports.wait_for("speaker.refused")
        refuse(lambda _rate, _channels: False)
        await reports.wait_for("speaker.back")
        await say(speaker, tone(440, 0.2, 24000))
    assert reports.changes == ["speaker.lost", "speaker.refused", "speaker.back"]
    assert "does not run at 24000 Hz" in reports.messages[1]
    record: dict[str, Any] = reports.events[1].record()
    assert (record["type"], record["recovered"]) == ("error", True)
