"""Whisper: when it decodes, what it shows, what it rejects."""

import threading
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path
from typing import Any

import anyio
import anyio.to_thread
import numpy as np
import pytest
from numpy.typing import NDArray
from trio.testing import MockClock

from agent.engines import GuardedSpeechToText
from stt import SpeechToTextError, Transcript
from stt.hallucinations import Hypothesis
from stt.whisper.engine import Whisper
from stt.whisper.recognition import WhisperRecognition, interval
from tests.stt.clips import read

pytestmark = pytest.mark.anyio


def noise(seconds: float) -> NDArray[np.float32]:
    """Something to make words of."""
    samples = round(seconds * Whisper.sample_rate)
    return np.random.default_rng(5).normal(0, 0.1, samples).astype(np.float32)


SPEECH = read("command_timer")
"""Two seconds, with 1.7 s of voice."""


async def until_idle(engine: Whisper) -> None:
    """Wait until nothing is being decoded."""
    await anyio.wait_all_tasks_blocked()
    while not engine._decoding.idle:
        await anyio.wait_all_tasks_blocked()


async def recognise(engine: Whisper, pcm: NDArray[np.float32]) -> Transcript:
    """The transcript of an utterance that comes in blocks."""
    async with engine.listen() as recognition:
        for start in range(0, len(pcm), 512):
            await recognition.feed(pcm[start : start + 512])
        return await recognition.finish()


class Scripted:
    """Stands in for the model where what it says is what matters, or when."""

    def __init__(self, *texts: str, **sureness: Any) -> None:
        self.texts = list(texts)  # the last one again and again
        self.sureness: dict[str, Any] = {"language": "en", "log_probability": -0.1, **sureness}
        self.wanted: Callable[[], bool] | None = None  # as the last call had it
        self.languages: list[str | None] = []
        self.lengths: list[int] = []
        self.threads: set[str] = set()
        self.at_once = self.most_at_once = 0
        self.busy, self.go_on = threading.Event(), threading.Event()
        self.go_on.set()

    def decode(
        self,
        pcm: NDArray[np.float32],
        language: str | None,
        wanted: Callable[[], bool] | None = None,
    ) -> Sequence[Hypothesis]:
        self.wanted = wanted
        self.threads.add(threading.current_thread().name)
        self.at_once += 1
        self.most_at_once = max(self.most_at_once, self.at_once)
        self.languages.append(language)
        self.lengths.append(len(pcm))
        text = self.texts.pop(0) if len(self.texts) > 1 else self.texts[0]
        self.busy.set()
        assert self.go_on.wait(10)
        self.at_once -= 1
        tokens = tuple(range(len(text.split())))
        return [Hypothesis(text, tokens, no_speech=0.01, **self.sureness)] if text else []


def scripted(*texts: str, engine: Whisper | None = None, **sureness: Any) -> tuple[Whisper, Any]:
    """An engine whose model is scripted."""
    engine = engine or Whisper()
    script = Scripted(*texts, **sureness)
    engine._decoding.decoder = script  # type: ignore[assignment]  # it has the one method that is used
    return engine, script


async def test_decoding_is_in_a_worker_thread_and_one_at_a_time() -> None:
    engine, script = scripted("hello")
    async with anyio.create_task_group() as tasks:
        for _ in range(4):
            tasks.start_soon(recognise, engine, SPEECH)
    assert script.most_at_once == 1
    assert script.threads
    assert threading.main_thread().name not in script.threads


async def test_finish_covers_all_that_was_fed_and_costs_nothing_again() -> None:
    engine, script = scripted("one", "one two")
    async with engine.listen() as recognition:
        await recognition.feed(SPEECH)
        assert (await recognition.finish()).text == "one"
        assert (await recognition.finish()).text == "one"
        await recognition.feed(np.zeros(1600, np.float32))
        await recognition.feed(SPEECH)
        assert (await recognition.finish()).text == "one two"
    assert script.lengths == [len(SPEECH), 2 * len(SPEECH) + 1600]


@pytest.mark.parametrize("anyio_backend", [("trio", {"clock": MockClock()})])  # none passes
@pytest.mark.parametrize("prompt", ["", "timer"])
async def test_partials_are_words_that_two_hypotheses_agree_on(prompt: str) -> None:
    engine, script = scripted(
        "set", "set the", "set a time", "set a timer for", "set a timer for ten"
    )
    script.hotwords, script.adjusted = [], lambda **_: script
    shown = []
    listening = engine.listen_with(prompt=prompt, partials=True) if prompt else engine.listen()
    async with listening as recognition:
        for start in range(0, len(SPEECH), 1600):
            partial = await recognition.feed(SPEECH[start : start + 1600])
            shown += [partial.text] if partial else []
            await until_idle(engine)
    assert shown == ["set", "set a"]
    assert set(np.diff(script.lengths)) == {8000}  # every half second


def test_partials_are_as_frequent_as_the_final_allows() -> None:
    assert [interval(took) for took in (0.0, 0.1, 0.23)] == [0.5] * 3
    assert interval(0.3) == pytest.approx(1.1, abs=0.01)
    assert interval(0.6) == interval(60) == 5.0


async def test_where_partials_take_long_a_short_utterance_has_none() -> None:
    engine, script = scripted("one two three")
    engine._decoding.draft_seconds = 0.6
    async with engine.listen() as recognition:
        for start in range(0, len(SPEECH), 1600):
            await recognition.feed(SPEECH[start : start + 1600])
            await until_idle(engine)
    assert script.lengths == []


async def test_no_partials_if_not_wanted() -> None:
    engine, script = scripted("one two three", engine=Whisper(partials=False))
    async with engine.listen() as recognition:
        for start in range(0, len(SPEECH), 1600):
            assert await recognition.feed(SPEECH[start : start + 1600]) is None
            await until_idle(engine)
    assert script.lengths == []


async def test_a_partial_is_given_up_when_the_final_is_wanted() -> None:
    engine, script = scripted("one two three")
    script.go_on.clear()
    finals: list[Transcript] = []

    async def finish(recognition: WhisperRecognition) -> None:
        finals.append(await recognition.finish())

    async with engine.listen() as recognition, anyio.create_task_group() as tasks:
        await recognition.feed(SPEECH[:16000])
        await anyio.to_thread.run_sync(partial(script.busy.wait, 10))  # a partial is on its way
        await recognition.feed(SPEECH[16000:])
        assert script.wanted()
        tasks.start_soon(finish, recognition)
        await anyio.wait_all_tasks_blocked()
        assert not script.wanted()
        script.go_on.set()
    assert finals[0].text == "one two three"
    assert script.lengths == [16000, len(SPEECH)]
    assert script.wanted is None  # nobody gives up a final


async def test_a_partial_of_a_dropped_utterance_is_given_up() -> None:
    engine, script = scripted("one two three")
    script.go_on.clear()
    async with engine.listen() as recognition:
        await recognition.feed(SPEECH[:16000])
        await anyio.to_thread.run_sync(partial(script.busy.wait, 10))
        assert script.wanted()
    assert not script.wanted()
    script.go_on.set()


async def test_no_partial_is_begun_in_a_pause() -> None:
    """It may be the end of the turn, and the final must not find the model busy."""
    engine, script = scripted("one two three")
    pause = np.zeros(4800, np.float32)
    async with engine.listen() as recognition:
        await recognition.feed(np.append(SPEECH, pause))
        await until_idle(engine)
        await recognition.feed(pause)
        await until_idle(engine)
        assert script.lengths == []
        await recognition.feed(SPEECH[:12000])
        await until_idle(engine)
    assert script.lengths == [len(SPEECH) + 2 * len(pause) + 12000]


async def test_a_failure_of_the_caller_is_not_wrapped() -> None:
    engine, _ = scripted("one")
    with pytest.raises(ZeroDivisionError):
        async with engine.listen():
            raise ZeroDivisionError


async def test_a_failing_device_is_an_error_of_speech_to_text() -> None:
    engine, script = scripted("one")

    def broken(*_: Any) -> Any:
        raise RuntimeError("CUDA out of memory\nat line 7")

    script.decode = broken
    with pytest.raises(SpeechToTextError, match=r"whisper failed: CUDA out of memory$"):
        await recognise(engine, SPEECH)


async def test_a_dropped_utterance_does_not_hold_up_anybody() -> None:
    engine, script = scripted("one")
    script.go_on.clear()
    async with anyio.create_task_group() as tasks:
        tasks.start_soon(recognise, engine, SPEECH)
        await anyio.to_thread.run_sync(partial(script.busy.wait, 10))
        tasks.cancel_scope.cancel()
    script.go_on.set()  # it was left while it was still at it
    assert (await recognise(engine, SPEECH)).text == "one"
    assert script.most_at_once == 1


async def test_nothing_is_decoded_without_a_syllable_of_voice() -> None:
    engine, script = scripted("thank you")
    assert await recognise(engine, np.zeros(0, np.float32)) == Transcript("")
    for pcm in (np.zeros(900, np.float32), noise(2)):
        assert await recognise(engine, pcm) == Transcript("", rejected="only 0.00 s of voice")
    start = np.argmax(np.abs(SPEECH) > 0.1)
    transcript = await recognise(engine, np.append(SPEECH[start : start + 2000], noise(1) / 1000))
    assert transcript.text == ""
    assert transcript.rejected is not None
    assert transcript.rejected.endswith("s of voice")
    assert script.lengths == []


async def test_what_cannot_have_been_said_is_rejected_with_the_reason() -> None:
    engine, _ = scripted("Thanks for watching!", log_probability=-0.9)
    assert await recognise(engine, SPEECH) == Transcript(
        "",
        rejected="a phrase that is heard in silence (Thanks for watching!), "
        "doubtful words (log-probability -0.90): Thanks for watching!",
    )


async def test_what_is_rejected_of_a_long_utterance_is_told_too() -> None:
    engine, script = scripted("")
    said = Hypothesis("Set a timer.", (1, 2, 3), -0.1, 0.01, "en")
    made_up = Hypothesis("Thank you.", (4, 5), -0.9, 0.7, "en")
    script.decode = lambda *_: [said, made_up]
    transcript = await recognise(engine, SPEECH)
    assert transcript.text == "Set a timer."
    assert transcript.rejected == (
        "a phrase that is heard in silence (Thank you.), no speech (probability 0.70), "
        "doubtful words (log-probability -0.90): Thank you."
    )


async def test_auto_keeps_to_the_language_of_the_first_turn_without_doubt() -> None:
    engine, script = scripted("eins", language="de", language_probability=0.6)
    assert (await recognise(engine, SPEECH)).language == "de"
    script.sureness["language_probability"] = 0.95
    await recognise(engine, SPEECH[: 16000 * 3 // 4])  # too little voice to be sure
    await recognise(engine, SPEECH)
    assert script.languages == [None, None, None]
    await recognise(engine, SPEECH)
    assert script.languages[3:] == ["de"]
    await engine.load()  # the next conversation
    await recognise(engine, SPEECH)
    assert script.languages[4:] == [None]


async def test_a_conversation_keeps_its_language_to_itself() -> None:
    engine, script = scripted("eins", language="de", language_probability=0.95)
    first, second = engine.conversation(), engine.conversation()
    await recognise(first, SPEECH)
    await recognise(first, SPEECH)
    await recognise(second, SPEECH)
    await recognise(engine, SPEECH)
    assert script.languages == [None, "de", None, None]
    guarded = GuardedSpeechToText(engine)
    for _ in range(2):  # as guarded, one conversation after the other
        async with guarded.conversation().listen() as guarded_recognition:
            await guarded_recognition.feed(SPEECH)
            await guarded_recognition.finish()
    assert script.languages[4:] == [None, None]


def spoken(language: str, probability: float, log_probability: float) -> Hypothesis:
    return Hypothesis(f"in {language}", (1, 2), log_probability, 0.01, language, probability)


@pytest.mark.parametrize(
    ("expected", "found", "language"),
    [
        ((0.02, -0.3), (0.95, -0.4), "en"),  # translated, and well
        ((0.16, -0.53), (0.77, -0.47), "en"),  # written as if it were the other
        ((0.3, -0.9), (0.6, -0.2), "en"),  # decoded badly
        ((0.3, -2.0), (0.6, -0.2), "en"),
        ((0.3, -0.9), (0.6, -0.85), "es"),  # no better
        ((0.02, -0.3), (0.4, -0.2), "es"),  # anything
    ],
)
async def test_a_turn_that_is_in_another_language_is_tried_in_it(
    expected: tuple[float, float], found: tuple[float, float], language: str
) -> None:
    engine, script = scripted("uno", language="es", language_probability=0.99)
    await recognise(engine, SPEECH)
    asked: list[str | None] = []

    def decode(_: Any, language: str | None, *_wanted: Any) -> list[Hypothesis]:
        asked.append(language)
        return [spoken("es", *expected) if language else spoken("en", *found)]

    script.decode = decode
    transcript = await recognise(engine, SPEECH)
    assert (transcript.text, transcript.language) == (f"in {language}", language)
    assert asked == ["es", None]


async def test_a_bilingual_conversation_goes_from_language_to_language() -> None:
    engine, script = scripted("uno", language="es", language_probability=0.99)
    heard = []
    for language in ("es", "en", "en", "es"):
        script.decode = lambda _, told, *_w, now=language: [
            spoken(told or now, 0.97 if told in (None, now) else 0.01, -0.2)
        ]
        heard.append((await recognise(engine, SPEECH)).language)
    assert heard == ["es", "en", "en", "es"]


async def test_one_word_does_not_change_the_language() -> None:
    engine, script = scripted("uno", language="es", language_probability=0.99)
    await recognise(engine, SPEECH)
    script.decode = lambda _, told, *_w: [spoken(told or "it", 0.05 if told else 0.7, -0.2)]
    assert (await recognise(engine, SPEECH[: 16000 * 3 // 4])).language == "es"


async def test_a_language_that_is_set_is_kept_whatever_is_spoken() -> None:
    engine, script = scripted("one", engine=Whisper(language="fr"), log_probability=-0.9)
    await recognise(engine, SPEECH)
    await recognise(engine, SPEECH)
    assert script.languages == ["fr", "fr"]


async def test_a_rejected_turn_decides_no_language() -> None:
    engine, script = scripted("Vielen Dank", language="de", log_probability=-2.0)
    assert (await recognise(engine, SPEECH)).rejected
    await recognise(engine, SPEECH)
    assert script.languages == [None, None]


async def test_a_language_that_is_set_is_not_looked_for() -> None:
    engine, script = scripted("one", engine=Whisper(language="fr"))
    await recognise(engine, SPEECH)
    assert script.languages == ["fr"]


def resident_memory() -> int:
    """Bytes of this process."""
    return int(Path("/proc/self/statm").read_text().split()[1]) * 4096


@pytest.mark.parametrize("anyio_backend", ["asyncio"])  # it takes seconds
@pytest.mark.long
async def test_memory_stays_flat_over_many_utterances(
    model: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(
        "stt.whisper.decoder.decoding_fault", lambda _: None
    )  # nothing decoded twice
    engine = Whisper(model=str(model), device="cpu", partials=False)
    await engine.load()
    decoder = engine._decoding.decoder
    assert decoder is not None
    decoder._model.max_length = 12  # few tokens: what is counted are utterances
    sizes = []
    for _ in range(3):
        for _ in range(50):
            assert (await recognise(engine, SPEECH)).rejected  # its words mean nothing
        sizes.append(resident_memory())
    assert max(sizes[1:]) - sizes[0] < 2e6  # `bench.stt_live` counts 500


async def test_it_must_be_loaded() -> None:
    with pytest.raises(SpeechToTextError, match="load"):
        await recognise(Whisper(), SPEECH)
