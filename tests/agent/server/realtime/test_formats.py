"""PCM and G.711 as they are on the wire."""

import numpy as np
import pytest
from numpy.typing import NDArray

from agent.server.realtime.errors import RealtimeError
from agent.server.realtime.formats import Coded, Encoder, Kind, encode


def decode(data: bytes, kind: Kind) -> NDArray[np.int16]:
    return Coded.read(data, kind).pcm()


def test_pcm_is_little_endian() -> None:
    assert encode(np.array([0.0, 1.0, -1.0], np.float32), "audio/pcm") == b"\0\0\xff\x7f\x01\x80"
    assert list(decode(b"\x01\x00\x00\x80", "audio/pcm")) == [1, -32768]
    with pytest.raises(RealtimeError, match="3 bytes"):
        decode(b"123", "audio/pcm")


@pytest.mark.parametrize(
    ("kind", "values"),
    [  # from the tables of the recommendation
        ("audio/pcmu", {0xFF: 0, 0x80: 32124, 0x00: -32124, 0xF0: 120, 0x70: -120}),
        ("audio/pcma", {0xD5: 8, 0x55: -8, 0xAA: 32256, 0x2A: -32256}),
    ],
)
def test_the_laws(kind: Kind, values: dict[int, int]) -> None:
    decoded = decode(bytes(values), kind)
    assert list(decoded) == list(values.values())
    assert encode(decoded.astype(np.float32) / np.float32(32767), kind) == bytes(values)


@pytest.mark.parametrize("kind", ["audio/pcmu", "audio/pcma"])
def test_a_tone_is_8_kilohertz_and_nearly_itself(kind: Kind) -> None:
    tone = np.sin(np.arange(24000) * 2 * np.pi * 440 / 24000).astype(np.float32) * 0.5
    encoder = Encoder(24000, kind)
    data = encoder.add(tone[:10_000]) + encoder.add(tone[10_000:]) + encoder.finish()
    assert len(data) == 8000
    heard = decode(data, kind)[1000:7000] / 32768
    expected = np.sin(np.arange(1000, 7000) * 2 * np.pi * 440 / 8000) * 0.5
    assert np.abs(heard - expected).max() < 0.02
