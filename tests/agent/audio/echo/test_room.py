"""Real speech through simulated rooms and bad devices: what is left of the agent, and of the user.

The bars are below what is measured (33 to 40 dB; `python -m bench.echo` measures for longer).
"""

import anyio
import numpy as np
import pytest
import soxr
from numpy.typing import NDArray
from trio.testing import MockClock

from agent.audio.echo.stage import START_BARGE_IN, EchoStage
from agent.audio.playback import Playback
from agent.audio.wav import read_audio
from agent.config.sections import EchoMode, TurnSettings, VadSettings
from agent.events import MICROPHONE_RATE, Event
from agent.turns.detector import TurnDetector
from agent.turns.events import SpeechProgress, SpeechStarted
from agent.turns.vad import WINDOW, SileroVad
from bench.echo_room import RATE, Devices, Heard, Room
from tests.paths import AUDIO

Float32 = NDArray[np.float32]

START = 1.0  # seconds: the agent begins to speak
CONVERGED = START + 1.2

pytestmark = [
    pytest.mark.anyio,
    pytest.mark.long,
    pytest.mark.parametrize(
        "anyio_backend", [("trio", {"clock": MockClock(autojump_threshold=0)})]
    ),
]


def clip(name: str, level: float) -> Float32:
    """A recording at a level in dB of full scale, without the silence before it."""
    pcm, rate = read_audio(AUDIO / f"{name}.wav")
    pcm = soxr.resample(pcm, rate, MICROPHONE_RATE)
    pcm = pcm[np.flatnonzero(np.abs(pcm) > 0.1 * np.abs(pcm).max())[0] :]
    scaled: Float32 = pcm * np.float32(10 ** (level / 20) / np.sqrt(np.mean(pcm**2)))
    return scaled


def agent_speech(seconds: float) -> Float32:
    """Several voices at -20 dB, from `START` on, hardly pausing, at the speaker's rate."""
    names = ("long_request", "dia2_speaker_1", "question_weather", "command_lights")
    speech = np.concatenate([np.pad(clip(name, -20), (0, 3200)) for name in names])
    size = round((seconds - START) * MICROPHONE_RATE)
    speech = np.pad(np.resize(speech, size), (round(START * MICROPHONE_RATE), 0))
    resampled: Float32 = soxr.resample(speech, MICROPHONE_RATE, RATE)
    return resampled


async def play(
    room: Room, mode: EchoMode, seconds: float, user: Float32 | None = None
) -> tuple[Heard, list[Event]]:
    events: list[Event] = []
    playback = Playback(RATE)
    echo = EchoStage(mode, playback, events.append)
    async with anyio.create_task_group() as tasks:
        tasks.start_soon(playback.open(RATE).write, agent_speech(seconds))
        silence = np.zeros(0, np.float32)
        heard = await Devices(room, playback).run(seconds, silence if user is None else user, echo)
        tasks.cancel_scope.cancel()
    return heard, events


async def probabilities(pcm: Float32) -> NDArray[np.float64]:
    vad = SileroVad()
    await vad.load()
    return np.array(await vad.feed(pcm))


def signals(probabilities: NDArray[np.float64], threshold: float) -> list[tuple[float, object]]:
    """What the turn detector makes of it, and when."""
    turns = TurnDetector(VadSettings(), TurnSettings())
    length = WINDOW / MICROPHONE_RATE
    return [
        ((number + 1) * length, signal)
        for number, probability in enumerate(probabilities)
        for signal in turns.update(probability, number * length, (number + 1) * length, threshold)
    ]


ROOMS = {
    "60 ms": Room(),
    "180 ms": Room(delay=0.18),
    "no delay": Room(delay=0.002),
    "-20 dB": Room(level=-20, noise=-80),
    "loud and clipped": Room(level=3, clip=0.4),
    "the speaker tells nothing ahead": Room(ahead=0.0),
    "drift": Room(drift=100, jitter=0.005),
    "drift the other way": Room(drift=-100, jitter=0.02),
}


@pytest.mark.parametrize("name", ROOMS)
async def test_the_echo_goes(name: str) -> None:
    heard, _ = await play(ROOMS[name], "cancel", 9.0)
    erle = heard.erle(CONVERGED, 8.9)
    false = await probabilities(heard.cleaned)
    print(f"{name}: ERLE {erle:.1f} dB, {100 * np.mean(false >= START_BARGE_IN):.1f} % of windows")
    assert erle >= 25
    assert np.mean(false >= START_BARGE_IN) <= 0.01
    assert not [s for _, s in signals(false, START_BARGE_IN) if isinstance(s, SpeechProgress)]
    assert np.mean(await probabilities(heard.microphone) > 0.5) > 0.5  # it had been there


async def test_a_speaker_that_ran_dry_is_found_again() -> None:
    room = Room(dry=((5.0, 0.03), (8.0, 0.2)))
    heard, _ = await play(room, "cancel", 12.0)
    false = await probabilities(heard.cleaned)
    print(f"ERLE {heard.erle(6.5, 8):.1f}, {heard.erle(9.5, 11.9):.1f} dB after the gaps")
    assert heard.erle(6.5, 8.0) > 20
    assert heard.erle(9.5, 11.9) > 20
    assert np.mean(false >= START_BARGE_IN) < 0.02
    assert not [s for _, s in signals(false, START_BARGE_IN) if isinstance(s, SpeechProgress)]


@pytest.mark.parametrize("delay", [0.06, 0.18])
async def test_half_duplex_hears_nothing_while_the_agent_sounds(delay: float) -> None:
    heard, _ = await play(Room(delay=delay), "half_duplex", 7.0)
    spoken = slice(round((START + 0.3) * MICROPHONE_RATE), None)
    assert np.mean(heard.cleaned[spoken] == 0) > 0.9
    assert not np.any(await probabilities(heard.cleaned) > 0.5)


INTERRUPTIONS = ("interruption_question", "interruption_stop", "greeting", "question_capital")


@pytest.mark.parametrize("room", [Room(), Room(delay=0.18)])
async def test_an_interruption_is_heard_over_the_agent(room: Room) -> None:
    seconds, begins = 37.0, 5 + 3.13 * np.arange(10)
    user = np.zeros(round(seconds * MICROPHONE_RATE), np.float32)
    for number, begin in enumerate(begins):
        spoken = clip(INTERRUPTIONS[number % 4], -26)[: 2 * MICROPHONE_RATE]
        start = round(begin * MICROPHONE_RATE)
        user[start : start + len(spoken)] += spoken
    heard, _ = await play(room, "cancel", seconds, user)
    heard_at = [
        time
        for time, signal in signals(await probabilities(heard.cleaned), START_BARGE_IN)
        if isinstance(signal, SpeechStarted)
    ]
    delays = np.array([min((t - b for t in heard_at if t > b), default=99.0) for b in begins])
    print(f"p50 {np.median(delays):.2f} s, {np.mean(delays <= 0.6):.2f} within 0.6 s")
    assert np.mean(delays <= 0.6) >= 0.9


async def test_what_the_user_says_keeps_its_time_and_its_sound() -> None:
    """Before the agent speaks nothing is touched, and nothing is moved, ever."""
    user = np.zeros(3 * MICROPHONE_RATE, np.float32)
    spoken = clip("greeting", -20)[:9600]
    user[3200 : 3200 + len(spoken)] = spoken  # before the agent
    heard, _ = await play(Room(noise=-120), "cancel", 3.0, user)
    part = slice(3200, 3200 + len(spoken))
    np.testing.assert_allclose(heard.cleaned[part], heard.microphone[part], atol=1e-6)
    user = np.zeros(5 * MICROPHONE_RATE, np.float32)
    user[4 * MICROPHONE_RATE :][: len(spoken)] = spoken  # over it
    heard, _ = await play(Room(level=-60), "cancel", 5.0, user)
    part = slice(4 * MICROPHONE_RATE, 4 * MICROPHONE_RATE + len(spoken))
    near, cleaned = heard.microphone[part], heard.cleaned[part]
    correlation = np.fft.irfft(
        np.fft.rfft(cleaned, 32768) * np.conj(np.fft.rfft(near, 32768)), 32768
    )
    lag = int(np.argmax(correlation))
    assert min(lag, 32768 - lag) <= 8  # half a millisecond: AEC3's high-pass filter


@pytest.mark.parametrize(
    ("level", "code"), [(-6.0, "echo.cancel"), (-30.0, "echo.cancel"), (-120.0, "echo.off")]
)
async def test_auto_measures(level: float, code: str) -> None:
    _, events = await play(Room(level=level), "auto", 8.0)
    assert [event.record()["code"] for event in events] == [code]
    if code == "echo.cancel":
        assert events[0].record()["level_db"] == pytest.approx(level, abs=4)


async def test_auto_is_not_misled_by_a_user_who_talks_all_the_time() -> None:
    user = np.resize(clip("long_request", -26), 10 * MICROPHONE_RATE)
    _, events = await play(Room(level=-12), "auto", 10.0, user)
    assert [event.record()["code"] for event in events] == ["echo.cancel"]


@pytest.mark.parametrize("noise", [-65.0, -50.0])
@pytest.mark.parametrize("begin", [1.6, 4.0])
async def test_who_wears_headphones_is_heard_from_the_beginning(noise: float, begin: float) -> None:
    """Nothing has been measured yet, and there is no echo that a filter could learn from."""
    user = np.zeros(7 * MICROPHONE_RATE, np.float32)
    spoken = clip("interruption_question", -26)[: 2 * MICROPHONE_RATE]
    start = round(begin * MICROPHONE_RATE)
    user[start : start + len(spoken)] = spoken
    heard, _ = await play(Room(level=-90, noise=noise), "auto", 7.0, user)
    insisted = [
        time - begin
        for time, signal in signals(await probabilities(heard.cleaned), START_BARGE_IN)
        if isinstance(signal, SpeechProgress)
    ]
    assert 0.2 < insisted[0] < 0.45
