"""The canceller rests while room and speaker are silent, and forgets nothing by it."""

import numpy as np
import pytest
from numpy.typing import NDArray

from agent.audio.echo.canceller import DELAY, FRAME
from agent.audio.echo.stage import EchoStage
from agent.audio.playback import Playback
from agent.events import MICROPHONE_RATE, Audio, Event

pytestmark = pytest.mark.anyio

BLOCK = 10 * FRAME


class Room:
    """An echo stage, and how often its canceller is asked and forgets."""

    def __init__(self) -> None:
        self.stage = EchoStage("cancel", Playback(24000), list[Event]().append)
        canceller = self.stage._canceller
        assert canceller is not None
        self.frames = self.resets = 0
        clean, reset = canceller.clean, canceller.reset

        def counted(near: NDArray[np.float32], far: NDArray[np.float32]) -> NDArray[np.float32]:
            self.frames += 1
            return clean(near, far)

        def forget() -> None:
            self.resets += 1
            reset()

        canceller.clean, canceller.reset = counted, forget  # type: ignore[method-assign]

    def listen(self, level: float, start: float, seconds: float) -> NDArray[np.float32]:
        """Hear noise of `level` dBFS; what is passed on."""
        count = round(seconds * MICROPHONE_RATE)
        noise = np.random.default_rng(1).normal(0, 10 ** (level / 20), count).astype(np.float32)
        self.heard = noise
        passed = [
            self.stage.clean(
                Audio(noise[at : at + BLOCK], MICROPHONE_RATE, start + at / MICROPHONE_RATE)
            )
            for at in range(0, count, BLOCK)
        ]
        return np.concatenate([each.pcm for blocks in passed for each in blocks])

    def play(self, level: float, start: float, seconds: float) -> None:
        """The speaker plays a steady sound of that sample value, or silence."""
        for n in range(round(seconds * 50)):
            block = np.full(480, level, np.float32)
            self.stage._reference.add(Audio(block, 24000, start + n / 50))


async def test_it_rests_in_quiet_and_passes_everything_on() -> None:
    room = Room()
    room.listen(-62, 10.0, 3.0)
    assert room.frames <= 110
    room.frames = 0
    passed = room.listen(-62, 13.0, 10.0)
    assert room.frames == 0
    assert np.array_equal(passed[DELAY:], room.heard[:-DELAY])


async def test_it_works_as_soon_as_anybody_is_loud() -> None:
    room = Room()
    room.listen(-62, 10.0, 3.0)
    room.frames = 0
    room.listen(-30, 13.0, 1.0)
    assert room.frames == 100


async def test_it_works_as_soon_as_the_speaker_sounds() -> None:
    room = Room()
    room.play(0.0, 10.0, 3.2)
    room.listen(-62, 10.0, 3.0)
    room.frames = 0
    room.play(0.5, 13.2, 1.0)
    room.listen(-62, 13.0, 1.0)
    assert 75 <= room.frames <= 90  # from 0.2 s on, and what the reference leads


async def test_what_it_has_learnt_outlasts_a_speaker_that_rests() -> None:
    room = Room()
    room.play(0.5, 10.0, 1.0)
    room.play(0.0, 11.0, 3.2)
    room.listen(-62, 10.0, 4.0)
    begun = room.resets
    room.listen(-62, 14.0, 60.0)  # the speaker tells nothing meanwhile
    room.play(0.0, 74.0, 1.2)
    room.listen(-30, 74.0, 1.0)
    room.play(0.5, 75.2, 1.0)
    room.listen(-30, 75.0, 1.0)
    assert room.resets == begun


async def test_a_speaker_that_jumps_while_it_sounds_is_another() -> None:
    room = Room()
    room.play(0.5, 10.0, 2.2)
    room.listen(-62, 10.0, 2.0)
    begun = room.resets
    room.play(0.5, 13.0, 2.2)
    room.listen(-62, 13.0, 2.0)
    assert room.resets > begun
