"""Audio to turns: numbering, pre-roll, times, other rates, and a microphone that dies."""

from typing import Any

import anyio
import numpy as np
import pytest
from numpy.typing import NDArray
from trio.testing import MockClock

from agent.ears import Ears, SpeechAudio, SpeechBegan, SpeechEnded, SpeechInsisted, UserSpeech
from agent.events import Audio
from agent.graph import Graph
from agent.settings import TurnSettings, VadSettings
from tests.agent.fakes import LoudnessVad, Scripted

pytestmark = pytest.mark.anyio


@pytest.fixture
def anyio_backend() -> tuple[str, dict[str, Any]]:
    return "trio", {"clock": MockClock(autojump_threshold=0)}


async def listen(microphone: Any) -> list[UserSpeech]:
    ears = Ears(LoudnessVad(), VadSettings(), TurnSettings())
    async with Graph(microphone, name="microphone").then(ears).open() as (_, heard):
        return [item async for item in heard]


def pcm(items: list[UserSpeech], turn: int) -> NDArray[np.float32]:
    return np.concatenate([i.pcm for i in items if isinstance(i, SpeechAudio) and i.turn == turn])


async def test_two_turns_with_their_audio() -> None:
    items = await listen(Scripted([(1, False), (0.6, True), (1, False), (0.6, True), (1, False)]))
    others = [item for item in items if not isinstance(item, SpeechAudio)]
    assert [type(item) for item in others] == [SpeechBegan, SpeechInsisted, SpeechEnded] * 2
    assert [item.turn for item in others] == [1, 1, 1, 2, 2, 2]
    for turn in (1, 2):
        audio = pcm(items, turn)
        voiced = np.flatnonzero(audio > 0.25)
        assert len(voiced) == 0.6 * 16000  # all of it, whole
        assert 0.3 <= voiced[0] / 16000 <= 0.3 + 0.06  # after the pre-roll


async def test_times_are_the_audios() -> None:
    began = anyio.current_time()
    items = await listen(Scripted([(1, False), (0.64, True), (1, False)]))
    (ended,) = [item for item in items if isinstance(item, SpeechEnded)]
    assert ended.stopped - began == pytest.approx(1.64, abs=0.032)
    assert ended.decided - began == pytest.approx(ended.stopped - began + 0.5, abs=0.052)
    assert ended.speech_s == pytest.approx(0.64, abs=0.04)


async def test_audio_without_times_is_now() -> None:
    async def untimed(_: Any, send: Any, /) -> None:
        for loud in [False] * 50 + [True] * 32 + [False] * 50:
            await anyio.sleep(0.02)
            await send.send(Audio(np.full(320, 0.5 if loud else 0, np.float32), 16000))

    began = anyio.current_time()
    items = await listen(untimed)
    (ended,) = [item for item in items if isinstance(item, SpeechEnded)]
    assert ended.stopped - began == pytest.approx(1.64, abs=0.032)


async def test_another_rate_is_converted() -> None:
    async def at_48k(_: Any, send: Any, /) -> None:
        for loud in [False] * 50 + [True] * 50 + [False] * 50:
            await anyio.sleep(0.02)
            await send.send(Audio(np.full(960, 0.5 if loud else 0, np.float32), 48000))

    items = await listen(at_48k)
    assert len(np.flatnonzero(pcm(items, 1) > 0.25)) == pytest.approx(16000, abs=20)


async def test_an_end_in_mid_speech_ends_the_turn() -> None:
    items = await listen(Scripted([(0.5, False), (0.6, True)]))
    assert isinstance(items[-1], SpeechEnded)


async def test_a_stall_in_mid_speech_ends_the_turn_after_a_second() -> None:
    began = anyio.current_time()
    items = await listen(Scripted([(0.5, False), (0.6, True)], stall=10))
    (ended,) = [item for item in items if isinstance(item, SpeechEnded)]
    assert ended.decided - began == pytest.approx(1.1 + 1.0, abs=0.01)
