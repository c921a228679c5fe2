"""Smart-Turn: a tiny model that weighs its features shows what the real one would be given."""

import json
import subprocess
import sys
import threading
from collections.abc import Iterator
from functools import partial
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import anyio
import anyio.to_thread
import numpy as np
import pytest
from huggingface_hub import constants
from numpy.typing import NDArray

from agent.audio.wav import read_audio
from agent.errors import ParleyError
from agent.turns import smart_turn
from agent.turns.smart_turn import FILE, SmartTurn, TurnModel
from tests.agent.turns import tiny_smart_turn
from tests.paths import AUDIO

pytestmark = pytest.mark.anyio

RATE = 16000
REVISION = "0123456789abcdef0123456789abcdef01234567"
WEIGHTS = np.random.default_rng(3).normal(0, 0.01, (80 * 800, 1)).astype(np.float32)

Wave = NDArray[np.float32]


@pytest.fixture(scope="session")
def file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tiny_smart_turn.make(tmp_path_factory.mktemp("tiny") / FILE, WEIGHTS)


def speech(seconds: float) -> Wave:
    """Real speech, again and again if need be."""
    pcm, rate = read_audio(AUDIO / "long_request.wav")
    assert rate == RATE
    return np.resize(pcm, round(seconds * RATE)).astype(np.float32)


def hertz(mel: NDArray[np.float64]) -> NDArray[np.float64]:
    """Slaney's mel scale: 15 mels up to 1 kHz, then 27 for each factor of 6.4."""
    return np.where(mel < 15, mel * 200 / 3, 1000 * 6.4 ** ((mel - 15) / 27))


def expected(pcm: Wave) -> float:
    """The probability, from the definition: padding, normalising, Fourier sums, triangles."""
    x = np.zeros(8 * RATE)
    if len(pcm):
        x[-min(len(pcm), len(x)) :] = pcm[-len(x) :]
    x = (x - x.mean()) / np.sqrt(x.var() + 1e-7)
    x = np.concatenate((x[200:0:-1], x, x[-2:-202:-1]))
    frames = np.array([x[160 * n : 160 * n + 400] for n in range(800)])
    frames *= np.sin(np.pi * np.arange(400) / 400) ** 2  # Hann
    angle = 2j * np.pi / 400 * np.outer(np.arange(400), np.arange(201))
    power = np.abs(frames @ np.exp(-angle)) ** 2
    low, middle, high = (
        hertz(np.linspace(0, 45.245640471924965, 82))[n : n + 80, None] for n in range(3)
    )
    bins = np.arange(201) * RATE / 400
    triangles = np.minimum((bins - low) / (middle - low), (high - bins) / (high - middle))
    mel = (np.maximum(triangles, 0) * 2 / (high - low)) @ power.T
    log = np.log10(np.maximum(mel, 1e-10))
    features = (np.maximum(log, log.max() - 8) + 4) / 4
    return float(1 / (1 + np.exp(-(features.ravel() @ WEIGHTS[:, 0]))))


@pytest.mark.parametrize("seconds", [0.0, 0.01, 0.5, 3.2, 8.0, 11.3])
async def test_the_features_are_those_of_the_definition(file: Path, seconds: float) -> None:
    model: TurnModel = SmartTurn(model=str(file))
    await model.load()
    pcm = speech(seconds)
    assert abs(await model.complete(pcm) - expected(pcm)) < 1e-3
    await model.aclose()


async def test_what_makes_a_difference_and_what_does_not(file: Path) -> None:
    model = SmartTurn(model=str(file))
    await model.load()
    pcm = speech(3)
    probability = await model.complete(pcm)
    assert 0 < probability < 1
    # Eight seconds are heard, the last ones, and loudness is not.
    assert await model.complete(np.concatenate((np.zeros(5 * RATE, np.float32), pcm))) == (
        pytest.approx(probability, abs=1e-6)
    )
    assert await model.complete(pcm * np.float32(0.25)) == pytest.approx(probability, abs=1e-3)
    whole = speech(11)
    assert await model.complete(whole) == await model.complete(whole[3 * RATE :])
    # Where the zeros stand is heard.
    behind = np.concatenate((pcm, np.zeros(5 * RATE, np.float32)))
    assert abs(await model.complete(behind) - probability) > 0.01


async def test_it_runs_in_a_worker_thread_and_one_at_a_time(
    file: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    model = SmartTurn(model=str(file))
    await model.load()
    threads: list[threading.Thread] = []
    running = threading.Lock()
    plainly = smart_turn._run

    def watched(*args: Any) -> float:
        threads.append(threading.current_thread())
        with_others = not running.acquire(blocking=False)
        assert not with_others
        try:
            return plainly(*args)
        finally:
            running.release()

    monkeypatch.setattr(smart_turn, "_run", watched)
    async with anyio.create_task_group() as tasks:
        for _ in range(3):
            tasks.start_soon(model.complete, speech(1))
    assert len(threads) == 3
    assert threading.main_thread() not in threads


async def test_who_goes_on_speaking_does_not_wait_for_the_answer(
    file: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    model = SmartTurn(model=str(file))
    await model.load()
    busy, go_on = threading.Event(), threading.Event()

    def slow(*_: Any) -> float:
        busy.set()
        go_on.wait(60)
        return 0.5

    with monkeypatch.context() as patch:
        patch.setattr(smart_turn, "_run", slow)
        try:
            async with anyio.create_task_group() as tasks:
                tasks.start_soon(model.complete, speech(1))
                await anyio.to_thread.run_sync(partial(busy.wait, 60))
                tasks.cancel_scope.cancel()
        finally:
            go_on.set()
    assert await model.complete(speech(1)) == pytest.approx(expected(speech(1)), abs=1e-3)


def test_it_brings_nothing_heavy_along(file: Path) -> None:
    program = (
        "import sys, anyio, numpy; from agent.turns.smart_turn import SmartTurn\n"
        "heavy = {'onnxruntime', 'faster_whisper', 'ctranslate2', 'huggingface_hub', 'torch'}\n"
        "assert not heavy & set(sys.modules), heavy & set(sys.modules)\n"
        f"model = SmartTurn(model={str(file)!r})\n"
        "anyio.run(model.load)\n"
        "anyio.run(model.complete, numpy.ones(9, numpy.float32))\n"
        "assert heavy & set(sys.modules) == {'onnxruntime'}, heavy & set(sys.modules)\n"
    )
    subprocess.run([sys.executable, "-c", program], check=True)


async def test_a_folder_may_be_named(file: Path) -> None:
    model = SmartTurn(model=str(file.parent))
    await model.load()
    assert 0 < await model.complete(speech(1)) < 1


async def test_it_must_be_loaded() -> None:
    with pytest.raises(ParleyError, match="load"):
        await SmartTurn().complete(speech(1))


async def reason(name: str | Path) -> str:
    with pytest.raises(ParleyError) as raised:
        await SmartTurn(model=str(name)).load()
    assert "\n" not in str(raised.value)
    return str(raised.value)


async def test_what_is_no_model(tmp_path: Path) -> None:
    assert f"{tmp_path} has no {FILE}" in await reason(tmp_path)
    assert "there is no Smart-Turn model" in await reason(tmp_path / "nothing.onnx")
    assert "there is no Smart-Turn model" in await reason("model.onnx")
    (tmp_path / FILE).write_bytes(b"nonsense")
    assert "cannot be read" in await reason(tmp_path)
    other = tiny_smart_turn.make(tmp_path / "other.onnx", WEIGHTS, name="input")
    assert "is not a Smart-Turn v3 model" in await reason(other)
    other = tiny_smart_turn.make(tmp_path / "wide.onnx", WEIGHTS, shape=(1, 40, 1600))
    assert "is not a Smart-Turn v3 model" in await reason(other)


@pytest.fixture
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty Hugging Face cache, and no way to fill it."""
    monkeypatch.setattr(constants, "HF_HUB_CACHE", str(tmp_path / "cache"))
    monkeypatch.setattr(constants, "HF_HUB_OFFLINE", True)
    return tmp_path / "cache"


@pytest.mark.usefixtures("cache")
async def test_offline_without_the_model() -> None:
    line = await reason(smart_turn.REPOSITORY)
    for part in ("pipecat-ai/smart-turn-v3", "HF_HUB_OFFLINE", "local file", "detector: words"):
        assert part in line


@pytest.mark.usefixtures("cache")
async def test_a_hub_that_cannot_be_reached(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(constants, "HF_HUB_OFFLINE", False)
    use(monkeypatch, "http://127.0.0.1:9")
    line = await reason(smart_turn.REPOSITORY)
    assert "cannot be downloaded" in line
    assert "refused" in line


def use(monkeypatch: pytest.MonkeyPatch, endpoint: str) -> None:
    """Let the hub's library look for a hub there."""
    monkeypatch.setattr(constants, "HF_HUB_OFFLINE", False)
    monkeypatch.setattr(constants, "ENDPOINT", endpoint)
    template = endpoint + "/{repo_id}/resolve/{revision}/{filename}"
    monkeypatch.setattr(constants, "HUGGINGFACE_CO_URL_TEMPLATE", template)


@pytest.fixture
def hub(file: Path, cache: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[list[str]]:
    """A hub on this machine that has the model in one repository; the paths it was asked for."""
    assert not cache.exists()
    data = file.read_bytes()
    names = ["README.md", "smart-turn-v3.2-gpu.onnx", FILE]
    asked: list[str] = []

    class Hub(BaseHTTPRequestHandler):
        def do_HEAD(self) -> None:
            self.do_GET()

        def do_GET(self) -> None:
            path = self.path.partition("?")[0]
            asked.append(path)
            if "/tree/" in path:
                files = [{"type": "file", "path": name, "size": 1, "oid": name} for name in names]
                body = json.dumps(files if "pipecat-ai" in path else []).encode()
            elif "/resolve/" in path:
                body = data
            else:
                body = json.dumps({"id": "owner/name", "sha": REVISION, "siblings": []}).encode()
            self.send_response(200)
            self.send_header("Content-Length", str(len(body)))
            self.send_header("ETag", '"0123"')
            self.send_header("X-Repo-Commit", REVISION)
            self.end_headers()
            if self.command == "GET":
                self.wfile.write(body)

        def log_message(self, *_: object) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Hub)
    use(monkeypatch, f"http://127.0.0.1:{server.server_port}")
    thread = threading.Thread(target=server.serve_forever, args=(0.01,))
    thread.start()
    yield asked
    server.shutdown()
    server.server_close()
    thread.join()


async def test_the_model_is_downloaded_once_with_a_progress_bar(
    hub: list[str], monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    model = SmartTurn()
    await model.load()
    assert 0 < await model.complete(speech(1)) < 1
    assert "100%" in capsys.readouterr().err
    assert any(path.endswith(FILE) for path in hub)
    assert not any(path.endswith(("README.md", "gpu.onnx")) for path in hub)
    hub.clear()
    await SmartTurn().load()
    monkeypatch.setattr(constants, "HF_HUB_OFFLINE", True)
    await SmartTurn().load()
    assert hub == []


async def test_a_repository_without_the_model(hub: list[str]) -> None:
    assert f"owner/name has no {FILE}" in await reason("owner/name")
    assert hub
