"""Samples that are none: what comes in is made sound, and what has heard it recovers."""

from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays
from numpy.typing import NDArray

from agent.audio.echo.canceller import FRAME, EchoCanceller
from agent.audio.echo.timeline import Timeline
from agent.audio.inlet import Inlet
from agent.audio.wav import read_audio
from agent.errors import StageError
from agent.events import Audio, Event
from agent.graph import Graph, each
from agent.guards.audio import SampleGuard
from agent.turns.vad import SileroVad
from tests.paths import AUDIO

pytestmark = pytest.mark.anyio

Float32 = NDArray[np.float32]

RATE = 16000


def voice(seconds: float = 0.1, level: float = 0.1) -> Float32:
    noise = np.random.default_rng(0).standard_normal(round(seconds * RATE))
    return np.clip(level * noise, -1, 1).astype(np.float32)


class Guarded:
    """A guard, and what it has told."""

    def __init__(self) -> None:
        self.told: list[str] = []
        self.guard = SampleGuard(self.told.append)

    def __call__(self, pcm: Any) -> Float32:
        return self.guard(pcm)


def test_sound_samples_pass_as_they_are() -> None:
    guarded = Guarded()
    for pcm in (voice(), np.zeros(0, np.float32), np.array([-1, 1, 0], np.float32)):
        assert guarded(pcm) is pcm
    assert guarded.told == []


@pytest.mark.parametrize("bad", [np.nan, np.inf, -np.inf])
def test_what_is_no_number_is_silence_and_told_once(bad: float) -> None:
    guarded = Guarded()
    pcm = voice()
    pcm[[3, 700]] = bad
    for _ in range(3):
        heard = guarded(pcm)
        assert heard[3] == heard[700] == 0
        assert np.array_equal(np.delete(heard, [3, 700]), np.delete(pcm, [3, 700]))
    (told,) = guarded.told
    assert "NaN" in told


@pytest.mark.parametrize("bad", [100.0, 1e30, -3e38])
def test_what_is_huge_is_clipped_and_told_once(bad: float) -> None:
    guarded = Guarded()
    pcm = voice()
    pcm[3] = bad
    for _ in range(3):
        assert guarded(pcm)[3] == np.sign(bad)
        assert np.array_equal(guarded(voice()), voice())
    (told,) = guarded.told
    assert "too loud" in told


def test_a_double_beyond_float32_is_no_number() -> None:
    guarded = Guarded()
    assert np.array_equal(guarded(np.array([0.5, 1e300])), np.array([0.5, 0], np.float32))


def test_a_little_overshoot_is_clipped_silently() -> None:
    guarded = Guarded()
    assert guarded(np.array([1.4, -1.2, 0.3], np.float32)).tolist() == [1, -1, np.float32(0.3)]
    assert guarded.told == []


def test_the_scale_of_16_bits_is_recognised_and_kept_through_silence() -> None:
    guarded = Guarded()
    for _ in range(3):
        speech = guarded(np.rint(voice() * 32768))
        assert np.abs(speech - voice()).max() <= 1 / 32768
        assert np.abs(guarded(np.rint(voice(2.0, level=0.5)))).max() < 1e-4  # its last bit
    (told,) = guarded.told
    assert "16 bits" in told


def test_a_wild_block_leaves_nobody_deaf() -> None:
    guarded = Guarded()
    guarded(np.full(320, 100.0, np.float32))
    for _ in range(12):
        heard = guarded(voice())
    assert np.array_equal(heard, voice())


@given(arrays.arrays(np.float64, st.integers(0, 50), elements=st.floats(width=64)))
def test_whatever_comes_in_samples_come_out(pcm: NDArray[np.float64]) -> None:
    heard = Guarded()(pcm)
    assert heard.dtype == np.float32
    assert heard.shape == pcm.shape
    assert np.isfinite(heard).all()
    assert np.abs(heard).max(initial=0) <= 1


SILENCE = np.zeros(320, np.float32)


@pytest.mark.parametrize(
    ("block", "field"),
    [
        ((SILENCE.reshape(1, -1), RATE), r"Audio\.pcm: the shape is \(1, 320\)"),
        ((np.float32(0), RATE), r"Audio\.pcm: the shape is \(\)"),
        ((SILENCE.astype(np.int16), RATE), r"Audio\.pcm: the type is int16"),
        ((SILENCE.astype(complex), RATE), r"Audio\.pcm: the type is complex128"),
        ((SILENCE, 0), r"Audio\.sample_rate is 0"),
        ((SILENCE, -8000), r"Audio\.sample_rate is -8000"),
        ((SILENCE, np.nan), r"Audio\.sample_rate is nan"),
        ((SILENCE, RATE, np.nan), r"Audio\.time is nan"),
        ((SILENCE, RATE, np.inf), r"Audio\.time is inf"),
    ],
)
async def test_a_block_that_is_none_names_its_maker(block: tuple[Any, ...], field: str) -> None:
    async def loudspeaker(_: Any, send: Any, /) -> None:
        await send.send(Audio(*block))

    with pytest.raises(StageError, match=f"^loudspeaker: {field}"):
        await Graph(loudspeaker).run()


def test_any_float_is_converted() -> None:
    doubles: Any = np.zeros(3)
    assert Audio(doubles, RATE).pcm.dtype == np.float32


@pytest.mark.parametrize("bad", [np.nan, np.inf, 1e30, 3e38, 100.0])
@pytest.mark.parametrize("where", ["near", "far"])
def test_the_echo_canceller_recovers(bad: float, where: str) -> None:
    canceller = EchoCanceller()
    noise = np.random.default_rng(1).standard_normal((2, 300, FRAME)).astype(np.float32) * 0.1
    near, far = noise
    far[150:] = 0  # the agent falls silent, and the user is to be heard
    (near if where == "near" else far)[50, 10] = bad
    cleaned = [canceller.clean(n, f) for n, f in zip(near, far, strict=True)]
    assert np.isfinite(np.concatenate(cleaned[60:])).all()
    assert 0.05 < np.sqrt(np.mean(np.square(cleaned[-50:]))) < 0.2


@pytest.mark.parametrize("bad", [np.nan, np.inf, 3e38])
def test_a_timeline_passes_on_what_is_finite(bad: float) -> None:
    timeline = Timeline()
    heard = []
    for number in range(20):
        pcm = np.full(480, 0.1, np.float32)
        if number == 5:
            pcm[7] = bad
        heard.append(timeline.add(Audio(pcm, 48000, number * 0.01))[0])
    assert np.isfinite(np.concatenate(heard)).all()
    assert heard[-1] == pytest.approx(0.1, abs=1e-3)


@pytest.mark.parametrize("anyio_backend", ["asyncio"])
async def test_the_voice_detector_recovers() -> None:
    vad = SileroVad()
    await vad.load()
    clean = read_audio(AUDIO / "question_capital.wav")[0]
    await vad.feed(np.full(1024, np.nan, np.float32))
    await vad.feed(np.zeros(1024, np.float32))
    probabilities = await vad.feed(clean)
    assert max(probabilities) > 0.9


async def test_a_microphones_bad_samples_are_told_once_and_stop_here() -> None:
    told: list[Event] = []

    async def microphone(_: Any, send: Any, /) -> None:
        for _block in range(3):
            await send.send(Audio(np.array([0.1, np.nan, 0.2]), RATE))

    inlet = Inlet(told.append)
    async with (
        Graph(microphone).then(each(lambda block: [inlet.guard(block)])).open() as (_, heard)
    ):
        blocks = [block.pcm async for block in heard]
    assert np.array_equal(blocks, np.array([[0.1, 0, 0.2]] * 3, np.float32))
    assert [event.record()["code"] for event in told] == ["microphone.samples"]
