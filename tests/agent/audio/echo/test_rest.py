"""The canceller rests while the speaker is silent, and is there when it sounds again."""

import numpy as np
import pytest

from agent.audio.echo.canceller import FRAME
from agent.audio.echo.stage import EchoStage
from agent.audio.playback import Playback
from agent.events import MICROPHONE_RATE, Audio, Event

pytestmark = pytest.mark.anyio


async def test_it_rests_after_a_second_of_silence_and_works_at_once() -> None:
    stage = EchoStage("cancel", Playback(24000), list[Event]().append)
    canceller = stage._canceller
    assert canceller is not None
    calls: list[bool] = []
    clean = canceller.clean

    def count(near: np.ndarray, far: np.ndarray) -> np.ndarray:
        calls.append(bool(far.any()))
        return clean(near, far)

    canceller.clean = count  # type: ignore[method-assign]
    noise = np.random.default_rng(1).normal(0, 0.01, 5 * MICROPHONE_RATE).astype(np.float32)

    def listen(start: float, seconds: float) -> np.ndarray:
        frames = range(round(seconds * 100))
        heard = [
            stage.clean(Audio(noise[n * FRAME : (n + 1) * FRAME], MICROPHONE_RATE, start + n / 100))
            for n in frames
        ]
        return np.concatenate([each.pcm for blocks in heard for each in blocks])

    passed = listen(10.0, 3.0)
    assert len(calls) == 100
    assert np.array_equal(passed[128:], noise[: len(passed) - 128])  # late, and else as it was
    calls.clear()
    stage._reference.add(Audio(np.full(2400, 0.5, np.float32), 24000, 13.0))
    listen(13.0, 0.05)
    assert any(calls)
