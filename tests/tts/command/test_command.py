import io
import os
import sys
import wave
from pathlib import Path
from typing import Any

import anyio
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tts.command import Command, decode_wav
from tts.estimate import estimate_words
from tts.protocol import TextToSpeech, TextToSpeechError

pytestmark = pytest.mark.anyio

# One 100 Hz tone of 0.1 s for every word.
SPEAKER = """
import array, math, sys, wave
def speak(text, output):
    samples = [int(16000 * math.sin(2 * math.pi * i / 80)) for i in range(800 * len(text.split()))]
    with wave.open(output, "wb") as file:
        file.setparams((1, 2, 8000, 0, "NONE", ""))
        file.writeframes(array.array("h", samples).tobytes())
"""


def program(tmp_path: Path, body: str) -> list[str]:
    path = tmp_path / "speaker.py"
    path.write_text(SPEAKER + body, encoding="utf-8")
    return [sys.executable, str(path)]


def wav(rate: int, channels: int, width: int, seconds: float = 0.5) -> bytes:
    """A tone at half of full scale on every channel."""
    t = np.arange(int(seconds * rate)) / rate
    tone = np.repeat(0.5 * np.sin(2 * np.pi * 440 * t), channels)
    if width == 1:
        data = (tone * 127 + 128).astype("u1").tobytes()
    else:
        data = (tone * (2 ** (8 * width - 1) - 1)).astype(f"<i{width}").tobytes()
    file = io.BytesIO()
    with wave.open(file, "wb") as writer:
        writer.setnchannels(channels)
        writer.setsampwidth(width)
        writer.setframerate(rate)
        writer.writeframes(data)
    return file.getvalue()


async def test_flite_speaks(speak: Any) -> None:
    engine: TextToSpeech = Command(
        command=["flite", "-voice", "slt", "-t", "{text}", "-o", "{output}"], sample_rate=24000
    )
    await engine.load()
    spoken = await speak(engine, ["Hello, wor", "ld. It is late."])
    assert engine.sample_rate == 24000
    assert spoken.text == "Hello, world. It is late."
    assert len(spoken.pieces) == 3
    spoken.check_word_times()
    assert 1.5 < len(spoken.pcm) / 24000 < 5
    assert 0.1 < np.abs(spoken.pcm).max() <= 1


@pytest.mark.parametrize(
    ("body", "arguments"),
    [
        ("speak(sys.argv[1], sys.argv[2])", ["{text}", "{output}"]),
        ("speak(sys.argv[1][6:], sys.argv[2][6:])", ["--txt={text}", "--out={output}"]),
        ("speak(sys.stdin.buffer.read().decode(), sys.argv[1])", ["{output}"]),
        ("speak(sys.argv[1], '/dev/stdout')", ["{text}"]),
        ("speak(sys.stdin.buffer.read().decode(), '/dev/stdout')", []),
    ],
)
async def test_text_and_wav_by_argument_or_by_pipe(
    tmp_path: Path, speak: Any, body: str, arguments: list[str]
) -> None:
    engine = Command(command=[*program(tmp_path, body), *arguments], sample_rate=8000)
    spoken = await speak(engine, ["Grüß dich, {output} & $(reboot). Yes"])
    assert spoken.text == "Grüß dich, {output} & $(reboot). Yes"
    assert [len(piece.pcm) for piece in spoken.pieces] == [1600, 2400, 800]
    spoken.check_word_times()


async def test_text_is_no_option(tmp_path: Path, speak: Any) -> None:
    body = "assert not sys.argv[1].startswith('-'); speak(sys.argv[1], sys.argv[2])"
    engine = Command(command=[*program(tmp_path, body), "{text}", "{output}"], sample_rate=8000)
    assert (await speak(engine, ["--help\0 \ud800"])).text == "--help\0 \ud800"


async def test_a_missing_program_is_named() -> None:
    engine = Command(command=["no-such-program", "{text}"])
    with pytest.raises(TextToSpeechError, match="'no-such-program' not found: install it"):
        await engine.load()


@pytest.mark.parametrize(
    ("body", "message"),
    [
        ("print('a\\nno such voice', file=sys.stderr); sys.exit(3)", "status 3: no such voice"),
        ("sys.exit(1)", "exit status 1: no message"),
        ("import os; os.kill(os.getpid(), 15)", "ended by SIGTERM"),
        ("pass", "wrote no {output}"),
        ("open(sys.argv[1], 'w')", "made no output"),
        ("open(sys.argv[1], 'w').write('hello' * 1000)", "is not a WAV"),
    ],
)
async def test_failures_say_what_happened(tmp_path: Path, body: str, message: str) -> None:
    engine = Command(command=[*program(tmp_path, body), "{output}"])
    async with engine.open() as utterance:
        await utterance.feed("Hello")
        await utterance.finish()
        with pytest.raises(TextToSpeechError, match=message):
            await anext(aiter(utterance))


async def test_a_program_that_vanished_is_an_error_too(tmp_path: Path) -> None:
    engine = Command(command=[str(tmp_path / "gone")])
    async with engine.open() as utterance:
        await utterance.feed("Hello. ")
        with pytest.raises(TextToSpeechError, match=r"cannot be run .*: install it"):
            await anext(aiter(utterance))


@pytest.fixture
def pid_pipe(tmp_path: Path) -> Path:
    """Where a program that hangs says its process id."""
    path = tmp_path / "pid"
    os.mkfifo(path)
    return path


def hanging(tmp_path: Path, pid_pipe: Path) -> list[str]:
    body = "import os, time; open(sys.argv[1], 'w').write(str(os.getpid())); time.sleep(60)"
    return [*program(tmp_path, body), str(pid_pipe)]


async def test_leaving_early_kills_the_program(tmp_path: Path, pid_pipe: Path) -> None:
    engine = Command(command=hanging(tmp_path, pid_pipe))
    with anyio.fail_after(10):
        async with engine.open() as utterance:
            await utterance.feed("Hello. ")
            pid = int(await anyio.Path(pid_pipe).read_text())
            os.kill(pid, 0)  # it runs
    with pytest.raises(ProcessLookupError):  # not even a zombie is left
        os.kill(pid, 0)


async def test_a_program_that_hangs_is_killed(tmp_path: Path, pid_pipe: Path) -> None:
    engine = Command(command=hanging(tmp_path, pid_pipe), timeout=0.5)
    async with engine.open() as utterance:
        await utterance.feed("Hello. ")
        with pytest.raises(TextToSpeechError, match=r"longer than 0\.5 s"):
            await anext(aiter(utterance))


@pytest.mark.parametrize("rate", [8000, 22050, 96000])
@pytest.mark.parametrize("channels", [1, 2])
@pytest.mark.parametrize("width", [1, 2, 4])
def test_every_wav_is_understood(rate: int, channels: int, width: int) -> None:
    pcm = decode_wav(wav(rate, channels, width), 16000)
    assert pcm.dtype == np.float32
    assert len(pcm) == pytest.approx(8000, abs=2)
    assert np.abs(pcm[1000:7000]).max() == pytest.approx(0.5, abs=0.02)
    spectrum = np.abs(np.fft.rfft(pcm))
    assert np.argmax(spectrum) * 16000 / len(pcm) == pytest.approx(440, abs=2)


@pytest.mark.parametrize("size", [0, 0x7FFFFFFF, 0xFFFFFFFF])
def test_a_piped_wav_does_not_know_its_length(size: int) -> None:
    whole = wav(16000, 1, 2)
    piped = whole[:40] + size.to_bytes(4, "little") + whole[44:]
    assert np.array_equal(decode_wav(piped, 16000), decode_wav(whole, 16000))


def test_a_wav_of_no_samples_is_silence() -> None:
    assert len(decode_wav(wav(16000, 1, 2, seconds=0), 22050)) == 0


@given(st.text(min_size=1), st.integers(1, 10**6))
def test_estimated_words_are_the_text_in_order(text: str, samples: int) -> None:
    words = estimate_words(text, samples)
    assert [word.text for word in words] == text.split()
    starts = [word.start for word in words]
    assert starts == sorted(starts)
    assert all(0 <= start < samples for start in starts)


def test_words_share_the_audio_by_their_letters() -> None:
    starts = [word.start for word in estimate_words("a long-ish word", 1600)]
    assert starts == [0, 200, 1100]
