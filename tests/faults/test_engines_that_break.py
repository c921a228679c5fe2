"""Whatever an engine raises, even what is no Exception, ends a turn at most; it is told."""

import asyncio
import signal
from collections.abc import AsyncGenerator
from typing import Any

import anyio
import numpy as np
import pytest
from numpy.typing import NDArray
from trio.testing import MockClock

from agent.agent import Agent
from agent.config.load import Config
from agent.engines import GuardedLanguageModel, GuardedTextToSpeech
from agent.engines.fallback.llm import LanguageModelFallback
from agent.guards.foreign import ForeignError, foreign
from llm_adapters import LanguageModelError, TextDelta
from tests.agent.conversation.simulated import Conversation, converse
from tests.agent.fakes import LoudnessVad, Scripted
from tests.faults.engines import (
    LLM_PLACES,
    STT_PLACES,
    TTS_PLACES,
    Faulty,
    FaultyLlm,
    FaultyStt,
    FaultyTts,
    raising,
)
from tts import TextToSpeechError

pytestmark = pytest.mark.anyio


class Own(BaseException):
    """A library's own kind."""


ERRORS: dict[str, BaseException] = {
    "CancelledError": asyncio.CancelledError(),
    "GeneratorExit": GeneratorExit(),
    "SystemExit": SystemExit(3),
    "KeyboardInterrupt": KeyboardInterrupt(),
    "Own": Own("mine"),
    "group": BaseExceptionGroup("several", [SystemExit(3), ValueError("four")]),
    "RuntimeError": RuntimeError("broke"),
}
PLACES = [
    *((FaultyStt, place) for place in STT_PLACES),
    *((FaultyLlm, place) for place in LLM_PLACES),
    *((FaultyTts, place) for place in TTS_PLACES),
]


@pytest.fixture
def anyio_backend() -> tuple[str, dict[str, Any]]:
    return "trio", {"clock": MockClock(autojump_threshold=0)}


on_both = pytest.mark.parametrize("anyio_backend", ["asyncio", "trio"])
on_asyncio = pytest.mark.parametrize("anyio_backend", ["asyncio"])


async def two_turns(engine: Faulty) -> Conversation:
    return await converse(
        Scripted([(0.5, False), (0.5, True), (5, False), (0.5, True), (5, False)]),
        stt=engine if isinstance(engine, FaultyStt) else FaultyStt("", raising(Own())),
        llm=engine if isinstance(engine, FaultyLlm) else FaultyLlm("", raising(Own())),
        tts=engine if isinstance(engine, FaultyTts) else FaultyTts("", raising(Own())),
        config={"turn": {"speculate": "off"}},
    )


@pytest.mark.parametrize("error", ERRORS.values(), ids=ERRORS.keys())
@pytest.mark.parametrize(("kind", "place"), PLACES)
async def test_a_conversation_goes_on(kind: type[Faulty], place: str, error: BaseException) -> None:
    talk = await two_turns(kind(place, raising(error)))
    stage = kind.__name__.removeprefix("Faulty").lower()
    told = [e for e in (*talk.of("error"), *talk.of("warning")) if e["stage"] == stage]
    assert len(told) == 1
    named = error.exceptions[0] if isinstance(error, BaseExceptionGroup) else error
    assert type(named).__name__ in told[0]["message"]
    assert talk.of("assistant.done")[-1]["text"].endswith("is here.")
    assert talk.types()[-1] == "session.ended"


@on_asyncio
@pytest.mark.parametrize("error", ERRORS.values(), ids=ERRORS.keys())
@pytest.mark.parametrize("place", LLM_PLACES[:2])
async def test_asyncio_too(place: str, error: BaseException) -> None:
    model = GuardedLanguageModel(FaultyLlm(place, raising(error)))
    with pytest.raises(LanguageModelError):
        _ = [item async for item in model.reply(())]
    assert len([item async for item in model.reply(())]) == 2


@on_both
@pytest.mark.parametrize("error", ERRORS.values(), ids=ERRORS.keys())
async def test_what_is_raised_while_loading_is_the_engines_failure(error: BaseException) -> None:
    voice = FaultyTts("load", raising(error))
    agent = Agent(Config(), stt=FaultyStt("", raising(Own())), tts=voice, vad=LoudnessVad())
    with pytest.raises(TextToSpeechError):
        await agent.load()
    voice.place = "aclose"
    await agent.aclose()  # without a word


@on_asyncio
async def test_a_task_of_the_engines_that_was_cancelled() -> None:
    """The `CancelledError` that comes out of it is real, and not ours."""

    async def fault() -> None:
        task = asyncio.ensure_future(asyncio.sleep(10))
        task.cancel()
        await task

    model = GuardedLanguageModel(FaultyLlm("reply", fault))
    with pytest.raises(LanguageModelError, match="CancelledError"):
        _ = [item async for item in model.reply(())]


@on_both
async def test_our_own_cancellation_passes() -> None:
    done = False

    async def fault() -> None:
        nonlocal done
        scope.cancel()
        try:
            await anyio.sleep_forever()
        finally:
            done = True

    model = GuardedLanguageModel(FaultyLlm("reply", fault))
    with anyio.CancelScope() as scope:
        _ = [item async for item in model.reply(())]
    assert scope.cancelled_caught
    assert done


@on_asyncio
async def test_a_task_that_is_cancelled_as_asyncio_does_it_ends() -> None:
    began = asyncio.Event()

    async def fault() -> None:
        began.set()
        await asyncio.sleep(10)

    async def use() -> None:
        model = GuardedLanguageModel(FaultyLlm("reply", fault))
        _ = [item async for item in model.reply(())]

    task = asyncio.ensure_future(use())
    await began.wait()
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task


@on_both
async def test_a_failure_beside_our_cancellation_is_told() -> None:
    """Out of a task group of the engine's: its scope gives the cancellation again anyway."""

    async def fail() -> None:
        try:
            await anyio.sleep(1)
        except anyio.get_cancelled_exc_class() as cancelled:
            raise BaseExceptionGroup("both", [cancelled, SystemExit(3)]) from None

    with anyio.CancelScope() as scope:
        scope.cancel()
        with pytest.raises(ForeignError, match="SystemExit: 3"), foreign():
            await fail()


@on_both
async def test_ctrl_c_passes() -> None:
    """A signal brings it wherever the engine happens to be."""
    previous = signal.signal(signal.SIGINT, signal.default_int_handler)
    try:
        with pytest.raises(KeyboardInterrupt), foreign():
            signal.raise_signal(signal.SIGINT)
    finally:
        signal.signal(signal.SIGINT, previous)


@on_both
async def test_a_model_that_breaks_is_one_to_go_on_from() -> None:
    """A third party's, which raises what it likes: the next one answers."""
    first = GuardedLanguageModel(FaultyLlm("reply", raising(SystemExit(1))))
    both = LanguageModelFallback([("first", first), ("second", FaultyLlm("", raising(Own())))])
    items = [item async for item in both.reply(())]
    assert "".join(i.text for i in items if isinstance(i, TextDelta)) == "reply 1 is here."


class BreakingVad(LoudnessVad):
    """Breaks in one place."""

    def __init__(self, fault: Any) -> None:
        super().__init__()
        self.fault = fault
        self.blocks = 0

    async def feed(self, pcm: NDArray[np.float32]) -> list[float]:
        self.blocks += 1
        if self.blocks == 10:
            if isinstance(self.fault, BaseException):
                raise self.fault
            return list(self.fault)
        return await super().feed(pcm)


@pytest.mark.parametrize("fault", [RuntimeError("x"), SystemExit(1), [float("nan")], ["loud"]])
async def test_a_voice_detector_that_breaks(fault: Any) -> None:
    talk = await converse(
        Scripted([(0.5, False), (0.5, True), (4, False)]),
        stt=FaultyStt("", raising(Own())),
        llm=FaultyLlm("", raising(Own())),
        vad=BreakingVad(fault),
    )
    assert [e["code"] for e in talk.of("error")] == ["vad.failed"]
    assert [e["code"] for e in talk.of("warning")] == ["vad.recovered"]
    assert talk.of("assistant.done")[-1]["text"] == "reply 1 is here."
    # The times are right all the same: the voice is 0.5 s long.
    assert talk.of("user.speech_stopped")[0]["speech_s"] == pytest.approx(0.5, abs=0.04)


async def test_a_turn_model_that_breaks() -> None:
    class Model(Faulty):
        async def complete(self, _: Any) -> float:
            await self.at("complete")
            return 0.9

    talk = await converse(
        Scripted([(0.5, False), (0.5, True), (4, False)]),
        stt=FaultyStt("", raising(Own())),
        llm=FaultyLlm("", raising(Own())),
        turn_model=Model("complete", raising(SystemExit(1))),
    )
    assert [(e["stage"], e["message"]) for e in talk.of("error")] == [("turns", "SystemExit: 1")]
    assert talk.of("assistant.done")[-1]["text"] == "reply 1 is here."


@on_both
async def test_a_rate_that_is_none() -> None:
    for rate in (0, -1, None, "fast", float("nan"), 10**9):
        voice: Any = FaultyTts("", raising(Own()))
        voice.sample_rate = rate
        with pytest.raises(TextToSpeechError, match="its sample rate is"):
            _ = GuardedTextToSpeech(voice).sample_rate


async def _close(generator: AsyncGenerator[Any, None]) -> None:
    await generator.aclose()


@on_both
async def test_a_reply_that_is_left_closes_its_model() -> None:
    closed = False

    async def note() -> None:
        nonlocal closed
        closed = True

    reply = GuardedLanguageModel(FaultyLlm("close", note)).reply(())
    await anext(reply)
    await _close(reply)
    assert closed
