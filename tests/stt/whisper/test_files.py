"""Whisper's models: named, in a folder, in the cache, downloaded; what cannot be loaded is said."""

import json
import logging
import shutil
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from faster_whisper import WhisperModel
from huggingface_hub import constants
from numpy.typing import NDArray

from stt import SpeechToTextError
from stt.whisper.decoder import Decoder
from stt.whisper.engine import Whisper

pytestmark = pytest.mark.anyio


@pytest.fixture
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty Hugging Face cache, and no way to fill it."""
    monkeypatch.setattr(constants, "HF_HUB_CACHE", str(tmp_path))
    monkeypatch.setattr(constants, "HF_HUB_OFFLINE", True)
    return tmp_path


async def test_loading_warms_up_once(model: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    decoded: list[int] = []
    plainly = Decoder.decode

    def decode(self: Decoder, pcm: NDArray[np.float32], language: str | None) -> Any:
        decoded.append(len(pcm))
        return plainly(self, pcm, language)

    monkeypatch.setattr(Decoder, "decode", decode)
    engine = Whisper(model=str(model), device="cpu")
    for _ in range(2):
        await engine.load()
    assert decoded == [16000]


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


@pytest.mark.parametrize(
    ("supported", "wanted", "used"),
    [
        ({"int8", "int8_float32", "float32"}, "auto", ("cpu", "int8")),
        ({"float32"}, "auto", ("cpu", "float32")),  # a processor without int8
        ({"int8", "float32"}, "float32", ("cpu", "float32")),
        ({"int8", "float16", "float32"}, "auto", ("cuda", "float16")),
        ({"int8", "float32"}, "auto", ("cuda", "int8")),  # an old GPU
    ],
)
async def test_it_computes_as_the_device_does_best(
    model: Path,
    monkeypatch: pytest.MonkeyPatch,
    supported: set[str],
    wanted: Any,
    used: tuple[str, str],
) -> None:
    opened: list[tuple[str, str]] = []

    def open_model(folder: str, *, device: str, compute_type: str, **_: Any) -> Any:
        opened.append((device, compute_type))
        return WhisperModel(folder, device="cpu", compute_type="float32", cpu_threads=1)

    monkeypatch.setattr("faster_whisper.WhisperModel", open_model)
    monkeypatch.setattr("ctranslate2.get_cuda_device_count", lambda: used[0] == "cuda")
    monkeypatch.setattr("ctranslate2.get_supported_compute_types", lambda _: supported)
    await Whisper(model=str(model), compute_type=wanted).load()
    assert opened == [used]


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
    with caplog.at_level(logging.WARNING):
        await Whisper(model=str(model)).load()  # and decodes, to warm up
    assert "whisper runs on the CPU" in caplog.text


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
    assert any(path.endswith("model.bin") for path in hub)
    assert not any(path.endswith("README.md") for path in hub)
    assert "100%" in capsys.readouterr().err
    hub.clear()
    await Whisper(model="owner/name").load()
    assert hub == []
