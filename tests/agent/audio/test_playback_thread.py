import sys
from collections.abc import Iterator
from threading import Event, Thread

import anyio
import anyio.lowlevel
import numpy as np
import pytest
from numpy.typing import NDArray

from agent.audio.playback import Playback

pytestmark = pytest.mark.anyio

RATE = 48000


@pytest.fixture
def eager_threads() -> Iterator[None]:
    interval = sys.getswitchinterval()
    sys.setswitchinterval(1e-5)
    yield
    sys.setswitchinterval(interval)


class CallbackThread:
    """A driver in a thread of its own, as fast as it can, as a sound card would call."""

    def __init__(self, playback: Playback) -> None:
        self.blocks: list[NDArray[np.float32]] = []
        self._playback = playback
        self._done = Event()
        self._thread = Thread(target=self._run)
        self._thread.start()

    def _run(self) -> None:
        when = 0.0
        while not self._done.is_set():
            out = np.empty(64, np.float32)
            self._playback.render(out, when)
            self.blocks.append(out)
            when += 64 / RATE

    def join(self) -> NDArray[np.float32]:
        self._done.set()
        self._thread.join()
        return np.concatenate(self.blocks)


@pytest.mark.usefixtures("eager_threads")
async def test_played_is_exact_against_a_thread() -> None:
    ramp = (np.arange(RATE) / RATE).astype(np.float32)
    cut_short = 0
    for turn in range(1000):
        if turn >= 40 and cut_short:  # on a busy machine the driver may often play all of it
            break
        playback = Playback(RATE, prebuffer=0.001)
        track = playback.open(RATE)
        await track.write(ramp)
        driver = CallbackThread(playback)
        while track.played < 100:  # past the fade in, which would disturb the ramp
            await anyio.lowlevel.checkpoint()
        for _ in range(turn % 40):
            await anyio.lowlevel.checkpoint()
        track.stop()
        played = track.played
        out = driver.join()
        assert track.played == played
        cut_short += played < RATE
        heard = np.argmax(out)  # where the ramp was cut, or ended
        assert round(float(out[heard]) * RATE) == played - 1
    assert cut_short > 0
