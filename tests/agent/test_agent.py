"""The whole agent as a stage, in time, on a virtual clock."""

from typing import Any

import anyio
import numpy as np
import pytest
from trio.testing import MockClock

from agent.agent import Agent
from agent.config.load import Config
from agent.errors import StageError
from agent.events import AssistantDone, Audio, Event, SessionEnded, SessionStarted
from agent.graph import Graph
from tests.agent.fakes import TTS_RATE, FakeLlm, FakeStt, FakeTts, LoudnessVad, Scripted
from tts import TextToSpeechError

pytestmark = pytest.mark.anyio


@pytest.fixture
def anyio_backend() -> tuple[str, dict[str, Any]]:
    return "trio", {"clock": MockClock(autojump_threshold=0)}


def an_agent(**engines: Any) -> Agent:
    fakes = {"stt": FakeStt(["hello"]), "llm": FakeLlm([["Hi ", "there."]]), "tts": FakeTts()}
    return Agent(Config(), vad=LoudnessVad(), **{**fakes, **engines})


MICROPHONE = Scripted([(0.5, False), (0.5, True), (1, False)])


async def test_audio_in_audio_and_events_out() -> None:
    began = anyio.current_time()
    async with Graph(MICROPHONE, name="microphone").then(an_agent()).open() as (_, out):
        items = [item async for item in out]
    events = [item for item in items if isinstance(item, Event)]
    audio = [item for item in items if isinstance(item, Audio)]
    assert isinstance(events[0], SessionStarted)
    assert isinstance(events[-1], SessionEnded)
    assert AssistantDone(1, "Hi there.") in events
    # The audio is a real-time stream without a hole, silence included, at the voice's own rate.
    assert {block.sample_rate for block in audio} == {TTS_RATE}
    times = [block.time - began for block in audio if block.time is not None]
    assert times == pytest.approx([0.01 * n for n in range(len(audio))])
    pcm = np.concatenate([block.pcm for block in audio])
    assert np.count_nonzero(pcm > 0.24) == pytest.approx(0.4 * TTS_RATE, abs=0.005 * TTS_RATE)


async def test_a_listener_that_leaves_ends_the_agent() -> None:
    async with Graph(MICROPHONE, name="microphone").then(an_agent()).open() as (_, out):
        async for item in out:
            if isinstance(item, Audio) and item.pcm.any():
                break


async def test_a_stage_of_ones_own_in_front() -> None:
    async def mute(receive: Any, send: Any, /) -> None:
        async for block in receive:
            await send.send(Audio(np.zeros_like(block.pcm), block.sample_rate, block.time))

    graph = Graph(MICROPHONE, name="microphone").then(mute).then(an_agent())
    async with graph.open() as (_, out):
        events = [item async for item in out if isinstance(item, Event)]
    assert [type(event) for event in events] == [SessionStarted, SessionEnded]


async def test_a_microphone_that_fails_is_named_and_the_session_ends() -> None:
    async def broken(_: Any, __: Any, /) -> None:
        raise OSError("no such device")

    seen: list[Event] = []

    async def use() -> None:
        async with Graph(broken).then(an_agent()).open() as (_, out):
            seen.extend([item async for item in out if isinstance(item, Event)])

    with pytest.raises(StageError, match=r"^broken: no such device$"):
        await use()


async def test_an_agent_can_be_used_twice() -> None:
    agent = an_agent(stt=FakeStt(["one", "two"]), llm=FakeLlm([["One."], ["Two."]]))
    for text in ("One.", "Two."):
        async with Graph(MICROPHONE, name="microphone").then(agent).open() as (_, out):
            events = [item async for item in out if isinstance(item, Event)]
        assert AssistantDone(1, text) in events


async def test_engines_load_side_by_side_and_tell_when() -> None:
    class Slow(FakeStt):
        async def load(self) -> None:
            await anyio.sleep(2)

    class Slower(FakeTts):
        async def load(self) -> None:
            await anyio.sleep(3)

    began = anyio.current_time()
    loaded: list[tuple[str, float]] = []
    await an_agent(stt=Slow([]), tts=Slower()).load(lambda part, s: loaded.append((part, s)))
    assert anyio.current_time() - began == pytest.approx(3)
    assert dict(loaded)["stt"] == pytest.approx(2)


async def test_an_engine_that_cannot_load_says_why_by_itself() -> None:
    class Broken(FakeTts):
        async def load(self) -> None:
            raise RuntimeError("no voice")

    with pytest.raises(TextToSpeechError, match="RuntimeError: no voice"):
        await an_agent(tts=Broken()).load()
