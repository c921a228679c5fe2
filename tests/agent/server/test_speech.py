"""`/v1/audio/speech` as OpenAI's client uses it, and as nobody should."""

import base64
import io
import json
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager

import anyio
import av
import numpy as np
import openai
import pytest

from agent.agent import Agent
from agent.config.load import Config
from agent.server.audio.encoder import KINDS, Encoder
from agent.server.running import Place, running
from agent.server.server import Server
from tests.agent.server.http import post
from tts import Speech

pytestmark = pytest.mark.anyio
TEXT = "The capital of France is Paris."


def length(data: bytes, kind: str) -> float:
    """Seconds of sound in a file."""
    if kind == "pcm":
        return len(data) / 48000
    with av.open(io.BytesIO(data), "r") as file:
        stream = file.streams.audio[0]
        return (
            sum(frame.samples for frame in file.decode(stream)) / stream.codec_context.sample_rate
        )


@pytest.mark.parametrize("kind", KINDS)
async def test_every_format(client: openai.AsyncOpenAI, kind: str) -> None:
    async with client.audio.speech.with_streaming_response.create(
        model="tts-1",
        voice="alloy",
        input=TEXT,
        response_format=kind,  # type: ignore[arg-type]
    ) as answer:
        assert answer.headers["content-type"].partition(";")[0] == KINDS[kind].media_type
        data = await answer.read()
    assert 1.5 < length(data, kind) < 4
    if kind == "wav":
        assert data[4:8] == data[40:44] == b"\xff\xff\xff\xff"


@pytest.mark.parametrize("speed", [0.25, 2.0])
async def test_the_speed(client: openai.AsyncOpenAI, speed: float) -> None:
    async def seconds(speed: float) -> float:
        answer = await client.audio.speech.create(
            model="tts-1", voice="alloy", input=TEXT, response_format="pcm", speed=speed
        )
        return length(answer.content, "pcm")

    assert await seconds(speed) == pytest.approx(await seconds(1.0) / speed, rel=0.05)


async def test_server_sent_events(address: str) -> None:
    request = {
        "input": TEXT,
        "response_format": "pcm",
        "stream_format": "sse",
        "voice": {"id": "x"},
    }
    status, headers, body = await post(f"{address}v1/audio/speech", request)
    assert status == 200
    assert headers["content-type"].startswith("text/event-stream")
    events = [json.loads(line[6:]) for line in body.decode().split("\n\n") if line]
    assert {event["type"] for event in events[:-1]} == {"speech.audio.delta"}
    assert events[-1]["type"] == "speech.audio.done"
    assert set(events[-1]["usage"]) == {"input_tokens", "output_tokens", "total_tokens"}
    pcm = b"".join(base64.b64decode(event["audio"]) for event in events[:-1])
    assert 1.5 < length(pcm, "pcm") < 4


@pytest.mark.parametrize(
    ("request_", "status", "code", "param"),
    [
        ({}, 400, "missing_required_parameter", "input"),
        ({"input": ""}, 400, "invalid_value", "input"),
        ({"input": "x" * 4097}, 400, "invalid_value", "input"),
        ({"input": "hi", "speed": 9}, 400, "invalid_value", "speed"),
        ({"input": "hi", "response_format": "midi"}, 400, "invalid_value", "response_format"),
        ({"input": "  "}, 400, None, "input"),
        (b"no json", 400, "invalid_json", None),
        (b"x" * (300 << 10), 413, "request_too_large", None),
    ],
)
async def test_what_it_does_not_take(
    address: str, request_: object, status: int, code: str | None, param: str | None
) -> None:
    answered, _, body = await post(f"{address}v1/audio/speech", request_)
    error = json.loads(body)["error"]
    assert (answered, error["code"], error["param"]) == (status, code, param)
    assert error["message"]


async def test_errors_reach_the_client_as_its_own(client: openai.AsyncOpenAI) -> None:
    with pytest.raises(openai.BadRequestError, match="input: string should have at most 4096"):
        await client.audio.speech.create(model="x", voice="alloy", input="x" * 5000)
    with pytest.raises(openai.NotFoundError, match="there is no model 'gpt-9'"):
        await client.models.retrieve("gpt-9")
    names = [model.id async for model in client.models.list()]
    assert names == ["parley", "stt/pocketsphinx", "llm/eliza", "tts/espeak"]
    assert (await client.models.retrieve("tts/espeak")).owned_by == "parley"


class Endless:
    """A voice that speaks for ever, and says when it was left."""

    sample_rate = 24000

    def __init__(self) -> None:
        self.left = anyio.Event()

    async def load(self) -> None:
        pass

    async def aclose(self) -> None:
        pass

    @asynccontextmanager
    async def open(self) -> AsyncGenerator["Endless", None]:
        try:
            yield self
        finally:
            self.left.set()

    async def feed(self, text: str) -> None:
        pass

    async def finish(self) -> None:
        pass

    def __aiter__(self) -> "Endless":
        return self

    async def __anext__(self) -> Speech:
        await anyio.sleep(0.001)
        return Speech(np.full(2400, 0.1, np.float32), ())


async def test_it_stops_when_the_client_hangs_up() -> None:
    voice = Endless()
    server = Server(Agent(Config(), tts=voice))
    server.loaded.set()
    with anyio.fail_after(30):
        async with (
            running(server, Place(port=0)) as address,
            openai.AsyncOpenAI(base_url=f"{address}v1", api_key="none") as client,
        ):
            async with client.audio.speech.with_streaming_response.create(
                model="x", voice="alloy", input=TEXT, response_format="mp3"
            ) as answer:
                async for data in answer.iter_bytes():
                    assert data
                    break
            await voice.left.wait()
    assert not server.sessions


@pytest.mark.parametrize("kind", ["mp3", "opus", "flac"])
def test_the_first_sound_leaves_before_the_last_is_there(kind: str) -> None:
    encoder = Encoder(kind, 24000)
    tone = np.sin(np.arange(24000) / 10).astype(np.float32) * 0.3
    sent = [bool(encoder.feed(tone[start : start + 1920])) for start in range(0, 24000, 1920)]
    assert sent.index(True) <= 2
    assert encoder.finish()
