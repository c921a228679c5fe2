"""Whisper in a conversation: the final transcript is there when the turn ends."""

import time
from collections.abc import Sequence
from typing import Any

import pytest

from stt.whisper.decoder import Decoder
from stt.whisper.engine import Whisper
from tests.e2e.spoken import converse
from tests.paths import ASSETS

pytestmark = pytest.mark.anyio

MODEL = ASSETS / "tiny_whisper"
DECODING = 0.15
"""Seconds that a decoding takes at least, as those of larger models do."""


@pytest.fixture
def anyio_backend() -> str:
    """What is measured is real time."""
    return "asyncio"


@pytest.fixture
def whisper(monkeypatch: pytest.MonkeyPatch) -> Whisper:
    decode = Decoder.decode

    def slowly(*args: Any) -> Sequence[Any]:
        time.sleep(DECODING)  # in the worker thread
        return decode(*args)

    monkeypatch.setattr(Decoder, "decode", slowly)
    return Whisper(model=str(MODEL), device="cpu", language="en")


async def test_it_is_decoded_in_the_pause(whisper: Whisper) -> None:
    turn = {"detector": "silence", "silence": 0.8}
    events = await converse(whisper, ["greeting"] * 2, {"turn": turn})
    committed = [event["text"] for event in events if event["type"] == "turn.committed"]
    assert committed == ["how are you today"] * 2
    latencies = [event["stt_ms"] for event in events if event["type"] == "turn.latency"]
    assert len(latencies) == 2
    assert min(latencies) <= 30  # one of them may have met a busy machine


async def test_without_speculation_it_takes_as_long_as_it_takes(whisper: Whisper) -> None:
    turn = {"detector": "silence", "silence": 0.3, "speculate": "off"}
    events = await converse(whisper, ["greeting"], {"turn": turn})
    (latency,) = [event["stt_ms"] for event in events if event["type"] == "turn.latency"]
    assert latency >= 1000 * DECODING
