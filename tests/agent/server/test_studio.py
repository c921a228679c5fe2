"""The studio: scripts rendered as they are heard, voices made with consent, played, deleted."""

import json
from collections.abc import AsyncGenerator
from contextlib import AsyncExitStack
from pathlib import Path
from typing import Any

import anyio
import numpy as np
import openai
import pytest

from agent import voice_making
from agent.agent import Agent
from agent.config.engines import TTS
from agent.config.load import Config
from agent.server.running import Place, running
from agent.server.server import Server
from agent.server.studio import Studio
from configs import QUESTION
from tests.agent.server.http import post
from tests.paths import DIA_GOLDENS
from tests.tts.dia2.serving.utterances import checkpoint
from tts import TextToSpeechError
from tts.dia2.dia2 import Dia2
from tts.dia2.network.sampling import Sampling
from tts.voices.voice import engines_of
from tts.voices.word import Word

pytestmark = [pytest.mark.anyio]
SCRIPT = "[S1] One two three. [S2] Four, five six."


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return checkpoint(tmp_path_factory.mktemp("tiny"))


@pytest.fixture
async def address(
    model: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> AsyncGenerator[str, None]:
    monkeypatch.setenv("XDG_DATA_HOME", str(tmp_path))
    config = Config.model_validate({"tts": {"engine": "dia2", "model": str(model)}})
    server = Server(Agent(config))
    await server.load()
    try:
        async with running(server, Place(port=0)) as address:
            yield address
    finally:
        await server.aclose()


@pytest.fixture
async def http(address: str) -> AsyncGenerator[Any, None]:
    async with openai.AsyncOpenAI(base_url=address, api_key="none", max_retries=0) as client:
        yield client._client


async def test_a_script_is_what_the_whole_of_it_would_be(address: str, model: Path) -> None:
    request = {"script": SCRIPT, "seed": 5, "cfg": 3.0, "temperature": 0.5}
    status, headers, body = await post(f"{address}studio/render", request)
    assert (status, headers["parley-seed"], headers["parley-rate"]) == (200, "5", "24000")
    sampling = Sampling(scale=3.0, text_temperature=0.5, audio_temperature=0.5)
    whole = Dia2.load(model).generate(SCRIPT, seed=5, sampling=sampling)
    pcm = np.frombuffer(body, "<i2") / 32768
    assert len(pcm) == len(whole.waveform)
    assert np.abs(pcm - whole.waveform).max() < 1e-3


async def test_without_a_seed_it_tells_the_one_it_took(address: str) -> None:
    seeds = set()
    for _ in range(2):
        status, headers, _ = await post(f"{address}studio/render", {"script": "[S1] One."})
        assert status == 200
        seeds.add(headers["parley-seed"])
    assert len(seeds) == 2


@pytest.mark.parametrize(
    ("request_", "told"),
    [
        ({}, "script: field required"),
        ({"script": " … "}, "nothing to say"),
        ({"script": "x" * 20_001}, "script: string should have at most 20000"),
        ({"script": "[S1] x", "voices": ["nobody"]}, "there is no voice 'nobody'"),
        ({"script": "[S1] x", "voices": ["a"] * 3}, "voices: list should have at most 2"),
        ({"script": "[S1] x", "cfg": 0}, "cfg: "),
        ({"script": '[S1] x <break time="1x5s"/>'}, "cannot read the seconds of a pause"),
    ],
)
async def test_what_is_not_rendered(address: str, request_: object, told: str) -> None:
    status, _, body = await post(f"{address}studio/render", request_)
    assert status == 400
    assert told in json.loads(body)["error"]["message"]


async def test_voices(http: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    async def words(*_: object) -> tuple[Word, ...]:
        return (Word("What", 0.3, 0.5), Word("is", 0.5, 0.7), Word("it", 0.8, 1.0))

    monkeypatch.setattr(voice_making, "heard_words", words)
    about = (await http.get("studio/")).json()
    assert about["voices"] == []
    assert "laughs" in about["sounds"]
    clip = {"clip": ("me.wav", QUESTION.read_bytes())}
    refused = await http.post("studio/voices", data={"name": "ada"}, files=clip)
    assert refused.status_code == 400
    assert refused.json()["error"]["code"] == "consent_missing"
    form = {"name": "ada", "consent": "yes"}
    made = await http.post("studio/voices", data=form, files=clip)
    assert made.status_code == 201, made.text
    (voice,) = made.json()["voices"]
    assert (voice["name"], voice["text"]) == ("ada", "What is it")
    sound = await http.get("studio/voices/ada")
    assert sound.headers["content-type"] == "audio/wav"
    assert len(sound.content) > 24000
    spoken = await http.post("studio/render", json={"script": "[S1] One.", "voices": ["ada"]})
    assert spoken.status_code == 200
    again = await http.post("studio/voices", data=form, files=clip)
    assert "there is a voice 'ada' already" in again.json()["error"]["message"]
    assert (await http.delete("studio/voices/ada")).json() == {"voices": []}
    for name in ("ada", "..%2f..%2fetc%2fpasswd", "%2e%2e"):
        assert (await http.get(f"studio/voices/{name}")).status_code in (404, 405)
        assert (await http.delete(f"studio/voices/{name}")).status_code in (404, 405)


async def test_the_studio_of_a_server_that_speaks_by_dia(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its voices are for Dia; its sound comes at the rate of the page."""

    async def words(*_: object) -> tuple[Word, ...]:
        return (Word("What", 0.3, 0.5), Word("is", 0.5, 0.7), Word("it", 0.8, 1.0))

    monkeypatch.setenv("XDG_DATA_HOME", str(tmp_path))
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    monkeypatch.setattr(voice_making, "heard_words", words)
    monkeypatch.setattr("tts.dia.serving.utterance.SLACK", 0.0)
    monkeypatch.setattr("tts.dia.serving.utterance.SLACK_S", 0.3)
    monkeypatch.setattr("tts.dia.serving.prepare.real_time_factor", lambda *_: 0.5)
    model = str(DIA_GOLDENS / "small5")
    server = Server(Agent(Config.model_validate({"tts": {"engine": "dia", "model": model}})))
    await server.load()
    async with AsyncExitStack() as stack:
        stack.push_async_callback(server.aclose)
        address = await stack.enter_async_context(running(server, Place(port=0)))
        client = openai.AsyncOpenAI(base_url=address, api_key="none", max_retries=0)
        http = (await stack.enter_async_context(client))._client
        assert "burps" in (await http.get("studio/")).json()["sounds"]
        form, clip = {"name": "ada", "consent": "yes"}, {"clip": ("a.wav", QUESTION.read_bytes())}
        made = await http.post("studio/voices", data=form, files=clip)
        assert [each["name"] for each in made.json()["voices"]] == ["ada"]
        assert engines_of(tmp_path / "parley" / "voices" / "ada.safetensors") == ["dia"]
        assert (await http.get("studio/voices/ada")).status_code == 200
        script = {"script": "[S1] One. [S2] Two.", "voices": ["ada"], "seed": 3}
        spoken = await http.post("studio/render", json=script)
        assert (spoken.status_code, spoken.headers["parley-rate"]) == (200, "24000")
        # A few hundredths of a second at least, at 24 kHz.
        assert len(spoken.content) > 1000


@pytest.mark.parametrize(
    ("form", "clip", "told"),
    [
        ({"consent": "yes"}, b"x", "name and clip are needed"),
        ({"name": "../evil", "consent": "yes"}, b"x", "is no name for a voice"),
        ({"name": "ada", "consent": "yes"}, b"no sound", "the recording"),
    ],
)
async def test_what_no_voice_is_made_of(
    http: Any, form: dict[str, str], clip: bytes, told: str
) -> None:
    answer = await http.post("studio/voices", data=form, files={"clip": ("me.wav", clip)})
    assert answer.status_code == 400
    assert told in answer.json()["error"]["message"]


async def test_a_dia2_of_its_own_is_closed_with_the_server(model: Path) -> None:
    """The agent speaks otherwise: the studio loads one when a script comes."""
    server = Server(Agent(Config()))
    await server.load()
    studio = Studio(server)
    section = TTS.validate({"engine": "dia2", "model": str(model)})
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("agent.server.studio.TTS", FixedTts(section))
        own = await studio._engine()
    assert await studio._engine() is own
    assert server.engines == [own]
    async with own.open_script([], seed=1):
        pass
    await server.aclose()
    with pytest.raises(TextToSpeechError):
        await entered(own.open_script([], seed=1))


async def entered(opened: Any) -> None:
    """Open something, and close it."""
    async with opened:
        pass


class FixedTts:
    """Settings of one engine, whatever is asked for: the hub's Dia2 cannot be had here."""

    def __init__(self, section: Any) -> None:
        self._section = section

    def validate(self, _: object) -> Any:
        return self._section


async def test_how_busy_the_voice_is_is_among_the_metrics(model: Path) -> None:
    config = Config.model_validate({"tts": {"engine": "dia2", "model": str(model), "slots": 2}})
    server = Server(Agent(config))

    def figures() -> list[float | None]:
        names = ("slots", "speaking", "waiting")
        value = server.metrics.registry.get_sample_value
        return [value(f"parley_voice_{name}") for name in names]

    assert figures() == [0, 0, 0]
    await server.load()
    try:
        with anyio.fail_after(60):
            async with AsyncExitStack() as spoken:
                for _ in range(3):
                    utterance = await spoken.enter_async_context(server.agent.tts.open())
                    await utterance.feed("Well, ")
                # As many speak as are in real time here.
                while figures() not in ([2, 2, 1], [2, 1, 2]):  # noqa: ASYNC110  (nobody tells)
                    await anyio.sleep(0.01)
            while figures() != [2, 0, 0]:  # noqa: ASYNC110  (nobody tells)
                await anyio.sleep(0.01)
    finally:
        await server.aclose()
