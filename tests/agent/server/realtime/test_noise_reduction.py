"""A session's noise reduction: what is heard has less noise, and keeps its place in time."""

import sys
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from typing import Any

import anyio
import numpy as np
import pytest
from numpy.typing import NDArray
from trio.testing import MockClock

from stt import Transcript
from tests.agent.fakes import FakeRecognition, FakeStt
from tests.agent.server.realtime.served import Client, an_agent, base64_of, connected

pytestmark = pytest.mark.anyio


@pytest.fixture
def anyio_backend() -> tuple[str, dict[str, Any]]:
    return "trio", {"clock": MockClock(autojump_threshold=0)}


class KeepingStt(FakeStt):
    """Keeps what it hears of each utterance."""

    def __init__(self) -> None:
        super().__init__(["one", "two", "three"])
        self.kept: list[list[NDArray[np.float32]]] = []

    @asynccontextmanager
    async def listen(self) -> AsyncGenerator[FakeRecognition]:
        self.kept.append([])
        yield Keeping(self)

    def levels(self) -> list[float]:
        """Of the middle of each utterance, in decibels."""
        heard = [np.concatenate(each)[16000:-16000] for each in self.kept]
        return [10 * float(np.log10(np.square(pcm).mean())) for pcm in heard]


class Keeping(FakeRecognition):
    async def feed(self, pcm: NDArray[np.float32]) -> Transcript | None:
        stt = self._stt
        assert isinstance(stt, KeepingStt)
        stt.kept[-1].append(pcm)
        return await super().feed(pcm)


async def commit(client: Client, count: int) -> None:
    """Three seconds of noise, as a turn of its own."""
    noise = np.random.default_rng(0).normal(0, 0.02, 3 * 24000)
    pcm = (noise * 32767).astype("<i2").tobytes()
    client.send("input_audio_buffer.append", audio=base64_of(pcm))
    client.send("input_audio_buffer.commit")
    await client.until("conversation.item.input_audio_transcription.completed", count)


def wanted(reduction: Any) -> dict[str, Any]:
    heard = {"turn_detection": None, "transcription": {"model": "x"}, "noise_reduction": reduction}
    return {"input": heard}


async def test_what_is_heard_has_less_noise() -> None:
    stt = KeepingStt()
    async with connected(an_agent(stt=stt)) as client:
        for count, kind in enumerate((None, "near_field", "far_field"), 1):
            reduction = None if kind is None else {"type": kind}
            client.update(audio=wanted(reduction))
            session = client.of("session.updated")[-1]["session"]
            assert session["audio"]["input"]["noise_reduction"] == reduction
            await commit(client, count)
    as_it_is, near, far = stt.levels()
    assert near < as_it_is - 9
    assert far < near - 4
    lengths = [sum(map(len, each)) / 16000 for each in stt.kept]
    assert lengths == pytest.approx([3, 3, 3], abs=0.02)


async def test_a_turn_is_where_it_was() -> None:
    """The suppressor is 6 ms behind, and nobody notices."""
    async with connected(an_agent([], ["one"])) as client:
        client.update(audio={"input": {"noise_reduction": {"type": "near_field"}}})
        began = anyio.current_time()
        await client.speak((1, False))
        tone = 0.9 * np.sign(np.sin(np.arange(480) * 2 * np.pi * 200 / 24000)) + 0.05
        for _ in range(50):
            await anyio.sleep(0.02)
            pcm = (np.abs(tone) * 32767).astype("<i2").tobytes()
            client.send("input_audio_buffer.append", audio=base64_of(pcm))
        await client.speak((2, False))
        stopped = await client.until("input_audio_buffer.speech_stopped")
        assert anyio.current_time() - began < 5
    started = client.of("input_audio_buffer.speech_started")[0]
    assert started["audio_start_ms"] == pytest.approx(700, abs=100)
    assert stopped["audio_end_ms"] == pytest.approx(2000, abs=100)


async def test_where_there_is_none_the_client_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "pywebrtc_audio", None)
    async with connected(an_agent()) as client:
        client.update(instructions="New.", audio=wanted({"type": "far_field"}))
        error = client.of("error")[0]["error"]
        assert error["param"] == "session.audio.input.noise_reduction"
        assert "pip install" in error["message"]
        client.update()
        session = client.of("session.updated")[-1]["session"]
        assert session["audio"]["input"]["noise_reduction"] is None
        assert session["instructions"] != "New."
