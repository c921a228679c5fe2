"""Several channels become one, and the voice in them stays, live and in files."""

import wave
from pathlib import Path

import anyio
import numpy as np
import pytest
from numpy.typing import NDArray

from agent.audio.channels import ChannelMixer
from agent.audio.files import WavMicrophone
from agent.audio.microphone import DeviceMicrophone
from agent.audio.wav import read_audio
from agent.config.sections import MicrophoneSettings
from agent.graph import Graph
from tests.paths import AUDIO
from tests.soundcards import Reports, SoundCards

pytestmark = pytest.mark.anyio

RATE = 16000
Float32 = NDArray[np.float32]


def speech() -> Float32:
    return read_audio(AUDIO / "question_capital.wav")[0]


def noise(length: int, channels: int, level: float = 1e-4) -> NDArray[np.float64]:
    return level * np.random.default_rng(3).standard_normal((length, channels))


def mix(pcm: NDArray[np.float64], block: int = 160) -> Float32:
    mixer = ChannelMixer(RATE)
    return np.concatenate([mixer.mix(pcm[i : i + block]) for i in range(0, len(pcm), block)])


def likeness(heard: Float32, voice: Float32) -> float:
    """How much of `heard` is the voice, whichever way round: 1 is all."""
    return abs(float(np.corrcoef(heard, voice)[0, 1]))


def level(pcm: Float32) -> float:
    return float(np.sqrt(np.mean(np.square(pcm))))


VOICE = speech()

ARRAYS = {
    "in phase": [1, 1],
    "out of phase": [1, -1],
    "out of phase, one softer": [1, -0.6],
    "left only": [1, 0],
    "right only": [0, 1],
    "one of eight": [0, 1, 0, 0, 0, 0, 0, 0],
    "out of phase in fours": [1, -1, 1, -1],
    "an array": [0.9, 1, 1, 0.9],
}


@pytest.mark.parametrize("block", [1, 37, 160, 16000, len(VOICE)])
@pytest.mark.parametrize("gains", ARRAYS.values(), ids=ARRAYS)
def test_no_voice_is_lost(gains: list[float], block: int) -> None:
    pcm = VOICE[:, None] * np.array(gains) + noise(len(VOICE), len(gains))
    heard = mix(pcm, block)
    assert likeness(heard, VOICE) > 0.97
    assert level(heard) > 0.4 * level(VOICE)  # 6 dB less, from one of two, is what it always was


@pytest.mark.parametrize("hum", [50.0, 120.0])
def test_a_hum_that_all_channels_share_does_not_decide(hum: float) -> None:
    pcm = VOICE[:, None] * np.array([1, -1]) + noise(len(VOICE), 2)
    pcm += 0.2 * np.sin(2 * np.pi * hum * np.arange(len(VOICE)) / RATE)[:, None]
    assert likeness(mix(pcm), VOICE) > 0.9


def test_a_loud_fan_beside_one_of_many_microphones_is_not_the_best() -> None:
    pcm = VOICE[:, None] * np.array([1, 1, 0, 1]) + noise(len(VOICE), 4, 1e-3)
    pcm[:, 2] += noise(len(VOICE), 1, 0.1)[:, 0]
    assert likeness(mix(pcm), VOICE) > 0.9


def test_two_talkers_on_two_channels_are_both_heard() -> None:
    silence = np.zeros_like(VOICE)
    pcm = np.stack([np.append(VOICE, silence), np.append(silence, VOICE)], 1).astype(np.float64)
    heard = mix(pcm)
    first, second = heard[: len(VOICE)], heard[len(VOICE) :]
    assert level(first) == pytest.approx(level(second), rel=0.01)
    assert min(likeness(first, VOICE), likeness(second, VOICE)) > 0.97


def test_a_change_does_not_click() -> None:
    time = np.arange(RATE) / RATE
    tone = 0.5 * np.sin(2 * np.pi * 300 * time)
    pcm = np.concatenate((np.stack([tone, tone], 1), np.stack([tone, -tone], 1)))
    heard = mix(pcm)
    assert np.abs(np.diff(heard)).max() < 0.15


def write(path: Path, pcm: NDArray[np.float64], rate: int = RATE) -> Path:
    with wave.open(str(path), "wb") as file:
        file.setnchannels(pcm.shape[1])
        file.setsampwidth(2)
        file.setframerate(rate)
        file.writeframes(np.rint(np.clip(pcm, -1, 1) * 32767).astype("<i2").tobytes())
    return path


async def test_a_file_out_of_phase_is_heard(tmp_path: Path) -> None:
    pcm = VOICE[:, None] * np.array([1, -1]) + noise(len(VOICE), 2)
    path = write(tmp_path / "antiphase.wav", pcm)
    assert likeness(read_audio(path)[0], VOICE) > 0.99
    microphone = WavMicrophone(path, silence=0.0)
    assert likeness(np.concatenate([*microphone._pieces(160)]), VOICE) > 0.99


async def test_a_stereo_microphone_out_of_phase_is_heard(soundcards: SoundCards) -> None:
    """The sound server would mix it down to nothing, if it were asked for one channel."""
    soundcards.microphone.unplug()
    soundcards.microphone.channels = 2
    soundcards.microphone.plug()
    heard = []
    with anyio.fail_after(20):
        microphone = DeviceMicrophone(MicrophoneSettings(latency=0.2), Reports())
        async with Graph(microphone).open(buffer=5000) as (_, blocks):
            heard.append(await blocks.receive())
            await soundcards.microphone.play(np.stack([VOICE, -VOICE], 1), RATE)
            while blocks.statistics().current_buffer_used:
                heard.append(blocks.receive_nowait())
    pcm = np.concatenate([block.pcm for block in heard])
    assert np.abs(pcm).max() > 0.5 * np.abs(VOICE).max()
