"""Whisper: a tiny random model runs through faster-whisper; whatever cannot be loaded is said."""

import json
import logging
import shutil
import threading
from collections.abc import Iterator
from functools import partial
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from importlib.util import module_from_spec, spec_from_file_location
from pathlib import Path
from typing import Any

import anyio
import anyio.to_thread
import numpy as np
import pytest
from huggingface_hub import constants
from numpy.typing import NDArray

from stt import SpeechToTextError, Transcript
from stt.whisper import Whisper

pytestmark = pytest.mark.anyio

TINY_WHISPER = Path(__file__).parent / "tiny_whisper.py"


@pytest.fixture(scope="session")
def model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of a model with random weights."""
    spec = spec_from_file_location("tiny_whisper", TINY_WHISPER)
    assert spec is not None
    assert spec.loader is not None
    tiny_whisper = module_from_spec(spec)
    spec.loader.exec_module(tiny_whisper)
    folder: Path = tiny_whisper.make(tmp_path_factory.mktemp("tiny"))
    return folder


@pytest.fixture
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty Hugging Face cache, and no way to fill it."""
    monkeypatch.setattr(constants, "HF_HUB_CACHE", str(tmp_path))
    monkeypatch.setattr(constants, "HF_HUB_OFFLINE", True)
    return tmp_path


def noise(seconds: float) -> NDArray[np.float32]:
    """Something to make words of."""
    samples = round(seconds * Whisper.sample_rate)
    return np.random.default_rng(5).normal(0, 0.1, samples).astype(np.float32)


async def recognise(engine: Whisper, pcm: NDArray[np.float32]) -> Transcript:
    """The transcript of an utterance that comes in blocks."""
    async with engine.listen() as recognition:
        for start in range(0, len(pcm), 512):
            await recognition.feed(pcm[start : start + 512])
        return await recognition.finish()


class Spy:
    """Stands before the model: remembers how and where it is used."""

    def __init__(self, engine: Whisper) -> None:
        self._model = engine._model
        self.calls: list[dict[str, Any]] = []
        self.threads: set[threading.Thread] = set()
        engine._model = self

    def transcribe(self, pcm: NDArray[np.float32], **options: Any) -> Any:
        self.threads.add(threading.current_thread())
        self.calls.append({"pcm": pcm, **options})
        segments, info = self._model.transcribe(pcm, **options)
        return self._each(segments), info

    def _each(self, segments: Iterator[Any]) -> Iterator[Any]:
        for segment in segments:
            self.threads.add(threading.current_thread())
            yield segment


async def test_an_utterance_is_decoded_whole_and_greedily_in_a_worker(model: Path) -> None:
    engine = Whisper(model=str(model))
    await engine.load()
    spy = Spy(engine)
    pcm = noise(2)
    transcript = await recognise(engine, pcm)
    assert "word" in transcript.text
    assert transcript.text == transcript.text.strip()
    assert transcript.words == ()
    assert threading.main_thread() not in spy.threads
    (call,) = spy.calls
    assert np.array_equal(call["pcm"], pcm)
    assert (call["beam_size"], call["temperature"], call["language"]) == (1, 0.0, None)
    assert call["condition_on_previous_text"] is call["vad_filter"] is False
    assert call["without_timestamps"] is True
    await engine.aclose()


async def test_word_times_in_seconds_when_asked_for(model: Path) -> None:
    engine = Whisper(model=str(model), word_times=True, language="de")
    await engine.load()
    spy = Spy(engine)
    words = (await recognise(engine, noise(4))).words
    assert spy.calls[0]["language"] == "de"
    assert words
    times = [time for word in words for time in (word.start, word.end)]
    assert times == sorted(times)
    assert 0 <= times[0] <= times[-1] <= 4.0
    assert all(type(time) is float for time in times)
    json.dumps([word.text for word in words])


async def test_long_audio_goes_on_where_a_sentence_ended(model: Path) -> None:
    engine = Whisper(model=str(model))
    await engine.load()
    spy = Spy(engine)
    await recognise(engine, noise(31))
    assert spy.calls[0]["without_timestamps"] is False


async def test_next_to_nothing_is_not_decoded(model: Path) -> None:
    engine = Whisper(model=str(model))
    await engine.load()
    spy = Spy(engine)
    for seconds in (0, 0.09):
        assert await recognise(engine, noise(seconds)) == Transcript("")
    assert spy.calls == []


async def test_a_dropped_utterance_does_not_hold_up_anybody(model: Path) -> None:
    engine = Whisper(model=str(model))
    await engine.load()
    spy = Spy(engine)
    busy, go_on = threading.Event(), threading.Event()
    plainly = spy.transcribe

    def slowly(pcm: NDArray[np.float32], **options: Any) -> Any:
        busy.set()
        go_on.wait(60)
        return plainly(pcm, **options)

    spy.transcribe = slowly  # type: ignore[method-assign]  # a fault, put in on purpose
    try:
        async with anyio.create_task_group() as tasks:
            tasks.start_soon(recognise, engine, noise(1))
            await anyio.to_thread.run_sync(partial(busy.wait, 60))
            tasks.cancel_scope.cancel()
        assert spy.calls == []  # left while it was still at it
    finally:
        go_on.set()
    assert (await recognise(engine, noise(1))).text


async def test_it_must_be_loaded() -> None:
    with pytest.raises(SpeechToTextError, match="load"):
        await recognise(Whisper(), noise(1))


@pytest.mark.parametrize(
    ("name", "reason"),
    [
        ("bas", "'bas' is unknown: did you mean base"),
        ("zzz", "'zzz' is unknown: one of tiny.en, tiny,"),
        ("./nowhere/model", "there is no such folder"),
        ("/nowhere/model", "there is no such folder"),
    ],
)
async def test_unknown_models(name: str, reason: str) -> None:
    with pytest.raises(SpeechToTextError, match=reason):
        await Whisper(model=name).load()


async def test_a_folder_that_is_no_model(model: Path, tmp_path: Path) -> None:
    with pytest.raises(SpeechToTextError, match=r"no CTranslate2 Whisper model.* no model\.bin"):
        await Whisper(model=str(tmp_path)).load()
    shutil.copytree(model, tmp_path, dirs_exist_ok=True)
    (tmp_path / "model.bin").write_bytes(b"nonsense")
    with pytest.raises(SpeechToTextError, match="cannot be used on cpu"):
        await Whisper(model=str(tmp_path), device="cpu").load()


async def test_an_unknown_language_names_the_nearest(model: Path) -> None:
    with pytest.raises(SpeechToTextError, match="'eng'; did you mean 'en'"):
        await Whisper(model=str(model), language="eng").load()


async def test_a_gpu_that_is_not_there(model: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("ctranslate2.get_cuda_device_count", lambda: 0)
    with pytest.raises(SpeechToTextError, match=r"no NVIDIA GPU.*device: auto or cpu"):
        await Whisper(model=str(model), device="cuda").load()


async def test_a_gpu_that_does_not_work(
    model: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def broken(device: str) -> set[str]:
        if device == "cuda":
            raise RuntimeError("Library libcublas.so.12 is not found")
        return {"float32"}

    monkeypatch.setattr("ctranslate2.get_cuda_device_count", lambda: 1)
    monkeypatch.setattr("ctranslate2.get_supported_compute_types", broken)
    with pytest.raises(SpeechToTextError, match=r"libcublas.*pip install nvidia-cublas-cu12"):
        await Whisper(model=str(model), device="cuda").load()
    engine = Whisper(model=str(model))
    with caplog.at_level(logging.WARNING):
        await engine.load()
    assert "whisper runs on the CPU" in caplog.text
    assert (await recognise(engine, noise(1))).text


async def test_a_model_that_is_in_the_cache_needs_no_network(model: Path, cache: Path) -> None:
    repository = cache / "models--Systran--faster-whisper-base"
    revision = "0123456789abcdef0123456789abcdef01234567"
    (repository / "refs").mkdir(parents=True)
    (repository / "refs" / "main").write_text(revision)
    shutil.copytree(model, repository / "snapshots" / revision)
    await Whisper(model="base").load()
    (repository / "snapshots" / revision / "model.bin").unlink()  # a download that was interrupted
    with pytest.raises(SpeechToTextError, match=r"'base' is not complete, .* no model\.bin"):
        await Whisper(model="base").load()


@pytest.mark.usefixtures("cache")
async def test_offline_without_the_model() -> None:
    with pytest.raises(SpeechToTextError) as raised:
        await Whisper(model="base").load()
    line = str(raised.value)
    assert "\n" not in line
    for part in ("'base'", "Systran/faster-whisper-base", "HF_HUB_OFFLINE", "local folder"):
        assert part in line


@pytest.mark.usefixtures("cache")
async def test_a_hub_that_cannot_be_reached(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(constants, "HF_HUB_OFFLINE", False)
    monkeypatch.setattr(constants, "ENDPOINT", "http://127.0.0.1:9")
    with pytest.raises(SpeechToTextError, match=r"cannot be downloaded .*refused.*connect to the"):
        await Whisper(model="base").load()


@pytest.fixture
def hub(model: Path, cache: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[list[str]]:
    """A hub on this machine that has every model, always the same; the paths it was asked for."""
    assert not any(cache.iterdir())
    revision = "0123456789abcdef0123456789abcdef01234567"
    files = {file.name: file.read_bytes() for file in model.iterdir()}
    files["README.md"] = b"not needed"
    asked: list[str] = []

    class Hub(BaseHTTPRequestHandler):
        def do_HEAD(self) -> None:
            self.do_GET()

        def do_GET(self) -> None:
            path = self.path.partition("?")[0]
            asked.append(path)
            name = path.rpartition("/")[2]
            if "/tree/" in path:
                tree = [
                    {"type": "file", "path": name, "size": len(data), "oid": name}
                    for name, data in files.items()
                ]
                body = json.dumps(tree).encode()
            elif "/resolve/" in path:
                body = files[name]
            else:
                body = json.dumps({"id": "owner/name", "sha": revision, "siblings": []}).encode()
            self.send_response(200)
            self.send_header("Content-Length", str(len(body)))
            self.send_header("ETag", f'"{name}"')
            self.send_header("X-Repo-Commit", revision)
            self.end_headers()
            if self.command == "GET":
                self.wfile.write(body)

        def log_message(self, *_: object) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Hub)
    endpoint = f"http://127.0.0.1:{server.server_port}"
    monkeypatch.setattr(constants, "HF_HUB_OFFLINE", False)
    monkeypatch.setattr(constants, "ENDPOINT", endpoint)
    template = endpoint + "/{repo_id}/resolve/{revision}/{filename}"
    monkeypatch.setattr(constants, "HUGGINGFACE_CO_URL_TEMPLATE", template)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    yield asked
    server.shutdown()
    server.server_close()
    thread.join()


async def test_a_model_is_downloaded_once_with_a_progress_bar(
    hub: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    engine = Whisper(model="owner/name")
    await engine.load()
    assert (await recognise(engine, noise(1))).text
    assert any(path.endswith("model.bin") for path in hub)
    assert not any(path.endswith("README.md") for path in hub)
    assert "100%" in capsys.readouterr().err
    hub.clear()
    await Whisper(model="owner/name").load()
    assert hub == []
