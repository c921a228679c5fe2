"""Sound files of every kind, whole or damaged, with headers that lie, of any length."""

import io
import os
import struct
import threading
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from agent.audio.files import WavMicrophone
from agent.audio.wav import AudioFile, WavWriter, read_audio
from agent.cli.commands.transcribe import TextOutput, transcribe
from agent.config.sections import VadSettings
from agent.errors import AudioError
from stt import Transcript
from tests.agent.fakes import LoudnessVad
from tests.faults.hostile import MB, bounded_memory
from tts.command import decode_wav

FUZZ = int(os.environ.get("PARLEY_FUZZ_WAV", "300"))
"""Damaged headers to be tried: PARLEY_FUZZ_WAV=20000 for a long run."""

PCM, ADPCM, FLOAT, ALAW, IMA, EXTENSIBLE = 1, 2, 3, 6, 17, 0xFFFE


def wav(
    data: bytes,
    *,
    kind: int = PCM,
    channels: int = 1,
    rate: int = 8000,
    bits: int = 16,
    size: int | None = None,
    riff: int = 0xFFFFFFFF,
    before: bytes = b"",
    more: bytes = b"",
) -> bytes:
    """A file that says of itself what it is told to say."""
    frame = channels * bits // 8
    form = struct.pack(
        "<HHIIHH", kind, channels, rate, min(rate * frame, 0xFFFFFFFF), frame & 0xFFFF, bits
    )
    form += more
    body = b"WAVEfmt " + struct.pack("<I", len(form)) + form + before
    body += b"data" + struct.pack("<I", len(data) if size is None else size) + data
    return b"RIFF" + struct.pack("<I", riff) + body


def extensible(bits: int, kind: int) -> bytes:
    return struct.pack("<HHIH", 22, bits, 4, kind) + bytes.fromhex("000000001000800000aa00389b71")


RAMP = np.linspace(-0.9, 0.9, 4000)
S64 = np.rint(RAMP * 2.0**62 * 2).astype("<i8").tobytes()
S24 = b"".join(int(x).to_bytes(3, "little", signed=True) for x in np.rint(RAMP * 2**23))
READ = {
    "8 bit": (wav((np.rint(RAMP * 128) + 128).astype("u1").tobytes(), bits=8), 0.01),
    "16 bit": (wav(np.rint(RAMP * 32768).astype("<i2").tobytes()), 1e-4),
    "24 bit": (wav(S24, bits=24), 1e-6),
    "32 bit": (wav(np.rint(RAMP * 2**31).astype("<i4").tobytes(), bits=32), 1e-6),
    "64 bit": (wav(S64, bits=64), 1e-6),
    "float": (wav(RAMP.astype("<f4").tobytes(), kind=FLOAT, bits=32), 1e-6),
    "double": (wav(RAMP.astype("<f8").tobytes(), kind=FLOAT, bits=64), 1e-6),
    "64 bit, extensible": (
        wav(S64, kind=EXTENSIBLE, bits=64, more=extensible(64, PCM)),
        1e-6,
    ),
    "double, extensible": (
        wav(RAMP.astype("<f8").tobytes(), kind=EXTENSIBLE, bits=64, more=extensible(64, FLOAT)),
        1e-6,
    ),
    "no size": (wav(np.rint(RAMP * 32768).astype("<i2").tobytes(), size=0), 1e-4),
    "the largest size": (wav(np.rint(RAMP * 32768).astype("<i2").tobytes(), size=2**32 - 1), 1e-4),
    "no riff size": (wav(np.rint(RAMP * 32768).astype("<i2").tobytes(), riff=0), 1e-4),
    "half a sample more": (wav(np.rint(RAMP * 32768).astype("<i2").tobytes() + b"x"), 1e-4),
    "64 channels": (
        wav(np.repeat(np.rint(RAMP * 32768), 64).astype("<i2").tobytes(), channels=64),
        1e-4,
    ),
}


@pytest.mark.parametrize("kind", READ)
def test_every_wav_is_read(tmp_path: Path, kind: str) -> None:
    data, within = READ[kind]
    path = tmp_path / "a.wav"
    path.write_bytes(data)
    pcm, rate = read_audio(path)
    assert rate == 8000
    assert abs(len(pcm) - 4000) <= 1
    np.testing.assert_allclose(pcm[:4000], RAMP, atol=within)
    np.testing.assert_allclose(decode_wav(data, 8000)[:4000], RAMP, atol=within)


@pytest.mark.parametrize("kind", [ADPCM, IMA])
def test_compressed_wavs_are_read_or_one_clear_line(tmp_path: Path, kind: int) -> None:
    path = tmp_path / "a.wav"
    path.write_bytes(wav(bytes(range(256)) * 40, kind=kind, bits=4))
    try:
        assert len(read_audio(path)[0])
    except AudioError as error:
        assert len(str(error).splitlines()) == 1  # noqa: PT017


LYING = {
    "1 Hz": wav(b"\0\1" * 10_000, rate=1),
    "no rate": wav(b"\0\1" * 10_000, rate=0),
    "100 Hz": wav(b"\0\1" * 10_000, rate=100),
    "4 GHz": wav(b"\0\1" * 10_000, rate=2**32 - 1),
    "2 GHz": wav(b"\0\1" * 10_000, rate=2**31 - 1),
    "65,535 channels": wav(bytes(200_000), channels=65_535),
    "1,000 channels": wav(bytes(200_000), channels=1_000),
    "no channels": wav(bytes(200_000), channels=0),
    "no bits": wav(bytes(200_000), bits=0),
    "65,535 bits": wav(bytes(200_000), bits=65_535),
    "a kind unknown": wav(bytes(200_000), kind=0x1234),
    "an end in the header": wav(b"")[:30],
    "a gigabyte of notes": wav(b"")[:36] + b"LIST\0\0\0\x40INFOIART\xf4\xff\xff\x3f" + bytes(9000),
    "notes at the end": wav(bytes(9000)) + b"LIST\0\0\0\x40INFOIART\xf4\xff\xff\x3f" + bytes(9000),
    "nothing but chunks": b"RIFF\xff\xff\xff\xffWAVE" + b"junk\0\0\0\0" * 20_000,
}


@pytest.mark.parametrize("kind", LYING)
def test_a_header_that_lies_is_one_clear_line(tmp_path: Path, kind: str) -> None:
    path = tmp_path / "a.wav"
    path.write_bytes(LYING[kind])
    with bounded_memory(), pytest.raises(AudioError) as raised:
        WavMicrophone(path)
    assert str(raised.value).startswith(f"{path} ")
    assert str(raised.value).endswith("; convert it to WAV")
    assert len(str(raised.value).splitlines()) == 1
    with bounded_memory(), pytest.raises(ValueError, match="what it made "):
        decode_wav(LYING[kind], 22050)


@pytest.mark.parametrize("name", [b"LIST", b"id3 ", b"junk"])
def test_what_stands_before_the_sound_has_a_limit(tmp_path: Path, name: bytes) -> None:
    """A gigabyte of it, which FFmpeg may keep."""
    path = tmp_path / "a.wav"
    size = 1 << 30
    notes = b"INFOIART" + struct.pack("<I", size - 12) if name == b"LIST" else b""
    with path.open("wb") as file:
        file.write(wav(b"")[:36] + name + struct.pack("<I", size) + notes)
        file.truncate(size + 44)
        file.seek(0, 2)
        file.write(b"data" + struct.pack("<I", 16000) + bytes(16000))
    with bounded_memory():
        try:
            assert len(read_audio(path)[0]) == 8000
        except AudioError as error:
            assert str(error).startswith(f"{path} ")  # noqa: PT017


@settings(max_examples=FUZZ, derandomize=True)
@given(st.lists(st.tuples(st.integers(0, 79), st.binary(min_size=1, max_size=4)), max_size=4))
def test_damaged_headers(changes: list[tuple[int, bytes]]) -> None:
    """Read, or one clear line."""
    data = bytearray(wav(bytes(range(256)) * 8, more=extensible(16, PCM)))
    for place, change in changes:
        data[place : place + len(change)] = change
    path = Path(f"/dev/shm/parley-{os.getpid()}.wav")
    path = path if path.parent.exists() else Path(f"parley-{os.getpid()}.wav")
    path.write_bytes(data)
    try:
        pcm, rate = read_audio(path)
    except AudioError as error:
        assert len(str(error).splitlines()) == 1  # noqa: PT017
    else:
        assert np.isfinite(pcm).all()
        assert 1000 <= rate <= 768_000
    finally:
        path.unlink()
    try:
        assert np.isfinite(decode_wav(bytes(data), 22050)).all()
    except ValueError as error:
        assert len(str(error).splitlines()) == 1  # noqa: PT017


def long_file(path: Path, seconds: int, *, rate: int = 16000, channels: int = 1) -> Path:
    """Silence, which takes no room on the disk, with half a second of sound in each minute."""
    frame = 2 * channels
    with WavWriter(path, rate, channels):
        pass
    loud = np.full(rate // 2 * channels, 20_000, "<i2").tobytes()
    with path.open("r+b") as file:
        file.truncate(44 + seconds * rate * frame)
        for minute in range(seconds // 60):
            file.seek(44 + (60 * minute + 30) * rate * frame)
            file.write(loud)
        file.seek(40)
        file.write(struct.pack("<I", min(seconds * rate * frame, 0xFFFFFFFF)))
    return path


class Listener:
    """A recogniser that counts."""

    sample_rate = 16000

    def __init__(self) -> None:
        self.heard: list[int] = []

    async def load(self) -> None: ...

    async def aclose(self) -> None: ...

    @asynccontextmanager
    async def listen(self) -> AsyncIterator["Listener"]:
        self.heard.append(0)
        yield self

    async def feed(self, pcm: NDArray[np.float32]) -> None:
        self.heard[-1] += len(pcm)

    async def finish(self) -> Transcript:
        return Transcript("hello")


@pytest.mark.long
@pytest.mark.anyio
async def test_a_file_of_hours_is_transcribed_in_little_memory(tmp_path: Path) -> None:
    short = long_file(tmp_path / "short.wav", 120)
    path = long_file(tmp_path / "long.wav", 3600)
    output = io.StringIO()
    await transcribe(
        [str(short)], Listener(), LoudnessVad(), VadSettings(), TextOutput(output, titles=False)
    )
    listener = Listener()
    with bounded_memory(32 * MB):
        status = await transcribe(
            [str(path)], listener, LoudnessVad(), VadSettings(), TextOutput(output, titles=False)
        )
    assert status == 0
    assert len(listener.heard) == 60
    assert all(8000 <= samples <= 24_000 for samples in listener.heard)


def test_a_microphone_that_is_a_long_file_takes_little_memory(tmp_path: Path) -> None:
    path = long_file(tmp_path / "long.wav", 600, rate=48000, channels=2)
    WavMicrophone(long_file(tmp_path / "short.wav", 60))
    with bounded_memory(8 * MB):
        assert sum(map(len, WavMicrophone(path, silence=0)._pieces(160))) == 600 * 16000


def test_a_file_that_is_read_whole_has_a_limit(tmp_path: Path) -> None:
    path = long_file(tmp_path / "long.wav", 1800)
    with bounded_memory(), pytest.raises(AudioError, match=r"is longer than 1 minutes; cut it"):
        read_audio(path, longest=60)


def test_a_pipe_is_played_from_its_beginning(tmp_path: Path) -> None:
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    data = wav(np.rint(RAMP * 32768).astype("<i2").tobytes(), rate=16000, size=2**32 - 1)
    writer = threading.Thread(target=pipe.write_bytes, args=(data,))
    writer.start()
    microphone = WavMicrophone(pipe, silence=0)
    assert sum(map(len, microphone._pieces(160))) == 4000
    writer.join()


def test_blocks_are_the_file(tmp_path: Path) -> None:
    path = tmp_path / "a.wav"
    path.write_bytes(READ["16 bit"][0])
    with AudioFile(path) as file:
        blocks: Iterator[NDArray[np.float32]] = iter(file)
        assert np.array_equal(np.concatenate([*blocks]), read_audio(path)[0])
