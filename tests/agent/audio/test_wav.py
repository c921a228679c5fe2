import struct
from collections.abc import Callable
from pathlib import Path

import av
import numpy as np
import pytest
from numpy.typing import NDArray

from agent.audio.wav import WavWriter, read_audio
from agent.errors import AudioError

PCM, FLOAT = 1, 3
SUBTYPE = bytes.fromhex("0000000010008000 00aa00389b71")  # the rest of a WAVE_FORMAT_EXTENSIBLE id


def encode(pcm: NDArray[np.float64], bits: int, kind: int) -> bytes:
    if kind == FLOAT:
        return pcm.astype(f"<f{bits // 8}").tobytes()
    if bits == 8:
        return (np.rint(pcm * 128) + 128).astype(np.uint8).tobytes()
    whole = np.rint(pcm * 2 ** (bits - 1)).astype("<i4")
    low_bytes: NDArray[np.uint8] = whole[..., None].view(np.uint8)[..., : bits // 8]
    return low_bytes.tobytes()


def wav(
    data: bytes, rate: int = 16000, channels: int = 1, bits: int = 16, kind: int = PCM,
    *, extensible: bool = False, before: bytes = b"",
) -> bytes:  # fmt: skip
    frame = channels * bits // 8
    tag = 0xFFFE if extensible else kind
    form = struct.pack("<HHIIHH", tag, channels, rate, rate * frame, frame, bits)
    if extensible:
        form += struct.pack("<HHIH", 22, bits, (1 << channels) - 1, kind) + SUBTYPE
    body = b"WAVEfmt " + struct.pack("<I", len(form)) + form + before
    body += b"data" + struct.pack("<I", len(data)) + data
    return b"RIFF" + struct.pack("<I", len(body)) + body


@pytest.mark.parametrize("extensible", [False, True])
@pytest.mark.parametrize("channels", [1, 2, 6])
@pytest.mark.parametrize("rate", [8000, 96000])
@pytest.mark.parametrize(
    ("bits", "kind"), [(8, PCM), (16, PCM), (24, PCM), (32, PCM), (32, FLOAT), (64, FLOAT)]
)
def test_reads_every_wav(
    *, tmp_path: Path, bits: int, kind: int, rate: int, channels: int, extensible: bool
) -> None:
    pcm = np.random.default_rng(4).uniform(-0.9, 0.9, (777, channels))
    path = tmp_path / "a.wav"
    path.write_bytes(
        wav(encode(pcm, bits, kind), rate, channels, bits, kind, extensible=extensible)
    )
    out, sample_rate = read_audio(path)
    assert sample_rate == rate
    assert out.dtype == np.float32
    assert out.shape == (777,)
    np.testing.assert_allclose(out, pcm.mean(axis=1), atol=max(2.0**-bits, 1e-6))


def test_reads_other_formats(tmp_path: Path) -> None:
    path = tmp_path / "a.flac"
    pcm = np.rint(np.sin(np.arange(5000) / 20) * 20000).astype(np.int16)
    with av.open(str(path), "w") as container:
        stream = container.add_stream("flac", rate=24000, layout="mono")
        frame = av.AudioFrame.from_ndarray(pcm[None], format="s16", layout="mono")
        frame.sample_rate = 24000
        container.mux([*stream.encode(frame), *stream.encode(None)])
    out, sample_rate = read_audio(path)
    assert sample_rate == 24000
    np.testing.assert_array_equal(out, (pcm / 32768).astype(np.float32))


def test_a_cut_file_gives_what_is_there(tmp_path: Path) -> None:
    path = tmp_path / "a.wav"
    pcm = np.arange(-500, 500, dtype="<i2")
    path.write_bytes(wav(pcm.tobytes())[: 44 + 501])
    out, _ = read_audio(path)
    np.testing.assert_array_equal(out, pcm[:250].astype(np.float32) / 32768)


def test_notes_in_any_alphabet_do_no_harm(tmp_path: Path) -> None:
    note = (
        b"LIST"
        + struct.pack("<I", 18)
        + b"INFOINAM"
        + struct.pack("<I", 6)
        + "Müller".encode("latin-1")
    )
    path = tmp_path / "a.wav"
    path.write_bytes(wav(bytes(200), before=note))
    assert len(read_audio(path)[0]) == 100


def test_floats_that_are_no_sound_are_tamed(tmp_path: Path) -> None:
    path = tmp_path / "a.wav"
    path.write_bytes(wav(np.array([np.nan, np.inf, -7, 0.5], "<f4").tobytes(), bits=32, kind=FLOAT))
    assert read_audio(path)[0].tolist() == [0, 1, -1, 0.5]


HEADER = wav(bytes(100))


@pytest.mark.parametrize(
    ("content", "complaint"),
    [
        (b"", "is not an audio file"),
        (b"Not a sound, but a letter.\n" * 40, "is not an audio file"),
        (np.random.default_rng(5).bytes(5000), "is not an audio file"),
        (HEADER[:30], "header is damaged"),
        (HEADER[:40], "header is damaged"),
        (wav(bytes(100), rate=0), "header is damaged"),
        (wav(b""), "holds no sound"),
        (wav(bytes(100), kind=0x1234), "cannot|can be decoded"),
    ],
)
def test_a_bad_file_is_one_clear_line(tmp_path: Path, content: bytes, complaint: str) -> None:
    path = tmp_path / "a.wav"
    path.write_bytes(content)
    with pytest.raises(AudioError, match=complaint) as caught:
        read_audio(path)
    assert str(path) in str(caught.value)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("name", "complaint"), [("nothing.wav", "no such file"), (".", "is a folder")]
)
def test_no_file_is_one_clear_line(tmp_path: Path, name: str, complaint: str) -> None:
    with pytest.raises(AudioError, match=complaint):
        read_audio(tmp_path / name)


@pytest.mark.parametrize("channels", [1, 2])
def test_writes_what_is_read(tmp_path: Path, channels: int) -> None:
    shape = (50_000,) if channels == 1 else (50_000, channels)
    pcm = np.random.default_rng(6).uniform(-1, 1, shape).astype(np.float32)
    path = tmp_path / "new" / "folder" / "a.wav"
    with WavWriter(path, 22050, channels) as file:
        for block in np.array_split(pcm, 13):
            file.write(block)
    out, rate = read_audio(path)
    assert rate == 22050
    mono = pcm if channels == 1 else pcm.mean(axis=1)
    np.testing.assert_allclose(out, mono, atol=0.51 / 32768 + (pcm.max() > 1 - 1 / 32768) / 32768)
    with av.open(str(path)) as container:
        assert container.streams.audio[0].channels == channels


def test_the_same_bytes_come_back(tmp_path: Path) -> None:
    path = tmp_path / "a.wav"
    pcm = np.arange(-32768, 32768).astype(np.float32) / 32768
    with WavWriter(path, 16000) as file:
        file.write(pcm)
    np.testing.assert_array_equal(read_audio(path)[0], pcm)


def test_clips(tmp_path: Path) -> None:
    path = tmp_path / "a.wav"
    with WavWriter(path, 16000) as file:
        file.write([2.0, -2.0, 0.0])
    assert read_audio(path)[0].tolist() == [32767 / 32768, -1, 0]


def test_a_killed_process_leaves_a_file_that_plays(tmp_path: Path) -> None:
    path, copy = tmp_path / "a.wav", tmp_path / "b.wav"
    with WavWriter(path, 8000) as file:
        assert path.stat().st_size == 44
        for second in range(1, 4):
            for _ in range(50):
                file.write(np.full(160, 0.5))
            file.write(np.full(37, 0.5))
            copy.write_bytes(path.read_bytes())  # what a kill would leave
            data = struct.unpack("<I", copy.read_bytes()[40:44])[0]
            assert data >= (second - 0.1) * 16000
            out, _ = read_audio(copy)
            assert len(out) >= data // 2
            assert (out == 0.5).all()


@pytest.mark.parametrize("place", [lambda p: p, lambda p: p / "file" / "a.wav"])
def test_a_place_that_cannot_be_written_is_one_clear_line(
    tmp_path: Path, place: Callable[[Path], Path]
) -> None:
    (tmp_path / "file").write_text("in the way")
    with pytest.raises(AudioError, match="cannot be written"), WavWriter(place(tmp_path), 8000):
        pass


def test_the_wrong_number_of_channels_is_a_mistake(tmp_path: Path) -> None:
    with WavWriter(tmp_path / "a.wav", 8000, 2) as file, pytest.raises(ValueError, match="channel"):
        file.write(np.zeros(10))
