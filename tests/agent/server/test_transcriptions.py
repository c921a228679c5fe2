"""`/v1/audio/transcriptions` as OpenAI's client uses it, and as nobody should."""

import io
import json
import wave
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from typing import Any

import anyio
import av
import numpy as np
import openai
import pytest

from agent.agent import Agent
from agent.audio.wav import read_audio
from agent.config.load import Config
from agent.engines.stt import GuardedSpeechToText
from agent.server.audio import transcriptions
from agent.server.audio.encoder import Encoder
from agent.server.audio.languages import NAMES, name_of
from agent.server.running import Place, running
from agent.server.server import Server
from agent.turns.vad import SileroVad
from configs import QUESTION
from tests.agent.fakes import FakeStt
from tests.agent.server.http import post
from tests.paths import ASSETS, AUDIO

pytestmark = pytest.mark.anyio
MODEL = ASSETS / "tiny_whisper"
SAID = AUDIO / "command_timer.wav"
WORDS = "what is the capital of france"


async def heard(client: openai.AsyncOpenAI, **options: Any) -> Any:
    return await client.audio.transcriptions.create(
        model="whisper-1", file=options.pop("file", QUESTION), **options
    )


async def test_the_formats(client: openai.AsyncOpenAI) -> None:
    answer = await heard(client)
    assert answer.text == WORDS
    assert answer.usage.type == "duration"
    assert answer.usage.seconds == pytest.approx(1.9, abs=0.6)
    assert await heard(client, response_format="text") == WORDS + "\n"
    srt = await heard(client, response_format="srt")
    assert srt.startswith("1\n00:00:00,")
    assert srt.endswith(f"\n{WORDS}\n")
    vtt = await heard(client, response_format="vtt")
    assert vtt.startswith("WEBVTT\n\n00:00:00.")
    assert WORDS in vtt


async def test_verbose(client: openai.AsyncOpenAI) -> None:
    answer = await heard(client, response_format="verbose_json")
    assert (answer.language, answer.text, answer.words) == ("english", WORDS, None)
    (segment,) = answer.segments
    assert segment.text == WORDS
    assert 0 <= segment.start < segment.end <= answer.duration
    assert 0 < segment.compression_ratio < 2
    answer = await heard(
        client, response_format="verbose_json", timestamp_granularities=["word", "segment"]
    )
    assert [word.word for word in answer.words] == WORDS.split()
    starts = [word.start for word in answer.words]
    assert starts == sorted(starts)
    assert len(answer.segments) == 1
    answer = await heard(client, response_format="verbose_json", timestamp_granularities=["word"])
    assert answer.segments is None


async def test_streaming(client: openai.AsyncOpenAI) -> None:
    events = [event async for event in await heard(client, stream=True)]
    assert [event.type for event in events] == ["transcript.text.delta", "transcript.text.done"]
    assert events[-1].text == WORDS


@pytest.mark.parametrize("kind", ["mp3", "opus", "flac", "aac"])
async def test_any_container_whatever_it_is_called(client: openai.AsyncOpenAI, kind: str) -> None:
    pcm, rate = read_audio(QUESTION)
    encoder = Encoder(kind, rate)
    data = encoder.feed(pcm) + encoder.finish()
    answer = await heard(client, file=("voice.wav", data))
    assert answer.text == WORDS


def silence(seconds: float) -> bytes:
    data = io.BytesIO()
    with wave.open(data, "wb") as file:
        file.setnchannels(1)
        file.setsampwidth(1)
        file.setframerate(8000)
        file.writeframes(b"\x80" * round(8000 * seconds))
    return data.getvalue()


async def test_silence_is_no_error(client: openai.AsyncOpenAI) -> None:
    assert (await heard(client, file=("a.wav", silence(1)))).text == ""


async def test_it_says_what_is_wrong(
    client: openai.AsyncOpenAI, monkeypatch: pytest.MonkeyPatch
) -> None:
    for data in (b"", b"no sound at all", b"RIFF\x00\x00\x00\x00WAVE"):
        with pytest.raises(openai.BadRequestError) as caught:
            await heard(client, file=("speech.mp3", data))
        assert caught.value.code == "invalid_audio"
        assert "speech.mp3" in caught.value.message
    monkeypatch.setattr(transcriptions, "LONGEST", 60.0)
    with pytest.raises(openai.BadRequestError, match="longer than 1 minutes: cut it"):
        await heard(client, file=("long.wav", silence(90)))
    monkeypatch.setattr(transcriptions, "MAX_UPLOAD", 1 << 20)
    with pytest.raises(openai.APIStatusError, match="larger than 1 MiB") as too_large:
        await heard(client, file=("large.wav", silence(140)))
    assert too_large.value.status_code == 413
    with pytest.raises(openai.BadRequestError, match="does not translate"):
        await client.audio.translations.create(model="whisper-1", file=QUESTION)


async def test_two_hours_are_refused_before_they_are_heard(client: openai.AsyncOpenAI) -> None:
    too_long = "it is longer than 60 minutes: cut it"
    with anyio.fail_after(10), pytest.raises(openai.BadRequestError, match=too_long) as caught:
        await heard(client, file=("long.flac", flac(2 * 3600)))
    assert caught.value.code == "invalid_audio"
    assert (await heard(client, file=("short.flac", flac(10)))).text == ""


def flac(seconds: int, rate: int = 1000) -> bytes:
    """Silence that takes next to no room."""
    data = io.BytesIO()
    with av.open(data, "w", format="flac") as file:
        stream = file.add_stream("flac", rate=rate)
        stream.layout = "mono"
        frame = av.AudioFrame.from_ndarray(np.zeros((1, seconds * rate), np.int16), "s16", "mono")
        frame.sample_rate = rate
        file.mux(stream.encode(frame))
        file.mux(stream.encode(None))
    return data.getvalue()


async def test_who_hangs_up_is_not_worked_for(server: Server, address: str) -> None:
    """Whatever the answer would have been: one body, or events."""
    begun, ended = anyio.Event(), anyio.Event()

    class Slow(FakeStt):
        @asynccontextmanager
        async def listen(self) -> AsyncGenerator[Any, None]:
            begun.set()
            try:
                await anyio.sleep_forever()
                yield
            finally:
                ended.set()

    server.agent.stt = GuardedSpeechToText(Slow([]))
    async with openai.AsyncOpenAI(base_url=f"{address}v1", api_key="x", max_retries=0) as client:
        with anyio.fail_after(20):
            async with anyio.create_task_group() as tasks:
                tasks.start_soon(heard, client)
                await begun.wait()
                tasks.cancel_scope.cancel()
            await ended.wait()


@pytest.mark.parametrize(
    ("fields", "param"),
    [
        ({"response_format": "midi"}, "response_format"),
        ({"temperature": "hot"}, "temperature"),
        ({"timestamp_granularities[]": "letter"}, "timestamp_granularities.0"),
        ({"language": "klingon"}, "language"),
        ({}, "file"),
    ],
)
async def test_fields(address: str, fields: dict[str, str], param: str) -> None:
    parts = [
        f'--x\r\nContent-Disposition: form-data; name="{name}"\r\n\r\n{value}\r\n'
        for name, value in fields.items()
    ]
    body = ("".join(parts) + "--x--\r\n").encode()
    headers = {"Content-Type": "multipart/form-data; boundary=x"}
    status, _, answer = await post(f"{address}v1/audio/transcriptions", body, headers)
    assert (status, json.loads(answer)["error"]["param"]) == (400, param)


async def test_no_form(address: str) -> None:
    status, _, answer = await post(f"{address}v1/audio/transcriptions", {"file": "x"})
    assert status == 400
    assert json.loads(answer)["error"]["message"].startswith("file is missing")
    headers = {"Content-Type": "multipart/form-data"}
    status, _, answer = await post(f"{address}v1/audio/transcriptions", b"--x", headers)
    assert (status, json.loads(answer)["error"]["code"]) == (400, "invalid_form")


def test_names_of_languages() -> None:
    assert len(NAMES) == 100
    assert [name_of(code) for code in ("de", None, "xx")] == ["german", "english", "xx"]


async def test_a_recogniser_that_can_is_told_what_one_request_wants() -> None:
    config = Config.model_validate({"stt": {"engine": "whisper", "model": str(MODEL)}})
    server = Server(Agent(config))
    await server.load()
    try:
        async with (
            running(server, Place(port=0)) as address,
            openai.AsyncOpenAI(base_url=f"{address}v1", api_key="none", max_retries=0) as client,
        ):
            answer = await heard(
                client,
                file=SAID,
                language="en",
                prompt="timer",
                response_format="verbose_json",
                timestamp_granularities=["word"],
            )
            assert answer.text
            assert [word.word for word in answer.words] == answer.text.split()
            known = pytest.raises(openai.BadRequestError, match="does not know the language de")
            with known as refused:
                await heard(client, file=SAID, language="de")
            assert refused.value.param == "language"
            with pytest.raises(openai.BadRequestError, match="knows English alone"):
                await client.audio.translations.create(model="whisper-1", file=SAID)
    finally:
        await server.aclose()


async def test_the_loaded_voice_detector_is_shared(
    client: openai.AsyncOpenAI, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def load(_: SileroVad) -> None:
        raise AssertionError("a request loads a model of its own")

    monkeypatch.setattr(SileroVad, "load", load)
    assert (await heard(client)).text == WORDS
