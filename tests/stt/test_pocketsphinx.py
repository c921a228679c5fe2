"""Pocketsphinx: known clips give known words, utterances never mix, failures are survived."""

import time
from collections.abc import AsyncIterator
from itertools import pairwise
from pathlib import Path

import anyio
import numpy as np
import pytest
from numpy.typing import NDArray

from stt import SpeechToTextError, Transcript
from stt.pocketsphinx import Pocketsphinx
from tests.stt.clips import read

pytestmark = [pytest.mark.anyio, pytest.mark.long]  # the real model, in a process of its own

once = pytest.mark.parametrize("anyio_backend", ["asyncio"])
"""What is about the decoder rather than its process takes seconds, and is tried on one backend."""


@pytest.fixture
async def engine() -> AsyncIterator[Pocketsphinx]:
    """A loaded engine, closed in the end."""
    recogniser = Pocketsphinx()
    await recogniser.load()
    yield recogniser
    await recogniser.aclose()


async def recognise(engine: Pocketsphinx, pcm: NDArray[np.float32], block: int = 512) -> Transcript:
    """The final transcript of an utterance that comes in blocks."""
    async with engine.listen() as recognition:
        for start in range(0, len(pcm), block):
            await recognition.feed(pcm[start : start + block])
        return await recognition.finish()


SAID = {
    "question_capital": "what is the capital of france",
    "command_lights": "turn on the lights in the kitchen and play some music",
    "command_timer": "set the timer for ten minutes",  # it is "a timer"
    "greeting": "how are you today",
    "interruption_stop": "stop that is enough",
    "long_request": "i am going to the market this afternoon and i would like you to help me "
    "write a short list of the things that we need for dinner",
}


@once
async def test_known_clips(engine: Pocketsphinx) -> None:
    for clip, text in SAID.items():
        pcm = read(clip)
        transcript = await recognise(engine, pcm)
        assert transcript.text == text
        assert [word.text for word in transcript.words] == text.split()
        times = [time for word in transcript.words for time in (word.start, word.end)]
        assert times == sorted(times)
        assert times[0] > 0
        assert times[-1] <= len(pcm) / engine.sample_rate


@once
async def test_word_times_are_where_the_words_are(engine: Pocketsphinx) -> None:
    words = (await recognise(engine, read("pause_1.2"))).words
    before = next(word for word in words if word.text == "order")
    after = words[words.index(before) + 1]
    assert after.start - before.end == pytest.approx(1.2, abs=0.3)


@once
async def test_partials_come_while_the_user_speaks_and_only_when_they_change(
    engine: Pocketsphinx,
) -> None:
    partials: list[tuple[float, str]] = []
    pcm = read("long_request")
    async with engine.listen() as recognition:
        for start in range(0, len(pcm), 320):
            partial = await recognition.feed(pcm[start : start + 320])
            if partial is not None:
                partials.append((start / 16000, partial.text))
        await recognition.finish()
    texts = [text for _, text in partials]
    assert len(texts) > 10
    assert all(one != other for one, other in pairwise(texts))
    assert partials[0][0] < 1.0
    assert next(time for time, text in partials if "market" in text) < 2.5


@once
async def test_the_size_of_the_blocks_does_not_matter(engine: Pocketsphinx) -> None:
    pcm = read("question_capital")
    words = []
    for size in (len(pcm), 8000, 799, 33):
        mean = engine._mean
        words.append((await recognise(engine, pcm, size)).words)
        engine._mean = mean  # adaptation would be a difference
    for one, other in pairwise(words):
        assert [word.text for word in one] == [word.text for word in other]
        # Its noise tracker remembers earlier utterances, and may move a word by a frame.
        assert [word.start for word in one] == pytest.approx(
            [word.start for word in other], abs=0.011
        )
        assert one[-1].end == other[-1].end


@once
async def test_nothing_said_is_an_empty_transcript(engine: Pocketsphinx) -> None:
    before = engine._mean
    for samples in (0, 10, 900, 16000):
        assert await recognise(engine, np.zeros(samples, np.float32)) == Transcript("")
    assert engine._mean == before


@once
async def test_it_adapts_from_utterance_to_utterance(engine: Pocketsphinx) -> None:
    before = engine._mean
    await recognise(engine, read("question_capital"))
    assert engine._mean != before


@once
@pytest.mark.parametrize("pause", [0.8, 1.2])
async def test_it_goes_on_after_a_finish(engine: Pocketsphinx, pause: float) -> None:
    """A transcript at the pause, and then one of everything."""
    pcm = read(f"pause_{pause}")
    stop = round(1.6 * 16000)  # in the pause
    while np.abs(pcm[stop - 2000 : stop]).max() > 0.01:
        stop += 160
    async with engine.listen() as recognition:
        for start in range(0, stop, 512):
            await recognition.feed(pcm[start : min(stop, start + 512)])
        first = await recognition.finish()
        assert first.text == "i would like to order"
        assert await recognition.finish() is not None  # at no cost
        for start in range(stop, len(pcm), 512):
            await recognition.feed(pcm[start : start + 512])
        whole = await recognition.finish()
        assert await recognition.finish() == whole
    assert whole.text == "i would like to order a large pizza with mushrooms"
    assert whole.words[: len(first.words)] == first.words
    assert whole.words[5].start - whole.words[4].end == pytest.approx(pause, abs=0.3)
    assert whole.words[-1].end <= len(pcm) / 16000


@once
async def test_silence_after_a_finish_adds_no_words(engine: Pocketsphinx) -> None:
    silence = np.random.default_rng(2).normal(0, 3e-4, 16000).astype(np.float32)
    for clip in ("question_capital", "command_lights", "interruption_stop"):
        async with engine.listen() as recognition:
            await recognition.feed(read(clip))
            said = await recognition.finish()
            assert said.text == SAID[clip]
            for pause in (silence[:1600], silence[1600:]):
                await recognition.feed(pause)
                assert (await recognition.finish()).text == said.text


@once
async def test_partials_after_a_finish_have_all_words(engine: Pocketsphinx) -> None:
    one, other = read("interruption_stop"), read("command_lights")
    partials: list[str] = []
    async with engine.listen() as recognition:
        await recognition.feed(one)
        await recognition.finish()
        for start in range(0, len(other), 512):
            partial = await recognition.feed(other[start : start + 512])
            partials += [partial.text] if partial else []
        assert (await recognition.finish()).text == f"stop that is enough {SAID['command_lights']}"
    assert all(text.startswith("stop that is enough") for text in partials)
    assert len(partials) > 2


async def test_a_finish_that_was_cancelled_can_be_made_again(engine: Pocketsphinx) -> None:
    one, other = read("interruption_stop"), read("command_lights")
    for go_on in (False, True):
        async with engine.listen() as recognition:
            await recognition.feed(one)
            async with anyio.create_task_group() as tasks:
                tasks.start_soon(recognition.finish)
                await anyio.wait_all_tasks_blocked()
                tasks.cancel_scope.cancel()
            if go_on:
                await recognition.feed(other)
            text = (await recognition.finish()).text
        assert text == "stop that is enough" + f" {SAID['command_lights']}" * go_on


async def test_overlapping_utterances_do_not_mix(engine: Pocketsphinx) -> None:
    first, second = read("question_capital"), read("command_lights")
    async with engine.listen() as one, engine.listen() as other:
        for start in range(0, max(len(first), len(second)), 1600):
            await one.feed(first[start : start + 1600])
            await other.feed(second[start : start + 1600])
        texts = [(await one.finish()).text, (await other.finish()).text]
    assert texts == [
        "what is the capital of france",
        "turn on the lights in the kitchen and play some music",
    ]


async def test_leaving_early_leaves_a_decoder_that_works(engine: Pocketsphinx) -> None:
    pcm = read("question_capital")
    process = engine._idle[0]
    async with engine.listen() as recognition:
        await recognition.feed(pcm[:16000])
    with anyio.CancelScope() as scope:
        async with anyio.create_task_group() as tasks:
            tasks.start_soon(recognise, engine, read("long_request"), 16000)
            await anyio.wait_all_tasks_blocked()  # it waits for the decoder's answer
            scope.cancel()
    assert scope.cancelled_caught
    assert (await recognise(engine, pcm)).text == "what is the capital of france"
    assert engine._idle == [process]


@once
async def test_the_loop_goes_on_while_it_decodes(engine: Pocketsphinx) -> None:
    """Nothing in this process computes for long: neither the loop nor a thread of it."""
    pcm = read("long_request")
    cpu = time.process_time()
    await recognise(engine, pcm, 8000)
    assert time.process_time() - cpu < 0.25  # decoding takes five times that


async def test_a_dead_decoder_costs_one_utterance(engine: Pocketsphinx) -> None:
    pcm = read("question_capital")
    async with engine.listen() as recognition:
        await recognition.feed(pcm[:8000])
        engine._busy[0]._process.kill()
        with pytest.raises(SpeechToTextError, match="has died"):
            await recognition.feed(pcm[8000:])
    assert engine._idle == []
    assert (await recognise(engine, pcm)).text == "what is the capital of france"


async def test_closing_ends_an_open_recognition(engine: Pocketsphinx) -> None:
    async with engine.listen() as recognition:
        await engine.aclose()
        with pytest.raises(SpeechToTextError, match="has died"):
            await recognition.finish()
    assert engine._idle == engine._busy == []


async def test_a_missing_package_is_named(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    (tmp_path / "pocketsphinx.py").write_text("raise ImportError('no such library')")
    monkeypatch.setenv("PYTHONPATH", str(tmp_path))
    with pytest.raises(SpeechToTextError, match=r"no such library.*pip install pocketsphinx"):
        await Pocketsphinx().load()


async def test_no_python_to_start(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sys.executable", "/nowhere/python")
    with pytest.raises(SpeechToTextError, match="/nowhere/python cannot be started"):
        await Pocketsphinx().load()
