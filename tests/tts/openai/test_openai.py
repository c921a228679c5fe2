"""Speech endpoints, on a real server that behaves well or badly."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import anyio.to_thread
import numpy as np
import pytest

from tests.tts.openai.speech_server import A_WORD, Server, serving
from tts.openai import OpenAI
from tts.openai import engine as engine_module
from tts.protocol import TextToSpeechError

pytestmark = pytest.mark.anyio


@pytest.fixture(scope="module")
def running() -> Iterator[Server]:
    with serving() as server:
        yield server


@pytest.fixture
def server(running: Server, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Server:
    """The server, not asked anything yet, and no settings of this machine's."""
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    for name in ("OPENAI_API_KEY", "OPENAI_BASE_URL", "HTTP_PROXY", "http_proxy", "ALL_PROXY"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setattr(engine_module, "BACKOFF", 0.0)
    running.asked.clear()
    running.gone.clear()
    return running


async def fails(engine: OpenAI) -> str:
    """The message with which it fails on a clause."""
    await engine.load()
    async with engine.open() as utterance:
        await utterance.feed("One two.")
        await utterance.finish()
        with pytest.raises(TextToSpeechError) as caught:
            async for _ in utterance:
                pass
    await engine.aclose()
    return str(caught.value)


@pytest.mark.parametrize("model", ["any", "odd", "wav", "unnamed-wav", "later"])
async def test_clauses_are_spoken(server: Server, speak: Any, model: str) -> None:
    engine = OpenAI(model=model, voice="ann", base_url=server.url, api_key="sk-1", speed=1.5)
    await engine.load()
    spoken = await speak(engine, ["One two", " three, fo", "ur five."])
    await engine.aclose()
    assert engine.sample_rate == 24000
    assert spoken.text == "One two three, four five."
    spoken.check_word_times()
    levels = np.rint(spoken.pcm[A_WORD // 2 :: A_WORD] * 32.768)
    assert levels.tolist() == [1, 2, 3, 1, 2], "every sample is there, in order"
    assert len(spoken.pcm) == 5 * A_WORD
    asked = server.asked[-1]
    assert asked["path"] == "/v1/audio/speech"
    assert asked["key"] == "Bearer sk-1"
    assert (asked["voice"], asked["response_format"], asked["speed"]) == ("ann", "pcm", 1.5)
    inputs = [each["input"] for each in server.asked]
    assert inputs.count("One two three,") == (2 if model == "later" else 1)
    assert "instructions" not in asked


async def test_words_of_a_second_clause_are_timed_by_the_first(server: Server, speak: Any) -> None:
    """Nobody says when a word begins: the letters of the clause before say how fast it goes."""
    engine = OpenAI(model="any", base_url=server.url, instructions="slowly")
    await engine.load()
    await speak(engine, ["aaaa bbbb cccc dddd."])
    spoken = await speak(engine, ["eeee ffff gggg hhhh."])
    await engine.aclose()
    assert server.asked[0]["instructions"] == "slowly"
    for number, word in enumerate(spoken.words):
        assert word.start == pytest.approx(number * A_WORD, abs=0.15 * A_WORD)


async def test_words_of_a_first_reply_are_timed_by_the_last_conversation(
    server: Server, speak: Any
) -> None:
    """Its very first clause is guessed to be as fast as people are, the next start's is not."""
    off = []
    for _ in range(2):
        engine = OpenAI(model="any", base_url=server.url)
        await engine.load()
        spoken = await speak(engine, ["aa bb cc dd ee ff gg hh ii jj kk ll."])
        await engine.aclose()
        places = [word.start / A_WORD - number for number, word in enumerate(spoken.words)]
        off.append(max(map(abs, places)))
    assert off[0] > 1.5, "words of three letters, and ten of them a second"
    assert off[1] < 0.5


@pytest.mark.parametrize(
    ("model", "said"),
    [
        ("no-key", "answered 401: bad key ***; set OPENAI_API_KEY or tts.api_key"),
        ("unknown", "answered 404: no such model; check tts.base_url"),
        ("bad", "answered 400: voice must be one of af, bm; check tts.model and tts.voice"),
        ("busy", "answered 429: too many"),
        ("page", "sent no sound: '<html>welcome</html>' (is base_url right, with /v1?)"),
        ("nothing", "sent no sound"),
        ("endless", "sent more than 120 s of sound for one clause"),
        ("long-error", "answered 500: xxxxx"),
    ],
)
async def test_what_goes_wrong_is_told(server: Server, model: str, said: str) -> None:
    engine = OpenAI(model=model, base_url=server.url, api_key="sk-secret", retries=1)
    message = await fails(engine)
    assert said in message
    assert server.url in message
    assert "\n" not in message
    assert len(message) < 400
    assert len(server.asked) == (2 if model in {"busy", "long-error"} else 1)


async def test_a_server_that_stops_in_the_middle(server: Server) -> None:
    message = await fails(OpenAI(model="hangs", base_url=server.url, timeout=0.2))
    assert message.endswith("said nothing for 0.2 s (tts.timeout)")
    assert len(server.asked) == 1, "what has been heard is not said again"


async def test_leaving_hangs_up(server: Server) -> None:
    engine = OpenAI(model="hangs", base_url=server.url)
    await engine.load()
    async with engine.open() as utterance:
        await utterance.feed("One two. ")
        await anext(aiter(utterance))
    assert await anyio.to_thread.run_sync(server.gone.wait, 5)
    await engine.aclose()


async def test_nobody_is_there(server: Server) -> None:
    message = await fails(OpenAI(base_url="http://127.0.0.1:9/v1", retries=0))
    assert message.startswith("http://127.0.0.1:9/v1 cannot be reached: ")
    assert server.asked == []


@pytest.mark.usefixtures("server")
async def test_bad_settings_are_told_at_load() -> None:
    with pytest.raises(TextToSpeechError, match="OpenAI needs an API key"):
        await OpenAI().load()
    for url in ("nowhere", "ftp://host/v1", "http://", "http://host:port/v1"):
        with pytest.raises(TextToSpeechError, match=r"tts\.base_url is not a URL"):
            await OpenAI(base_url=url).load()
    with pytest.raises(TextToSpeechError, match="characters that no key has"):
        await OpenAI(api_key="ключ").load()
    with pytest.raises(TextToSpeechError, match=r"await load\(\) first"):
        OpenAI().open()
