from pathlib import Path
from typing import Any

import anyio
import numpy as np
import pytest
from numpy.typing import NDArray
from trio.testing import MockClock

from agent.audio.files import PacedSpeaker, WavMicrophone, WavSpeaker
from agent.audio.wav import WavWriter, read_audio
from agent.errors import AudioError
from agent.events import Audio

pytestmark = pytest.mark.anyio

virtual = pytest.mark.parametrize(
    "anyio_backend", [("trio", {"clock": MockClock(autojump_threshold=0)})]
)

PCM = (np.rint(np.sin(np.arange(3333) / 10) * 16384) / 32768).astype(np.float32)


@pytest.fixture
def clip(tmp_path: Path) -> Path:
    path = tmp_path / "clip.wav"
    with WavWriter(path, 16000) as file:
        file.write(PCM)
    return path


@virtual
async def test_a_file_is_heard_in_real_time_then_silence_then_it_ends(clip: Path) -> None:
    microphone = WavMicrophone(clip, silence=0.5)
    nothing, receive = anyio.create_memory_object_stream[Any](0)
    send, heard = anyio.create_memory_object_stream[Audio](0)
    pcm = np.zeros(0, np.float32)
    with nothing, receive, heard:
        async with anyio.create_task_group() as group:
            began = anyio.current_time()
            group.start_soon(microphone, receive, send)
            while len(pcm) < 3333 + 8000:
                audio = await heard.receive()
                assert audio.time == pytest.approx(began + len(pcm) / 16000)
                assert audio.sample_rate == 16000
                assert len(audio.pcm) == min(160, 3333 + 8000 - len(pcm))
                pcm = np.concatenate([pcm, audio.pcm])
                assert anyio.current_time() == pytest.approx(began + len(pcm) / 16000)
        send.close()
        with pytest.raises(anyio.EndOfStream):
            await heard.receive()
    np.testing.assert_array_equal(pcm[:3333], PCM)
    assert not pcm[3333:].any()


async def test_nobody_listens(clip: Path) -> None:
    nothing, receive = anyio.create_memory_object_stream[Any](0)
    send, heard = anyio.create_memory_object_stream[Audio](0)
    with nothing, receive, send:
        heard.close()
        with pytest.raises(anyio.BrokenResourceError):
            await WavMicrophone(clip)(receive, send)


def test_a_microphone_at_another_rate_is_converted(tmp_path: Path) -> None:
    path = tmp_path / "clip.wav"
    with WavWriter(path, 48000) as file:
        file.write(np.zeros(48000))
    assert sum(map(len, WavMicrophone(path, silence=0)._pieces(160))) == 16000


def test_a_missing_file_is_said_at_once(tmp_path: Path) -> None:
    with pytest.raises(AudioError, match="no such file"):
        WavMicrophone(tmp_path / "nothing.wav")


@virtual
async def test_a_speaker_file_is_the_timeline(tmp_path: Path) -> None:
    path = tmp_path / "out.wav"
    speaker = WavSpeaker(path, 24000)
    pcm = np.full(12000, 0.5, np.float32)
    async with anyio.create_task_group() as group:
        await group.start(speaker.run)
        began = anyio.current_time()
        track = speaker.playback.open(24000)
        await anyio.sleep(0.25)
        await track.write(pcm)
        await track.drain()
        assert await track.started() == pytest.approx(began + 0.26)
        assert anyio.current_time() == pytest.approx(began + 0.76)
        assert track.played == 12000
        await anyio.sleep(0.21)
        group.cancel_scope.cancel()
    out, rate = read_audio(path)
    assert rate == 24000
    assert len(out) == round(0.97 * rate)  # the block that began at 0.96 is the last
    start, end = round(0.26 * rate), round(0.76 * rate)
    assert not out[:start].any()
    np.testing.assert_array_equal(out[start + 48 : end], pcm[48:])
    assert not out[end + 120 :].any()


async def test_a_speaker_that_cannot_write_says_so_before_it_starts(tmp_path: Path) -> None:
    speaker = WavSpeaker(tmp_path)
    async with anyio.create_task_group() as group:
        with pytest.raises(AudioError, match="cannot be written"):
            await group.start(speaker.run)


@virtual
async def test_a_paced_speaker_hands_over_every_block_when_it_is_due() -> None:
    blocks: list[tuple[float, float, int]] = []

    async def sink(pcm: NDArray[np.float32], when: float) -> None:
        blocks.append((anyio.current_time(), when, len(pcm)))

    began = anyio.current_time()
    with anyio.move_on_after(0.1):
        await PacedSpeaker(22050, sink).run()
    due = [began + 220 / 22050 * block for block in range(11)]
    assert [when for _, when, _ in blocks] == pytest.approx(due)
    assert [now for now, _, _ in blocks] == pytest.approx(due)
    assert {size for *_, size in blocks} == {220}


@virtual
async def test_a_reply_that_comes_between_two_blocks_is_handed_on_at_once() -> None:
    sounded: list[tuple[float, float]] = []

    async def sink(pcm: NDArray[Any], when: float) -> None:
        if pcm.any():
            sounded.append((anyio.current_time(), when))

    speaker = PacedSpeaker(24000, sink)
    async with anyio.create_task_group() as tasks:
        await tasks.start(speaker.run)
        began = anyio.current_time()
        await anyio.sleep_until(began + 0.1234)
        track = speaker.playback.open(24000)
        await track.write(np.full(24000, 0.5, np.float32))
        await track.drain()
        tasks.cancel_scope.cancel()
    # At once, for the block that is due next; and from there on in time, without a gap.
    assert sounded[0][0] - began == pytest.approx(0.1234, abs=0.002)
    assert sounded[0][1] - began == pytest.approx(0.13, abs=0.002)
    blocks = [when - began for _, when in sounded]
    assert blocks == pytest.approx([0.13 + 0.01 * k for k in range(len(blocks))], abs=0.002)
    assert all(when - at <= 0.0101 for at, when in sounded)
