"""What the user said is in their item when it is retrieved, and nowhere else."""

import base64
from typing import Any

import numpy as np
import pytest
from trio.testing import MockClock

from agent.server.realtime.formats import Coded
from agent.server.realtime.latest_sound import KEPT, LatestSound
from tests.agent.server.realtime.served import Client, an_agent, base64_of, connected, sound

pytestmark = pytest.mark.anyio


@pytest.fixture
def anyio_backend() -> tuple[str, dict[str, Any]]:
    return "trio", {"clock": MockClock(autojump_threshold=0)}


async def retrieved(client: Client, item_id: str) -> bytes:
    client.send("conversation.item.retrieve", item_id=item_id)
    item = (await client.until("conversation.item.retrieved"))["item"]
    return base64.b64decode(item["content"][0].get("audio", ""))


async def test_a_detected_turn() -> None:
    async with connected(an_agent([["Noon."]], ["what time is it"])) as client:
        client.update(audio={"input": {"turn_detection": {"type": "server_vad"}}})
        await client.speak((1, False), (1, True), (1, False))
        committed = await client.until("input_audio_buffer.committed")
        heard = np.frombuffer(await retrieved(client, committed["item_id"]), "<i2")
        started = client.of("input_audio_buffer.speech_started")[0]["audio_start_ms"]
        stopped = client.of("input_audio_buffer.speech_stopped")[0]["audio_end_ms"]
        assert len(heard) == pytest.approx((stopped - started) * 24, abs=48)
        assert np.count_nonzero(heard == 16000) == pytest.approx(24000, abs=1500)
    told = [e["item"] for e in client.events if e["type"].startswith("conversation.item.")]
    assert [c for item in told[:-1] for c in item["content"] if "audio" in c] == []


async def test_what_was_committed_and_what_a_client_put_in() -> None:
    async with connected(an_agent([], ["one", "two"])) as client:
        turns = {"turn_detection": None, "format": {"type": "audio/pcmu"}}
        client.update(audio={"input": turns})
        for value in (b"\x01", b"\x02"):
            client.send("input_audio_buffer.append", audio=base64_of(value * 2000))
            client.send("input_audio_buffer.commit")
        items = [event["item_id"] for event in client.of("input_audio_buffer.committed")]
        assert await retrieved(client, items[1]) == b"\x02" * 2000
    async with connected(an_agent([], ["one"])) as client:
        part = {"type": "input_audio", "audio": base64_of(sound(0.5, loud=True))}
        item = {"id": "mine", "type": "message", "role": "user", "content": [part]}
        client.send("conversation.item.create", item=item)
        assert await retrieved(client, "mine") == sound(0.5, loud=True)


def test_only_the_latest_is_kept_and_a_format_of_its_own() -> None:
    latest = LatestSound()
    latest.add(Coded.read(b"\0\0" * 2400, "audio/pcm"))
    for value in range(3):
        latest.add(Coded.read(bytes([value]) * (KEPT // 2), "audio/pcmu"))
    length = KEPT / 2 / 8
    assert latest.end_ms == pytest.approx(100 + 3 * length)
    data, byte_ms = latest.between(0, latest.end_ms)
    assert (len(data), set(data), byte_ms) == (KEPT, {1, 2}, 0.125)
    latest.add(Coded(np.zeros(4800, np.int16), 48000))
    assert latest.between(latest.end_ms - 100, latest.end_ms) == (b"", 0.0)
    latest.add(Coded.read(b"\1\0" * KEPT, "audio/pcm"))
    data, byte_ms = latest.between(0, latest.end_ms)
    assert (len(data), byte_ms) == (KEPT, 1000 / 48000)
