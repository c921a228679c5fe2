"""Steady noise is learnt, and is no voice; a voice over it is."""

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from agent.audio.wav import read_audio
from agent.turns.steady_noise import KEPT, LEARNT, SILENCE, SILENT, SteadyNoise, _spectra
from agent.turns.vad import WINDOW

Sound = NDArray[np.float32]

AUDIO = Path(__file__).parents[2] / "audio"
RATE = 16000
AT_ONCE = 6
"""Windows (0.19 s) after which a new noise is no voice: sooner than anything stops the agent."""


def seconds(length: float) -> int:
    return round(length * RATE)


def level(sound: NDArray[np.float64], decibels: float) -> Sound:
    return np.asarray(sound / sound.std() * 10 ** (decibels / 20), np.float32)


def hum(size: int, decibels: float = -36, hertz: float = 120) -> Sound:
    time = np.arange(size) / RATE
    sound = sum(k**-0.5 * np.sin(2 * np.pi * k * hertz * time + k * k) for k in range(1, 13))
    return level(np.asarray(sound), decibels)


def hiss(size: int, decibels: float = -36) -> Sound:
    return level(np.random.default_rng(1).standard_normal(size), decibels)


def fan(size: int, decibels: float = -36) -> Sound:
    return hum(size, decibels) + hiss(size, decibels - 15)


def quiet(size: int) -> Sound:
    return level(np.random.default_rng(2).standard_normal(size), -70)


def speech(name: str, decibels: float) -> Sound:
    pcm, rate = read_audio(AUDIO / f"{name}.wav")
    assert rate == RATE
    loud = np.abs(pcm) > 0.1 * np.abs(pcm).max()
    return np.asarray(pcm / pcm[loud].std() * 10 ** (decibels / 20), np.float32)


def louder_than(pcm: Sound, decibels: float) -> NDArray[np.bool_]:
    windows = pcm[: len(pcm) // WINDOW * WINDOW].reshape(-1, WINDOW)
    return np.asarray(windows.std(axis=1) > 10 ** (decibels / 20))


def heard(noise: SteadyNoise, pcm: Sound) -> NDArray[np.bool_]:
    return np.array(noise.hear(pcm[: len(pcm) // WINDOW * WINDOW]))


@pytest.mark.parametrize("make", [hum, fan])
@pytest.mark.parametrize("decibels", [-26, -36, -46])
def test_a_noise_that_is_switched_on_is_known_within_a_fifth_of_a_second(
    make: Callable[[int, float], Sound], decibels: float
) -> None:
    noise = SteadyNoise()
    assert not heard(noise, quiet(seconds(1))).any()
    on = heard(noise, make(seconds(4), decibels))
    assert on[AT_ONCE:].all()


@pytest.mark.parametrize("make", [hum, fan])
def test_it_is_known_again_when_it_comes_back(make: Callable[[int], Sound]) -> None:
    noise = SteadyNoise()
    heard(noise, make(LEARNT * WINDOW))
    for _ in range(3):
        assert not heard(noise, quiet(seconds(0.7))).any()
        assert heard(noise, make(seconds(0.5)))[3:].all()


def test_when_something_else_is_heard_the_noise_is_known_still() -> None:
    noise = SteadyNoise()
    heard(noise, hum(seconds(1)))
    for other in range(KEPT - 1):
        heard(noise, hum(seconds(1), hertz=300 * 1.7**other))
    assert heard(noise, hum(10 * WINDOW))[2:].all()
    for other in range(KEPT):
        heard(noise, hum(seconds(1), hertz=300 * 1.7**other))
    assert not heard(noise, hum(3 * WINDOW)).any()  # that was one too many


@pytest.mark.parametrize("name", ["long_request", "question_weather", "command_lights"])
def test_hardly_a_window_of_speech_is_taken_for_noise(name: str) -> None:
    voice = speech(name, -26)
    taken = heard(SteadyNoise(), voice)
    assert taken[louder_than(voice, -46)].mean() < 0.01


@pytest.mark.parametrize("make", [hum, fan])
@pytest.mark.parametrize("name", ["interruption_stop", "interruption_question", "command_timer"])
def test_a_voice_over_it_is_heard(make: Callable[[int], Sound], name: str) -> None:
    """5 dB louder than the noise: nearly all of it that is louder is left."""
    noise = SteadyNoise()
    heard(noise, make(seconds(2)))
    voice = speech(name, -36 + 5)
    over = heard(noise, make(len(voice)) + voice)
    assert over[louder_than(voice, -36)].mean() < 0.15


def test_neither_silence_nor_an_offset_is_a_noise() -> None:
    noise = SteadyNoise()
    assert not heard(noise, np.zeros(seconds(1), np.float32)).any()
    assert not heard(noise, quiet(seconds(1))).any()
    assert not heard(noise, np.full(seconds(1), 0.5, np.float32)).any()


def test_it_does_not_matter_in_what_blocks_it_comes() -> None:
    pcm = np.concatenate([quiet(seconds(0.5)), hum(seconds(1)), hiss(seconds(1))])
    pcm = pcm[: len(pcm) // WINDOW * WINDOW]
    noise = SteadyNoise()
    one_by_one = [judged for window in pcm.reshape(-1, WINDOW) for judged in noise.hear(window)]
    assert SteadyNoise().hear(pcm) == one_by_one


def test_only_whole_windows_are_judged() -> None:
    noise = SteadyNoise()
    assert noise.hear(np.zeros(0, np.float32)) == []
    assert noise.hear(hum(WINDOW - 1)) == []
    assert len(noise.hear(hum(3 * WINDOW + 7))) == 3


@pytest.mark.parametrize("hertz", [0, 62.5, 100, 130, 1000, 5050, 7800])
def test_no_window_of_samples_that_small_reaches_the_level_of_a_noise(hertz: float) -> None:
    time = np.arange(WINDOW * 50) / RATE
    tone = SILENT * np.cos(2 * np.pi * hertz * time)
    square = SILENT * np.sign(np.cos(2 * np.pi * hertz * time) + 1e-9)
    for sound in (tone, square):
        assert _spectra(sound.astype(np.float32)).max() < SILENCE
