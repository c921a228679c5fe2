"""Blocks of any length, from one sample to a minute, give the same turns and the same words."""

from typing import Any

import anyio
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray
from trio.testing import MockClock

from agent.audio.wav import read_audio
from agent.config.sections import TurnSettings, VadSettings
from agent.events import Audio
from agent.graph import Graph
from agent.stages import Listen
from agent.turns.events import SpeechAudio, SpeechEnded
from agent.turns.segmenter import TurnSegmenter
from stt.pocketsphinx import Pocketsphinx
from tests.agent.fakes import LoudnessVad
from tests.paths import AUDIO

pytestmark = pytest.mark.anyio

RATE = 16000
Float32 = NDArray[np.float32]


def loud(seconds: float) -> Float32:
    return np.full(round(seconds * RATE), 0.5, np.float32)


def quiet(seconds: float) -> Float32:
    return np.full(round(seconds * RATE), 1e-4, np.float32)


SAID = np.concatenate([quiet(1), loud(0.6), quiet(2), loud(0.9), quiet(0.2), loud(0.7), quiet(2)])


def cut(pcm: Float32, sizes: list[int]) -> list[Float32]:
    """Into blocks of these sizes, again and again."""
    blocks, at, number = [], 0, 0
    while at < len(pcm):
        size = sizes[number % len(sizes)]
        blocks.append(pcm[at : at + size])
        at, number = at + size, number + 1
    return blocks


class Spoken:
    """A source that sends blocks: `paced`, each when its last sample has been captured."""

    def __init__(self, blocks: list[Float32], *, paced: bool) -> None:
        self._blocks = blocks
        self._paced = paced

    async def __call__(self, _: Any, send: Any, /) -> None:
        time = anyio.current_time()
        for pcm in self._blocks:
            start, time = time, time + len(pcm) / RATE
            if self._paced:
                await anyio.sleep_until(time)
            await send.send(Audio(pcm, RATE, start))


def segmented(sizes: list[int], *, paced: bool = True) -> list[tuple[float, float, Float32]]:
    """Start, stop and sound of each turn."""

    async def listen() -> list[tuple[float, float, Float32]]:
        segmenter = TurnSegmenter(LoudnessVad(), VadSettings(), TurnSettings())
        began = anyio.current_time()
        graph = Graph(Spoken(cut(SAID, sizes), paced=paced), name="microphone").then(segmenter)
        async with graph.open() as (_, heard):
            items = [item async for item in heard]
        turns = []
        for ended in (item for item in items if isinstance(item, SpeechEnded)):
            parts = [i.pcm for i in items if isinstance(i, SpeechAudio) and i.turn == ended.turn]
            sound = np.concatenate(parts)
            turns.append((ended.start - began, ended.stop - began, sound))
        return turns

    clock = MockClock(autojump_threshold=0)
    return anyio.run(listen, backend="trio", backend_options={"clock": clock})


ONE_SAMPLE_TO_A_MINUTE = st.lists(st.integers(1, 60 * RATE) | st.integers(80, 1000), min_size=1)


@settings(max_examples=30)
@given(sizes=ONE_SAMPLE_TO_A_MINUTE)
def test_the_turns_do_not_depend_on_the_blocks(sizes: list[int]) -> None:
    if sum(sizes) < 64 * len(sizes):
        sizes = [*sizes, 1000]  # sample by sample is slow, and has a test of its own
    check_same(segmented(sizes, paced=False))


@pytest.mark.parametrize("size", [37, 511, 512, 513, RATE - 1, RATE, 5 * RATE, 60 * RATE])
def test_the_turns_are_the_same_for_blocks_of(size: int) -> None:
    check_same(segmented([size]))


def test_the_turns_are_the_same_sample_by_sample() -> None:
    """A second of it at a time: all of it would be slow."""
    check_same(segmented([RATE, *[1] * (RATE // 4), RATE // 2], paced=False))


def check_same(turns: list[tuple[float, float, Float32]]) -> None:
    expected = segmented([320])
    assert [np.count_nonzero(sound == 0.5) for *_, sound in expected] == [9600, 25600]
    assert len(turns) == len(expected)
    for (start, stop, sound), (start_, stop_, sound_) in zip(turns, expected, strict=True):
        assert (start, stop) == pytest.approx((start_, stop_), abs=1e-6)
        assert np.array_equal(sound, sound_)


@pytest.mark.parametrize("anyio_backend", ["asyncio"])
@pytest.mark.parametrize("size", [37, 320, RATE, 60 * RATE])
async def test_the_words_do_not_depend_on_the_blocks(size: int) -> None:
    pcm = read_audio(AUDIO / "question_capital.wav")[0]
    async with (
        Graph(Spoken(cut(pcm, [size]), paced=False)).then(Listen(Pocketsphinx())).open() as (
            _,
            heard,
        )
    ):
        transcripts = [transcript.text async for transcript in heard]
    assert transcripts[-1] == "what is the capital of france"
