"""Audio to turns: numbering, pre-roll, times, other rates, and a microphone that dies."""

from typing import Any

import anyio
import numpy as np
import pytest
from numpy.typing import NDArray
from trio.testing import MockClock

from agent.config.sections import TurnSettings, VadSettings
from agent.events import Audio, ErrorEvent, Event
from agent.graph import Graph
from agent.turns.events import (
    SpeechAudio,
    SpeechCandidate,
    SpeechEnded,
    SpeechPaused,
    SpeechProgress,
    SpeechRejected,
    SpeechResumed,
    SpeechStarted,
    UserSpeech,
)
from agent.turns.judgement import Judgement
from agent.turns.segmenter import TurnSegmenter
from tests.agent.fakes import LoudnessVad, Scripted

pytestmark = pytest.mark.anyio

SILENCE = TurnSettings().silence


@pytest.fixture
def anyio_backend() -> tuple[str, dict[str, Any]]:
    return "trio", {"clock": MockClock(autojump_threshold=0)}


async def listen(microphone: Any, segmenter: TurnSegmenter | None = None) -> list[UserSpeech]:
    segmenter = segmenter or TurnSegmenter(LoudnessVad(), VadSettings(), TurnSettings())
    async with Graph(microphone, name="microphone").then(segmenter).open() as (_, heard):
        return [item async for item in heard]


def pcm(items: list[UserSpeech], turn: int) -> NDArray[np.float32]:
    return np.concatenate([i.pcm for i in items if isinstance(i, SpeechAudio) and i.turn == turn])


async def test_two_turns_with_their_audio() -> None:
    items = await listen(
        Scripted([(1, False), (0.6, True), (1.6, False), (0.6, True), (1.5, False)])
    )
    others = [item for item in items if not isinstance(item, SpeechAudio)]
    kinds = [SpeechCandidate, SpeechStarted, SpeechProgress, SpeechPaused, SpeechEnded]
    assert [type(item) for item in others] == kinds * 2
    turns = [o.turn for o in others if not isinstance(o, (SpeechCandidate, SpeechRejected))]
    assert turns == [1] * 4 + [2] * 4
    for turn in (1, 2):
        audio = pcm(items, turn)
        voiced = np.flatnonzero(audio > 0.25)
        assert len(voiced) == 0.6 * 16000  # all of it, whole
        assert 0.3 <= voiced[0] / 16000 <= 0.3 + 0.06  # after the pre-roll


async def test_times_are_the_audios() -> None:
    began = anyio.current_time()
    items = await listen(Scripted([(1, False), (0.64, True), (1.2, False)]))
    (ended,) = [item for item in items if isinstance(item, SpeechEnded)]
    assert ended.stop - began == pytest.approx(1.64, abs=0.032)
    assert ended.decided - began == pytest.approx(ended.stop - began + SILENCE, abs=0.052)
    assert ended.speech_s == pytest.approx(0.64, abs=0.04)


async def test_audio_without_times_is_now() -> None:
    async def untimed(_: Any, send: Any, /) -> None:
        for loud in [False] * 50 + [True] * 32 + [False] * 50:
            await anyio.sleep(0.02)
            await send.send(Audio(np.full(320, 0.5 if loud else 0, np.float32), 16000))

    began = anyio.current_time()
    items = await listen(untimed)
    (ended,) = [item for item in items if isinstance(item, SpeechEnded)]
    assert ended.stop - began == pytest.approx(1.64, abs=0.032)


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


class Certain:
    """A model of the turn's end that is sure of one thing, after a while."""

    def __init__(self, certainty: float | Exception, takes: float = 0.03) -> None:
        self.certainty = certainty
        self.takes = takes
        self.heard: list[NDArray[np.float32]] = []

    async def load(self) -> None:
        """Nothing to load."""

    async def aclose(self) -> None:
        """Nothing to close."""

    async def complete(self, pcm: NDArray[np.float32]) -> float:
        self.heard.append(pcm)
        await anyio.sleep(self.takes)
        if isinstance(self.certainty, Exception):
            raise self.certainty
        return self.certainty


SMART = TurnSettings(detector="smart_turn")


async def test_a_turn_that_sounds_finished_ends_soon() -> None:
    began = anyio.current_time()
    model = Certain(0.99)
    segmenter = TurnSegmenter(LoudnessVad(), VadSettings(), SMART, model=model)
    items = await listen(Scripted([(1, False), (0.64, True), (1.2, False)]), segmenter)
    (ended,) = [item for item in items if isinstance(item, SpeechEnded)]
    assert 1.64 + SMART.complete <= ended.decided - began <= 1.64 + 0.2
    assert ended.certainty is not None
    assert 0.8 <= ended.certainty < 0.98  # which is not all believed
    # The model has heard the turn from before it was noticed up to the pause.
    (heard,) = model.heard
    assert len(heard) / 16000 == pytest.approx(0.3 + 0.64 + SMART.pause, abs=0.06)


async def test_a_turn_that_sounds_unfinished_may_pause_for_long() -> None:
    segmenter = TurnSegmenter(LoudnessVad(), VadSettings(), SMART, model=Certain(0.02))
    items = await listen(
        Scripted([(1, False), (0.64, True), (1.8, False), (0.64, True)]), segmenter
    )
    others = [item for item in items if not isinstance(item, SpeechAudio)]
    assert [type(item) for item in others] == [
        *(SpeechCandidate, SpeechStarted, SpeechProgress, SpeechPaused),
        *(SpeechResumed, SpeechProgress, SpeechEnded),
    ]


async def test_the_model_hsegmenter_the_last_eight_seconds() -> None:
    model = Certain(0.99)
    segmenter = TurnSegmenter(LoudnessVad(), VadSettings(), SMART, model=model)
    await listen(Scripted([(1, False), (12, True), (2, False)]), segmenter)
    assert len(model.heard[0]) == 8 * 16000


async def test_a_model_that_fails_is_told_of_and_silence_decides() -> None:
    told: list[Event] = []
    began = anyio.current_time()
    model = Certain(RuntimeError("no memory"))
    segmenter = TurnSegmenter(LoudnessVad(), VadSettings(), SMART, model=model, report=told.append)
    items = await listen(Scripted([(1, False), (0.64, True), (1.2, False)]), segmenter)
    (ended,) = [item for item in items if isinstance(item, SpeechEnded)]
    assert ended.decided - began == pytest.approx(1.64 + SMART.silence, abs=0.052)
    assert told == [ErrorEvent("turns", "RuntimeError", "no memory", recovered=True)]


async def test_it_is_asked_again_as_the_silence_grows() -> None:
    model = Certain(0.5)
    segmenter = TurnSegmenter(LoudnessVad(), VadSettings(), SMART, model=model)
    await listen(Scripted([(1, False), (0.64, True), (0.25, False), (0.64, True)]), segmenter)
    silences = [(np.abs(pcm[::-1]) > 0.25).argmax() / 16000 for pcm in model.heard]
    assert silences == pytest.approx([SMART.pause, 0.2], abs=0.04)
    model.heard.clear()
    await listen(Scripted([(1, False), (0.64, True), (2, False)]), segmenter)
    silences = [(np.abs(pcm[::-1]) > 0.25).argmax() / 16000 for pcm in model.heard]
    assert silences == pytest.approx([SMART.pause, 0.2], abs=0.04)


async def test_a_slow_model_is_asked_one_thing_at_a_time() -> None:
    model = Certain(0.5, takes=0.35)
    segmenter = TurnSegmenter(LoudnessVad(), VadSettings(), SMART, model=model)
    await listen(Scripted([(1, False), (0.64, True), (2, False)]), segmenter)
    silences = [(np.abs(pcm[::-1]) > 0.25).argmax() / 16000 for pcm in model.heard]
    assert silences == pytest.approx([SMART.pause, SMART.pause + 0.35], abs=0.06)


@pytest.mark.parametrize("after", [0.3, 1.0, 1.9])
async def test_no_turn_ends_by_its_sound_before_its_words_are_known(after: float) -> None:
    """Nor by a silence that they may ask to be longer."""
    settings = SMART if after > 1 else TurnSettings()
    model = Certain(0.99) if after > 1 else None
    segmenter = TurnSegmenter(LoudnessVad(), VadSettings(), settings, model=model, words=True)
    began = anyio.current_time()
    ends: list[float] = []

    async def recognise(pause: int) -> None:
        await anyio.sleep_until(began + 1.64 + after)
        segmenter.read(1, pause, Judgement(0.9, "a question"))

    microphone = Scripted([(1, False), (0.64, True), (4, False)])
    async with (
        anyio.create_task_group() as tasks,
        Graph(microphone, name="microphone").then(segmenter).open() as (_, heard),
    ):
        async for item in heard:
            if isinstance(item, SpeechPaused):
                tasks.start_soon(recognise, item.pause)
            elif isinstance(item, SpeechEnded):
                ends.append(item.decided - began)
    assert ends == [pytest.approx(1.64 + after, abs=0.06)]


async def test_words_that_never_come_end_it_at_last() -> None:
    segmenter = TurnSegmenter(LoudnessVad(), VadSettings(), TurnSettings(), words=True)
    began = anyio.current_time()
    items = await listen(Scripted([(1, False), (0.64, True), (4, False)]), segmenter)
    (ended,) = [item for item in items if isinstance(item, SpeechEnded)]
    unfinished = TurnSettings().unfinished
    assert ended.decided - began == pytest.approx(1.64 + unfinished, abs=0.06)


async def test_words_that_read_finished_end_the_turn_and_those_of_another_turn_do_not() -> None:
    segmenter = TurnSegmenter(LoudnessVad(), VadSettings(), TurnSettings())
    began = anyio.current_time()
    decided = []
    microphone = Scripted([(1, False), (0.64, True), (1.2, False), (0.64, True), (1.2, False)])
    async with Graph(microphone, name="microphone").then(segmenter).open() as (_, heard):
        async for item in heard:
            if isinstance(item, SpeechPaused):
                segmenter.read(1, item.pause, Judgement(0.99, "a question"))
            elif isinstance(item, SpeechEnded):
                decided.append((item.decided - began, item.why))
    (first, why), (second, _) = decided
    assert first == pytest.approx(1.64 + TurnSettings().complete, abs=0.052)
    assert "a question" in why
    assert second == pytest.approx(1.64 + 1.84 + TurnSettings().silence, abs=0.052)


async def test_the_level_of_the_voice_is_told_with_its_progress_and_its_end() -> None:
    items = await listen(Scripted([(0.5, False), (0.6, True), (1.2, False)]))
    levels = [each.level for each in items if isinstance(each, SpeechProgress | SpeechEnded)]
    assert len(levels) > 1
    assert levels == pytest.approx([-6.0] * len(levels), abs=0.5)


def humming(stretches: list[tuple[float, bool]]) -> Any:
    """A microphone with a steady hum that the detector takes for a voice; the rest is silence."""

    async def microphone(_: Any, send: Any, /) -> None:
        began = anyio.current_time()
        at = 0
        for seconds, on in stretches:
            for _block in range(round(seconds / 0.02)):
                await anyio.sleep_until(began + (at + 320) / 16000)
                phase = 2 * np.pi * 150 * np.arange(at, at + 320) / 16000
                hum = (0.5 + 0.1 * np.sin(phase) + 0.03 * np.sin(3 * phase)) * on
                await send.send(Audio(hum.astype(np.float32), 16000, began + at / 16000))
                at += 320

    return microphone


async def test_a_steady_noise_is_a_candidate_at_most_and_the_next_time_not_even_that() -> None:
    items = await listen(humming([(0.5, False), (5, True), (1.2, False), (5, True), (1, False)]))
    kinds = [type(item) for item in items if not isinstance(item, SpeechAudio)]
    assert kinds[:2] == [SpeechCandidate, SpeechStarted]
    assert SpeechProgress not in kinds  # less than what stops an agent
    assert [SpeechPaused, SpeechEnded] == kinds[2:4]
    assert SpeechStarted not in kinds[4:]


async def test_a_noise_that_stays_does_not_keep_a_turn_from_ending() -> None:
    """Nor does it resume one: it is heard before, in and after the turn."""

    def voice(at: int) -> NDArray[np.float64]:
        """Every 60 ms something else."""
        time = np.arange(at, at + 320) / 16000
        return 0.2 * np.sin(2 * np.pi * (300, 900, 1700, 500)[at // 960 % 4] * time)

    async def microphone(_: Any, send: Any, /) -> None:
        began = anyio.current_time()
        for at in range(0, 5 * 16000, 320):
            await anyio.sleep_until(began + (at + 320) / 16000)
            phase = 2 * np.pi * 150 * np.arange(at, at + 320) / 16000
            pcm = 0.5 + 0.03 * np.sin(phase) + (voice(at) if 32000 <= at < 48000 else 0)
            await send.send(Audio(pcm.astype(np.float32), 16000, began + at / 16000))

    began = anyio.current_time()
    ended = [item for item in await listen(microphone) if isinstance(item, SpeechEnded)]
    assert len(ended) == 2  # the noise's own beginning, and the turn
    assert ended[1].start - began == pytest.approx(2.0, abs=0.07)
    assert ended[1].stop - began == pytest.approx(3.0, abs=0.1)


async def test_a_detector_that_gives_too_many_probabilities_ends_nothing() -> None:
    class Generous(LoudnessVad):
        async def feed(self, pcm: NDArray[np.float32]) -> list[float]:
            given = await super().feed(pcm)
            return given + given[-1:]

    segmenter = TurnSegmenter(Generous(), VadSettings(), TurnSettings())
    items = await listen(Scripted([(1, False), (0.6, True), (1.6, False)]), segmenter)
    assert any(isinstance(item, SpeechEnded) for item in items)
