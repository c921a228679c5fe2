"""No call to an engine takes for ever: it is told, apologised for, and the engine starts anew.

All on a virtual clock.
"""

import os
import signal
import threading
from collections.abc import AsyncGenerator, Sequence
from contextlib import asynccontextmanager
from typing import Any

import anyio
import anyio.to_thread
import numpy as np
import pytest
from numpy.typing import NDArray
from trio.testing import MockClock

from agent.agent import Agent
from agent.config.load import Config
from agent.config.sections import AgentSettings
from agent.engines import GuardedLanguageModel, GuardedSpeechToText, GuardedTextToSpeech
from agent.engines.fallback.llm import LanguageModelFallback
from agent.engines.telling import borders
from agent.events import Event
from agent.turns.guarded_vad import GuardedVad
from llm_adapters import (
    PATIENCE,
    LanguageModelError,
    Message,
    ReplyItem,
    TextDelta,
    ToolSpec,
    Usage,
)
from llm_adapters.openai import OpenAI
from stt import SpeechToTextError, Transcript
from stt.pocketsphinx.process import DecoderProcess
from tests.agent.conversation.simulated import Conversation, converse
from tests.agent.fakes import LoudnessVad, Scripted
from tests.faults.engines import Faulty, FaultyLlm, FaultyStt, FaultyTts, hanging
from tts import TextToSpeech, TextToSpeechError
from tts.command import Command

pytestmark = pytest.mark.anyio

APOLOGY = AgentSettings().apology


@pytest.fixture
def anyio_backend() -> tuple[str, dict[str, Any]]:
    return "trio", {"clock": MockClock(autojump_threshold=0)}


async def a_turn_and_another(engine: Faulty, *, wait: float = 80.0) -> Conversation:
    return await converse(
        Scripted([(0.5, False), (0.5, True), (wait, False), (0.5, True), (4, False)]),
        stt=engine if isinstance(engine, FaultyStt) else FaultyStt("", hanging),
        llm=engine if isinstance(engine, FaultyLlm) else FaultyLlm("", hanging),
        tts=engine if isinstance(engine, FaultyTts) else FaultyTts("", hanging),
        config={"turn": {"speculate": "off"}},
    )


@pytest.mark.parametrize(
    ("engine", "after", "said"),
    [
        (FaultyStt("listen", hanging), 15, "the recogniser did not begin within 15 s"),
        (FaultyStt("feed", hanging), 15, "the recogniser took no sound within 15 s"),
        (FaultyStt("finish", hanging), 30, "the recogniser gave no transcript within 30 s"),
        (FaultyLlm("reply", hanging), 60, "the language model gave no word within 60 s"),
        (FaultyLlm("middle", hanging), 20, "the language model gave no word within 20 s"),
        (FaultyTts("open", hanging), 15, "the voice did not begin within 15 s"),
        (FaultyTts("feed", hanging), 30, "the voice gave no sound within 30 s"),
        (FaultyTts("finish", hanging), 30, "the voice gave no sound within 30 s"),
        (FaultyTts("begin", hanging), 30, "the voice gave no sound within 30 s"),
        (FaultyTts("middle", hanging), 30, "the voice gave no sound within 30 s"),
        (FaultyTts("last", hanging), 30, "the voice gave no sound within 30 s"),
    ],
    ids=lambda value: value if isinstance(value, str) else None,
)
async def test_a_hang_is_told_and_apologised_for(engine: Faulty, after: float, said: str) -> None:
    talk = await a_turn_and_another(engine)
    (error,) = talk.of("error")
    assert error["message"] == said
    assert talk.time("error") == pytest.approx(1 + after, abs=2.5)
    spoken = [content for role, content, _ in talk.history() if role == "assistant"]
    assert APOLOGY.split()[-1] in spoken[0]
    assert spoken[-1].endswith("is here.")
    # It has been started anew, and that is told.
    assert (engine.closes, engine.loads) == (1, 1)
    (restarted,) = [e["code"] for e in talk.of("warning")]
    assert restarted.endswith(".restarted")


@pytest.mark.parametrize("engine", [FaultyStt("exit", hanging), FaultyTts("exit", hanging)])
async def test_what_is_over_is_not_spoilt_by_its_end(engine: Faulty) -> None:
    """The words are known, or spoken: only the end is late, and nobody apologises."""
    talk = await a_turn_and_another(engine)
    assert talk.of("error") == []
    kind = "stt" if isinstance(engine, FaultyStt) else "tts"
    assert [e["code"] for e in talk.of("warning")] == [f"{kind}.hung", f"{kind}.restarted"]
    assert [e["text"] for e in talk.of("assistant.done")] == [
        "reply 1 is here.",
        "reply 2 is here.",
    ]


async def test_a_new_start_that_hangs_too_is_tried_again() -> None:
    """Once per use; each time it is told."""
    stt = FaultyStt("feed", hanging)
    guarded = GuardedSpeechToText(stt)

    async def hear() -> str:
        async with guarded.listen() as recognition:
            await recognition.feed(None)  # type: ignore[arg-type]
            return (await recognition.finish()).text

    with pytest.raises(SpeechToTextError, match="took no sound"):
        await hear()
    stt.place = "load"
    with pytest.raises(SpeechToTextError, match="started anew within 120 s"):
        await hear()
    stt.place = "aclose"
    assert await hear() == "turn 2"
    assert (stt.closes, stt.loads) == (2, 2)


async def test_nobody_who_uses_an_engine_is_cut_off_by_its_new_start() -> None:
    voice = FaultyTts("begin", hanging)
    guarded = GuardedTextToSpeech(voice)

    async def speak() -> int:
        async with guarded.open() as utterance:
            await utterance.feed("one two")
            await utterance.finish()
            return sum([len(speech.pcm) async for speech in utterance])

    async with guarded.open():
        with pytest.raises(TextToSpeechError):
            await speak()
        assert await speak() > 0
        assert voice.loads == 0
    assert await speak() > 0
    assert voice.loads == 1


class Thinking(FaultyLlm):
    """Thinks for ever, and says that it does."""

    async def reply(
        self, messages: Sequence[Message], _: Sequence[ToolSpec] = ()
    ) -> AsyncGenerator[ReplyItem, None]:
        del messages
        while True:
            await anyio.sleep(5)
            yield Usage(1, 1)
            yield TextDelta("")


async def test_thinking_for_ever_is_no_answer() -> None:
    began = anyio.current_time()
    with pytest.raises(LanguageModelError, match="gave no word within 60 s"):
        _ = [item async for item in GuardedLanguageModel(Thinking("", hanging)).reply(())]
    assert anyio.current_time() - began == pytest.approx(PATIENCE)


async def test_a_slow_model_has_time() -> None:
    async def slow() -> None:
        await anyio.sleep(55)

    items = [item async for item in GuardedLanguageModel(FaultyLlm("reply", slow)).reply(())]
    assert len(items) == 2


async def test_who_listens_slowly_costs_the_model_no_time() -> None:
    async for _ in GuardedLanguageModel(FaultyLlm("", hanging)).reply(()):
        await anyio.sleep(1000)


async def test_the_next_model_answers_sooner() -> None:
    """Where there is one to go on to, no adapter of whatever origin is waited for so long."""
    models = [GuardedLanguageModel(FaultyLlm(place, hanging)) for place in ("reply", "")]
    began = anyio.current_time()
    both = LanguageModelFallback([("first", models[0]), ("second", models[1])])
    items = [item async for item in GuardedLanguageModel(both).reply(())]
    assert "".join(i.text for i in items if isinstance(i, TextDelta)) == "reply 1 is here."
    assert anyio.current_time() - began == pytest.approx(10)


async def test_limits_that_were_set_higher_hold() -> None:
    """An engine with limits of its own is not cut off before them."""
    patient = OpenAI(model="big", first_token_timeout=300, retries=0)
    assert GuardedLanguageModel(patient).patience >= 300
    assert (
        GuardedLanguageModel(LanguageModelFallback([("a", patient), ("b", patient)])).patience
        >= 600
    )
    voice = Command(command=["sleep"], timeout=200)
    assert voice.patience > 200

    async def slow() -> None:
        await anyio.sleep(200)

    class Slow(FaultyTts):
        patience = 205.0

    async with GuardedTextToSpeech(Slow("begin", slow)).open() as utterance:
        await utterance.feed("one")
        await utterance.finish()
        assert len([speech async for speech in utterance]) == 1


async def test_a_voice_may_wait_for_text_and_we_for_the_listener() -> None:
    """Neither is a hang: the model may be slow, and a held reply is not taken."""

    class Waiting(FaultyTts):
        @asynccontextmanager
        async def open(self) -> AsyncGenerator[Any]:
            async with super().open() as utterance:
                feed = utterance.feed

                async def full(text: str) -> None:
                    await anyio.sleep(10)  # what a voice does whose sound nobody takes
                    await feed(text)

                utterance.feed = full  # type: ignore[method-assign]
                yield utterance

    voice: TextToSpeech = GuardedTextToSpeech(Waiting("", hanging))
    async with voice.open() as utterance, anyio.create_task_group() as tasks:

        async def write() -> None:
            for word in ("one ", "two ", "three "):
                await anyio.sleep(100)
                await utterance.feed(word)
            await utterance.finish()

        tasks.start_soon(write)
        async for _ in utterance:
            await anyio.sleep(1000)


@pytest.mark.parametrize("engine", [FaultyStt, FaultyLlm, FaultyTts])
async def test_closing_takes_no_longer_than_five_seconds(engine: type[Faulty]) -> None:
    faulty: Any = engine("aclose", hanging)
    other: Any = {"llm": faulty} if engine is FaultyLlm else {engine.__name__[-3:].lower(): faulty}
    began = anyio.current_time()
    await Agent(Config(), vad=LoudnessVad(), **other).aclose()
    assert anyio.current_time() - began == pytest.approx(5)


@pytest.mark.parametrize("anyio_backend", ["asyncio", "trio"])
async def test_a_thread_that_hangs_is_left_behind(monkeypatch: pytest.MonkeyPatch) -> None:
    """Nobody can stop it, or cancel who waits for it: the next utterance does not wait."""
    monkeypatch.setattr("agent.engines.stt.FINISH", 0.1)
    monkeypatch.setattr("agent.engines.apart.STOP", 0.1)
    forever = threading.Event()

    async def fault() -> None:
        await anyio.to_thread.run_sync(forever.wait)

    stt = FaultyStt("finish", fault)
    guarded = GuardedSpeechToText(stt)
    told: list[Event] = []

    async def hear() -> str:
        async with guarded.listen() as recognition:
            return (await recognition.finish()).text

    async with borders(told.append):
        with anyio.fail_after(5):
            with pytest.raises(SpeechToTextError, match="gave no transcript"):
                await hear()
            assert await hear() == "turn 2"
        forever.set()
    assert [event.record()["code"] for event in told] == ["stt.stuck", "stt.restarted"]


class WithATask(FaultyStt):
    """A recogniser with a task of its own beside it, which fails."""

    @asynccontextmanager
    async def listen(self) -> AsyncGenerator[FaultyStt]:
        async with anyio.create_task_group() as tasks:
            tasks.start_soon(self.fault)
            yield self
            tasks.cancel_scope.cancel()

    async def finish(self) -> Transcript:
        await anyio.sleep(1)
        return Transcript("done")


@pytest.mark.parametrize("waiting", [True, False])
async def test_an_engine_that_ends_itself(*, waiting: bool) -> None:
    """Its own scope is cancelled while we wait for it, or do something else."""

    async def fail() -> None:
        await anyio.sleep(0.5)
        raise SystemExit(5)

    async def hear() -> None:
        async with GuardedSpeechToText(WithATask("", fail)).listen() as recognition:
            if not waiting:
                await anyio.sleep(2)
            await recognition.finish()

    with pytest.raises(SpeechToTextError, match="SystemExit: 5"):
        await hear()


@pytest.mark.parametrize("anyio_backend", ["asyncio", "trio"])
@pytest.mark.parametrize("place", ["open", "feed", "finish", "begin"])
async def test_a_thread_of_a_voice_that_hangs(monkeypatch: pytest.MonkeyPatch, place: str) -> None:
    for limit in ("tts.SOUND", "border.BEGIN", "apart.STOP"):
        monkeypatch.setattr(f"agent.engines.{limit}", 0.1)
    forever = threading.Event()

    async def fault() -> None:
        await anyio.to_thread.run_sync(forever.wait)

    guarded = GuardedTextToSpeech(FaultyTts(place, fault))

    async def speak() -> int:
        async with guarded.open() as utterance, anyio.create_task_group() as tasks:

            async def write() -> None:
                await utterance.feed("one two")
                await utterance.finish()

            tasks.start_soon(write)
            pieces = [speech async for speech in utterance]
        return len(pieces)

    async with borders(lambda _: None):
        with anyio.fail_after(5):
            with pytest.raises(TextToSpeechError):
                await speak()
            assert await speak() == 2
        forever.set()


@pytest.mark.parametrize("anyio_backend", ["asyncio", "trio"])
async def test_a_thread_of_the_voice_detector_that_hangs(monkeypatch: pytest.MonkeyPatch) -> None:
    for limit in ("engines.apart.STOP", "turns.guarded_vad.LIMIT"):
        monkeypatch.setattr(f"agent.{limit}", 0.1)
    forever = threading.Event()

    class HangingVad(LoudnessVad):
        blocks = 0

        async def feed(self, pcm: NDArray[np.float32]) -> list[float]:
            self.blocks += 1
            if self.blocks == 1:
                await anyio.to_thread.run_sync(forever.wait)
            return await super().feed(pcm)

    vad = GuardedVad(HangingVad())
    told: list[Event] = []
    async with borders(told.append):
        with anyio.fail_after(5):
            assert await vad.feed(np.ones(1024, np.float32)) == [0.0, 0.0]
            assert await vad.feed(np.ones(1024, np.float32)) == [0.99, 0.99]
        forever.set()
    assert [event.record()["code"] for event in told] == ["vad.failed", "vad.recovered"]


@pytest.mark.parametrize("anyio_backend", ["asyncio"])
async def test_a_decoder_process_that_stands_still(monkeypatch: pytest.MonkeyPatch) -> None:
    """Pocketsphinx's, which is sent commands whole: it is ended when it takes none."""
    monkeypatch.setattr("stt.pocketsphinx.process.SEND", 0.2)
    decoder = await DecoderProcess.start()
    os.kill(decoder._process.pid, signal.SIGSTOP)
    with anyio.fail_after(20), pytest.raises(SpeechToTextError, match="has died"):
        await decoder.start_utterance("0" * (1 << 20))
    await decoder.aclose()
