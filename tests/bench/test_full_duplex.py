"""The measuring of `bench.duplex`: rooms, recordings and scores, before anything is measured."""

import numpy as np
import pytest

from bench.full_duplex.listening import stretches
from bench.full_duplex.room import BLOCK, Room
from bench.full_duplex.scenes import EchoPath, Scene, turns
from bench.full_duplex.score import replies
from bench.full_duplex.voices import RATE, Clip, Float32, fluent, pausing, speak

pytestmark = pytest.mark.anyio

TEXT = "The road along the river leads to a large bridge made of stone."


def silent(seconds: float) -> Float32:
    return np.zeros(round(seconds * RATE), np.float32)


@pytest.fixture(scope="module")
def clip() -> Clip:
    return fluent(speak(TEXT, "slt", level=-20))


def test_a_pause_is_where_it_was_wanted_and_as_long() -> None:
    whole = speak("I need a recipe with chicken.", "rms")
    paused = pausing("I need a recipe with | chicken.", "rms", [0.7])
    assert paused.text == whole.text
    assert paused.words[5].start - paused.words[4].end == pytest.approx(
        whole.words[5].start - whole.words[4].end + 0.7
    )
    assert len(paused.pcm) == len(whole.pcm) + round(0.7 * RATE)
    at = round((paused.words[4].end + 0.01) * RATE)
    assert not paused.pcm[at : at + round(0.68 * RATE)].any()


def test_words_follow_each_other_through_the_clip(clip: Clip) -> None:
    assert clip.text == TEXT
    times = [time for word in clip.words for time in (word.start, word.end)]
    assert times == sorted(times)
    assert times[-1] <= len(clip.pcm) / RATE
    assert 0 <= clip.begin < 0.1


def test_a_recording_is_read_to_the_sample(clip: Clip) -> None:
    """Stopped, taken up a little earlier, ducked, and stopped again."""
    first, ducked = clip.pcm[:20000], clip.pcm[19000:40000] * np.float32(0.125)
    recording = np.concatenate([silent(1), first, silent(0.5), ducked, silent(1)])
    one, two = stretches(recording, [speak("Another one.", "awb"), clip])
    assert one.clip is two.clip is clip
    assert one.start - one.position == RATE
    assert one.position + one.length == pytest.approx(20000, abs=2)
    assert two.start - two.position == RATE + 20000 + RATE // 2 - 19000
    assert two.position + two.length == pytest.approx(40000, abs=80)
    assert one.gains == pytest.approx(1)
    assert two.gains == pytest.approx(0.125)
    assert replies([one, two]) == [(clip, two.position + two.length)]


def test_a_recording_from_a_sound_card_is_read_too(clip: Clip) -> None:
    """Half a sample late, and not quite silent."""
    late = np.fft.irfft(
        np.fft.rfft(clip.pcm) * np.exp(-1j * np.pi * np.fft.rfftfreq(len(clip.pcm))),
        len(clip.pcm),
    )
    hiss = 1e-4 * np.random.default_rng(0).standard_normal(3 * RATE)
    recording = np.concatenate([silent(1), late[: 2 * RATE]]) + hiss
    (stretch,) = stretches(recording.astype(np.float32), [clip], exact=False)
    assert stretch.start - stretch.position == pytest.approx(RATE, abs=16)
    assert stretch.length == pytest.approx(2 * RATE, abs=RATE // 50)


def test_the_gain_tells_when_it_was_ducked(clip: Clip) -> None:
    gains = np.where(np.arange(len(clip.pcm)) < RATE, 1, 0.125).astype(np.float32)
    (stretch,) = stretches(np.concatenate([silent(0.5), clip.pcm * gains]), [clip])
    assert stretch.quieter_than(0.5, after=0) == pytest.approx(1.5, abs=0.006)
    assert stretch.quieter_than(0.05, after=0) is None


async def test_the_echo_is_as_late_and_as_soft_as_it_should_be() -> None:
    path = EchoPath(0.06, -6)
    room = Room(Scene("turn", "echo", (), ()), path)
    noise = 0.1 * np.random.default_rng(0).standard_normal(2 * RATE).astype(np.float32)
    room.hear(noise, room.began + 1)
    heard = np.concatenate([room.listen(at) for at in range(0, 4 * RATE, BLOCK)])
    before = heard[: round(1.059 * RATE)]
    after = heard[round(1.06 * RATE) + RATE // 2 : 3 * RATE]
    assert np.std(before) < 0.001
    assert 20 * np.log10(np.std(after) / np.std(noise)) == pytest.approx(-6, abs=0.5)
    assert np.std(heard[round(3.5 * RATE) :]) < 0.001


async def test_an_act_waits_for_the_agent() -> None:
    (scene, *_) = turns()
    act = scene.acts[0]
    waiting = type(act)(act.sound, 1.0, in_reply=True)
    room = Room(Scene("turn", "waiting", (act, waiting), ()), None)
    for at in range(0, 6 * RATE, BLOCK):
        if at == 4 * RATE:
            assert [placed.time for placed in room.placed] == [pytest.approx(act.at, abs=0.02)]
            room.hear(np.full(BLOCK, 0.1, np.float32), room.began + 4)
        room.listen(at)
    assert room.placed[1].time == pytest.approx(5.0, abs=0.02)
    assert not room.over(6 * RATE)
    assert room.over(12 * RATE)
