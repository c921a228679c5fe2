"""Whisper in a conversation: the final transcript is there when the turn ends."""

import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import anyio
import numpy as np
import pytest
from anyio.streams.memory import MemoryObjectReceiveStream, MemoryObjectSendStream
from numpy.typing import NDArray

from agent.agent import Agent
from agent.audio.files import PacedSpeaker
from agent.audio.wav import read_audio
from agent.config import Config
from agent.events import Audio, Event
from stt.whisper import Whisper
from tests.agent.fakes import TTS_RATE, FakeLlm, FakeTts

pytestmark = pytest.mark.anyio

MODEL = Path(__file__).parents[1] / "assets" / "tiny_whisper"
CLIP = Path(__file__).parents[1] / "audio" / "greeting.wav"
DECODING = 0.15
"""Seconds that a decoding takes at least, as those of larger models do."""


@pytest.fixture
def anyio_backend() -> str:
    """What is measured is real time."""
    return "asyncio"


async def converse(turns: int, **turn: Any) -> list[dict[str, Any]]:
    """The events of a conversation in which the user says the same again and again."""
    speech, _ = read_audio(CLIP)
    events: list[dict[str, Any]] = []

    async def microphone(
        _: MemoryObjectReceiveStream[Any], send: MemoryObjectSendStream[Audio], /
    ) -> None:
        pcm = np.tile(np.append(speech, np.zeros(20000, np.float32)), turns)
        began = anyio.current_time()
        for start in range(0, len(pcm), 320):
            await anyio.sleep_until(began + (start + 320) / 16000)
            await send.send(Audio(pcm[start : start + 320], 16000))

    async def nowhere(_pcm: NDArray[np.float32], _when: float) -> None:
        """No sound card."""

    def report(event: Event) -> None:
        events.append(event.record())

    engine = Whisper(model=str(MODEL), device="cpu", language="en")
    llm = FakeLlm([["Fine."]] * turns)
    config = Config.model_validate({"echo": "off", "turn": {"detector": "silence", **turn}})
    async with Agent.open(config, stt=engine, llm=llm, tts=FakeTts()) as agent:
        assert engine._decoder is not None
        decode = engine._decoder.decode

        def slowly(*args: Any) -> Sequence[Any]:
            time.sleep(DECODING)  # in the worker thread
            return decode(*args)

        engine._decoder.decode = slowly  # type: ignore[assignment,method-assign]  # the same, but slow
        with anyio.fail_after(30):
            await agent.converse(microphone, PacedSpeaker(TTS_RATE, nowhere), report)
    return events


async def test_it_is_decoded_in_the_pause() -> None:
    events = await converse(2, silence=0.8)
    committed = [event["text"] for event in events if event["type"] == "turn.committed"]
    assert committed == ["how are you today"] * 2
    latencies = [event["stt_ms"] for event in events if event["type"] == "turn.latency"]
    assert len(latencies) == 2
    assert min(latencies) <= 30  # one of them may have met a busy machine


async def test_without_speculation_it_takes_as_long_as_it_takes() -> None:
    events = await converse(1, silence=0.3, speculate="off")
    (latency,) = [event["stt_ms"] for event in events if event["type"] == "turn.latency"]
    assert latency >= 1000 * DECODING
