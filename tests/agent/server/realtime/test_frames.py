"""Large frames: their sound beside the loop, and never much of it at once."""

import base64
import binascii
import json
import threading
from typing import Any

import pytest

from agent.server.realtime import formats, frames
from agent.server.realtime.errors import RealtimeError
from agent.server.realtime.formats import MAX_AUDIO, SLICE, from_base64
from agent.server.realtime.frames import read, take

pytestmark = pytest.mark.anyio

SOUND = base64.b64encode(bytes(range(256)) * 2000).decode()
"""Longer than what is taken out of a frame."""


def unchanged(event: dict[str, Any]) -> dict[str, Any]:
    return event


async def test_fifteen_mebibytes_are_read_in_slices_in_a_thread(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    texts: list[int] = []
    slices: list[tuple[int, int]] = []

    class Json:
        @staticmethod
        def loads(text: str) -> Any:
            texts.append(len(text))
            return json.loads(text)

        dumps = json.dumps

    class Binascii:
        @staticmethod
        def a2b_base64(text: str, *, strict_mode: bool) -> bytes:
            slices.append((len(text), threading.get_ident()))
            return binascii.a2b_base64(text, strict_mode=strict_mode)

    monkeypatch.setattr(frames, "json", Json)
    monkeypatch.setattr(formats, "binascii", Binascii)
    data = bytes(MAX_AUDIO)
    event = {"type": "input_audio_buffer.append", "audio": base64.b64encode(data).decode()}
    appended = await take(json.dumps(event), unchanged)
    assert [each.data for each in appended.sounds] == [data]
    assert max(texts) < 200  # a reader of JSON lets no other thread run
    assert max(length for length, _ in slices) <= SLICE
    assert threading.get_ident() not in {thread for _, thread in slices}


@pytest.mark.parametrize(
    "frame",
    [
        json.dumps({"audio": SOUND}),
        json.dumps({"audio": SOUND, "event_id": "\0sound 0 ö"}, indent=3, ensure_ascii=False),
        json.dumps({"a": [{"audio": SOUND}, {"audio": SOUND[:-4]}, {"audio": "AAAA"}]}),
        json.dumps({"audio": SOUND}).replace("/", "\\/"),
        json.dumps({"audio": {"audio": [SOUND]}, "text": '"audio": "' + SOUND}),
        json.dumps({'x"audio': SOUND, "audio": None, "b": '"audio"'}),
        json.dumps({"audio": 1, "b": SOUND, "c": {"audio": SOUND}}),
        '{"audio":\n\t"' + SOUND + '" , "audio" : "' + SOUND[4:] + '"}',
    ],
)
def test_what_is_read_is_what_the_json_says(frame: str) -> None:
    assert read(frame) == read(frame.encode()) == json.loads(frame)


@pytest.mark.parametrize("frame", ['{"audio": "' + SOUND, '{"audio": "' + SOUND + '", ', SOUND])
def test_what_is_no_json(frame: str) -> None:
    with pytest.raises(RealtimeError, match="not JSON"):
        read(frame)


@pytest.mark.parametrize("place", [SLICE - 4, SLICE, len(SOUND) - 8])
@pytest.mark.parametrize("wrong", ["AA==", "A===", "AA\n=", "ÄAAA", "====", "A AA"])
def test_what_is_no_base64(place: int, wrong: str) -> None:
    with pytest.raises(RealtimeError, match="not base64"):
        from_base64(SOUND[:place] + wrong + SOUND[place + 4 :])


def test_base64_that_ends_anywhere() -> None:
    for length in (0, 1, 2, 3, SLICE // 4 * 3, SLICE // 4 * 3 + 1, 500_001):
        data = bytes(length)
        assert from_base64(base64.b64encode(data).decode()) == data
    with pytest.raises(RealtimeError, match="15 MiB"):
        from_base64("A" * (MAX_AUDIO * 4 // 3 + 8))
