import numpy as np
import pytest

from agent.audio.echo.activity import ROOM, PlaybackActivity
from agent.events import Audio


def sound(time: float, seconds: float, level: float = 0.1) -> Audio:
    return Audio(np.full(round(seconds * 16000), level, np.float32), 16000, time)


def test_silence_is_no_sound() -> None:
    activity = PlaybackActivity()
    activity.add(sound(1.0, 1.0, 1e-4))
    activity.add(Audio(np.zeros(0, np.float32), 16000, 2.0))
    assert activity.started(1.5) is None


def test_from_the_first_sample_until_the_room_is_still() -> None:
    activity = PlaybackActivity()
    activity.add(sound(1.0, 1.0))
    assert activity.started(0.99) is None
    assert (
        activity.started(1.0) == activity.started(1.9) == activity.started(2.0 + ROOM - 0.01) == 1.0
    )
    assert activity.started(2.0 + ROOM + 0.01) is None


def test_a_short_pause_is_part_of_it_and_a_long_one_is_not() -> None:
    activity = PlaybackActivity()
    for time in (1.0, 1.1 + 0.8 * ROOM, 2.0):
        activity.add(sound(time, 0.1))
    assert activity.started(1.1 + 0.8 * ROOM) == 1.0
    assert activity.started(1.9) is None
    assert activity.started(2.05) == 2.0


def test_within_a_block_it_is_exact_to_10_ms() -> None:
    activity = PlaybackActivity()
    pcm = np.zeros(16000, np.float32)
    pcm[8000:8100] = 0.5
    activity.add(Audio(pcm, 16000, 10.0))
    assert activity.started(10.49) is None
    assert activity.started(10.5) == pytest.approx(10.5)
    assert activity.started(10.51 + ROOM + 0.001) is None
