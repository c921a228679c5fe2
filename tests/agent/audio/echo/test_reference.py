import numpy as np
import pytest
from numpy.typing import NDArray

from agent.audio.echo.reference import Reference
from agent.audio.echo.timeline import Framer, Timeline
from agent.events import MICROPHONE_RATE, Audio

FRAME = 160


def blocks(
    seconds: float, rate: int = MICROPHONE_RATE, start: float = 5.0, size: float = 0.02
) -> list[Audio]:
    """A tone of 300 Hz whose phase is zero at time zero."""
    count = round(size * rate)
    return [
        Audio(tone(time + np.arange(count) / rate), rate, float(time))
        for time in start + np.arange(round(seconds / size)) * count / rate
    ]


def tone(times: NDArray[np.float64], hertz: float = 300) -> NDArray[np.float32]:
    return np.sin(2 * np.pi * hertz * times).astype(np.float32)


@pytest.mark.parametrize("rate", [16000, 24000, 44100, 48000])
def test_it_is_read_by_the_time_and_leads(rate: int) -> None:
    reference = Reference()
    for block in blocks(1.0, rate):
        reference.add(block)
    time = 5.3
    first, follows = reference.read(time, FRAME)
    assert not follows
    lead = 0.04
    for number in range(40):
        pcm, follows = reference.read(time + (number + 1) * 0.01, FRAME)
        assert follows
        expected = tone(time + lead + (number + 1) * 0.01 + np.arange(FRAME) / MICROPHONE_RATE)
        np.testing.assert_allclose(pcm, expected, atol=0.02)
    np.testing.assert_allclose(first, tone(time + lead + np.arange(FRAME) / 16000), atol=0.02)


def test_nothing_is_waited_for_when_nothing_plays() -> None:
    reference = Reference()
    assert reference.covers(3.0, 0.01)
    pcm, follows = reference.read(3.0, FRAME)
    assert follows
    assert not pcm.any()


def test_it_makes_do_with_less_lead_and_then_with_silence() -> None:
    reference = Reference()
    for block in blocks(1.0):
        reference.add(block)
    assert reference.covers(5.94, 0.01)
    assert not reference.covers(5.965, 0.01)
    reference.shorten_lead()
    assert reference.covers(5.965, 0.01)
    assert not reference.covers(5.989, 0.01)
    reference.shorten_lead()
    assert reference.covers(5.989, 0.01)
    assert not reference.covers(6.5, 0.01)
    reference.shorten_lead()
    assert reference.covers(6.5, 0.01)
    assert not reference.read(6.5, FRAME)[0].any()
    reference.add(Audio(np.ones(320, np.float32), MICROPHONE_RATE, 6.5))  # it plays again
    assert not reference.covers(6.5, 0.01)  # and is expected to tell ahead
    assert not reference.read(6.45, FRAME)[1]


@pytest.mark.parametrize("ppm", [100, -100, 500])
def test_drift_is_followed_without_a_break(ppm: float) -> None:
    """The speaker plays `ppm` more samples a second than it says; the time stamps tell."""
    reference = Reference()
    pace = 1 + ppm * 1e-6
    times = np.arange(FRAME) / MICROPHONE_RATE
    read = []
    for number in range(6000):
        time = 5 + number * 0.01 / pace
        reference.add(Audio(tone(time + times / pace, 50), MICROPHONE_RATE, time))
        if number >= 20:
            pcm, follows = reference.read(5 + number * 0.01 - 0.2, FRAME)
            assert follows == (number > 20)
            read.append(pcm)
    pcm = np.concatenate(read)
    assert np.abs(np.diff(pcm)).max() < 1.1 * 2 * np.pi * 50 / MICROPHONE_RATE  # never a jump
    expected = tone(5 + 0.04 + np.arange(len(pcm)) / MICROPHONE_RATE, 50)
    late = np.abs(pcm - expected)[-16000:].max() / (2 * np.pi * 50)
    assert late < 0.002  # seconds; without following it would be 6 to 30 ms by now


def test_a_gap_starts_a_new_timeline_and_late_stamps_do_not() -> None:
    timeline = Timeline()
    random = np.random.default_rng(1)
    for number, block in enumerate(blocks(2.0)):
        assert block.time is not None
        late = Audio(block.pcm, block.sample_rate, block.time + random.uniform(0, 0.02))
        assert timeline.add(late)[1] == (number == 0)
    assert timeline.time(timeline.end) == pytest.approx(7.0, abs=0.01)
    assert timeline.position(timeline.time(1234.0)) == pytest.approx(1234.0)
    assert timeline.add(Audio(np.zeros(320, np.float32), MICROPHONE_RATE, 9.0))[1]
    assert timeline.time(timeline.end) == pytest.approx(9.02)


def test_a_device_that_stays_late_has_slipped() -> None:
    timeline = Timeline()
    for block in blocks(1.0):
        timeline.add(block)
    gaps = [
        timeline.add(Audio(block.pcm, block.sample_rate, (block.time or 0) + 0.05))[1]
        for block in blocks(1.0, start=6.0)
    ]
    assert sum(gaps) == 1
    assert gaps.index(True) <= 16  # 0.3 s
    assert timeline.time(timeline.end) == pytest.approx(7.05, abs=0.001)


@pytest.mark.parametrize("rate", [8000, 16000, 48000])
@pytest.mark.parametrize("size", [0.003, 0.01, 0.0137, 0.5])
def test_frames_of_equal_length_each_with_its_time(rate: int, size: float) -> None:
    frames = Framer(FRAME)
    found = [frame for block in blocks(1.0, rate, size=size) for frame in frames.add(block)]
    assert len(found) >= 92
    for number, (time, pcm) in enumerate(found):
        assert len(pcm) == FRAME
        assert time == pytest.approx(5 + number * 0.01, abs=1e-6)
        if 1 < number < 90:
            expected = tone(time + np.arange(FRAME) / MICROPHONE_RATE)
            np.testing.assert_allclose(pcm, expected, atol=0.02)


def test_a_gap_in_the_microphone_moves_the_frames_with_it() -> None:
    frames = Framer(FRAME)
    frames.add(Audio(np.ones(250, np.float32), MICROPHONE_RATE, 1.0))
    [(time, pcm)] = frames.add(Audio(np.zeros(200, np.float32), MICROPHONE_RATE, 2.0))
    assert time == 2.0
    assert not pcm.any()  # the 90 samples from before the gap are not in it
