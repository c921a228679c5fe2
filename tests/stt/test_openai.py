"""Transcription endpoints, with the real client, on a real server that behaves well or badly."""

import io
import wave
from collections.abc import Iterator

import numpy as np
import pytest
from numpy.typing import NDArray

from stt import SpeechToTextError, Transcript, Word
from stt.openai import OpenAI
from tests.paths import AUDIO
from tests.stt.transcription_server import Server, serving

pytestmark = pytest.mark.anyio


@pytest.fixture(scope="module")
def running() -> Iterator[Server]:
    with serving() as server:
        yield server


@pytest.fixture
def server(running: Server, monkeypatch: pytest.MonkeyPatch) -> Server:
    """The server, not asked anything yet, and no settings of this machine's."""
    for name in ("OPENAI_API_KEY", "OPENAI_BASE_URL", "HTTP_PROXY", "http_proxy", "ALL_PROXY"):
        monkeypatch.delenv(name, raising=False)
    running.asked.clear()
    return running


def _speech() -> NDArray[np.float32]:
    with wave.open(str(AUDIO / "greeting.wav")) as clip:
        pcm = np.frombuffer(clip.readframes(clip.getnframes()), np.int16)
    return (pcm / 32768).astype(np.float32)


SPEECH = _speech()


async def recognise(engine: OpenAI, pcm: NDArray[np.float32] = SPEECH) -> Transcript:
    """The transcript of an utterance that comes in blocks."""
    await engine.load()
    try:
        async with engine.listen() as recognition:
            for start in range(0, len(pcm), 512):
                await recognition.feed(pcm[start : start + 512])
            return await recognition.finish()
    finally:
        await engine.aclose()


async def test_the_utterance_is_sent_as_a_wav_file(server: Server) -> None:
    engine = OpenAI(
        model="any", base_url=server.url, api_key="sk-1", language="de", hotwords=["Parley", "Ana"]
    )
    assert await recognise(engine) == Transcript("Grüß dich, world.")
    (asked,) = server.asked
    assert asked["path"] == "/v1/audio/transcriptions"
    assert asked["key"] == "Bearer sk-1"
    assert (asked["model"], asked["language"], asked["prompt"]) == ("any", "de", "Parley, Ana")
    with wave.open(io.BytesIO(asked["file"])) as file:
        assert (file.getframerate(), file.getnchannels(), file.getsampwidth()) == (16000, 1, 2)
        sent = np.frombuffer(file.readframes(file.getnframes()), np.int16) / 32767
    assert np.abs(sent - SPEECH).max() < 1e-4


async def test_the_language_is_left_to_the_endpoint(server: Server) -> None:
    await recognise(OpenAI(model="any", base_url=server.url))
    assert not {"language", "prompt"} & set(server.asked[0])


async def test_an_answer_in_pieces(server: Server) -> None:
    engine = OpenAI(model="streams", base_url=server.url)
    assert (await recognise(engine)).text == "Grüß dich"
    assert server.asked[0]["stream"] == "true"


async def test_no_answer_in_pieces_if_not_wanted(server: Server) -> None:
    engine = OpenAI(model="streams", base_url=server.url, stream="off")
    assert (await recognise(engine)).text == "Grüß dich, world."
    assert "stream" not in server.asked[0]


async def test_an_endpoint_that_refuses_to_stream_is_asked_once(server: Server) -> None:
    engine = OpenAI(model="plain", base_url=server.url)
    for _ in range(2):
        assert (await recognise(engine)).text == "Grüß dich, world."
    assert ["stream" in request for request in server.asked] == [True, False, False]


async def test_word_times(server: Server) -> None:
    engine = OpenAI(model="words", base_url=server.url, word_times=True)
    transcript = await recognise(engine)
    assert transcript.words == (Word("Hi", 0.5, 0.75),)
    assert server.asked[0]["response_format"] == "verbose_json"
    assert server.asked[0]["timestamp_granularities[]"] == ["word"]


async def test_finish_covers_all_that_was_fed_and_costs_nothing_again(server: Server) -> None:
    engine = OpenAI(model="any", base_url=server.url)
    await engine.load()
    async with engine.listen() as recognition:
        await recognition.feed(SPEECH)
        for _ in range(2):
            await recognition.finish()
        await recognition.feed(SPEECH)
        await recognition.finish()
    await engine.aclose()
    assert [len(request["file"]) for request in server.asked] == [
        44 + 2 * len(SPEECH),
        44 + 4 * len(SPEECH),
    ]


async def test_silence_is_not_sent(server: Server) -> None:
    engine = OpenAI(model="any", base_url=server.url)
    assert await recognise(engine, np.zeros(0, np.float32)) == Transcript("")
    for samples in (100, 32000):
        silence = np.zeros(samples, np.float32)
        assert (await recognise(engine, silence)).rejected == "only 0.00 s of voice"
    assert server.asked == []


async def test_a_failure_that_passes_is_tried_again(server: Server) -> None:
    assert (await recognise(OpenAI(model="later", base_url=server.url))).text
    assert len(server.asked) == 2


@pytest.mark.parametrize(
    ("model", "told"),
    [
        ("stops", "the answer breaks off after 'Once upon'"),
        ("fails", "sent no transcript: out of memory"),
        ("hangs", r"said nothing for 0\.3 s \(stt\.timeout\)"),
        ("page", r"sent no transcript: '<!doctype.*is base_url right"),
        ("locked", r"answered 401: .*who are you.*check stt\.api_key"),
    ],
)
async def test_failures_are_explained(server: Server, model: str, told: str) -> None:
    engine = OpenAI(model=model, base_url=server.url, timeout=0.3, retries=0)
    with pytest.raises(SpeechToTextError, match=f"{server.url} .*{told}"):
        await recognise(engine)


async def test_nothing_secret_is_told(server: Server) -> None:
    url = server.url.replace("//", "//user:password@")
    engine = OpenAI(model="locked", base_url=url, api_key="who", retries=0)
    with pytest.raises(SpeechToTextError) as raised:
        await recognise(engine)
    assert str(raised.value).startswith(f"{server.url} answered 401: ")
    assert "who" not in str(raised.value)
    assert len(str(raised.value).splitlines()) == 1


async def test_an_endpoint_that_is_not_there(server: Server) -> None:
    engine = OpenAI(model="any", base_url="http://127.0.0.1:9/v1", retries=0)
    with pytest.raises(SpeechToTextError, match=r"http://127\.0\.0\.1:9/v1 cannot be reached"):
        await recognise(engine)
    assert server.asked == []


@pytest.mark.usefixtures("server")
async def test_openai_needs_a_key() -> None:
    with pytest.raises(SpeechToTextError, match="OPENAI_API_KEY"):
        await OpenAI().load()


async def test_it_must_be_loaded() -> None:
    with pytest.raises(SpeechToTextError, match="load"):
        async with OpenAI(model="any").listen():
            pass
