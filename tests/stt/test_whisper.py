"""Whisper: when it decodes, what it shows, what it rejects; what cannot be loaded is said."""

import json
import logging
import shutil
import threading
import wave
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
from stt.ghosts import Hypothesis
from stt.whisper import Whisper
from stt.whisper_decoder import Decoder
from stt.whisper_recognition import WhisperRecognition

pytestmark = pytest.mark.anyio

CLIPS = Path(__file__).parent.parent / "audio"
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


def _speech() -> NDArray[np.float32]:
    with wave.open(str(CLIPS / "command_timer.wav")) as clip:
        pcm = np.frombuffer(clip.readframes(clip.getnframes()), np.int16)
    return (pcm / 32768).astype(np.float32)


SPEECH = _speech()
"""Two seconds, with 1.7 s of voice."""


async def until_idle(engine: Whisper) -> None:
    """Wait until nothing is being decoded."""
    await anyio.wait_all_tasks_blocked()
    while not engine.idle:
        await anyio.wait_all_tasks_blocked()


async def recognise(engine: Whisper, pcm: NDArray[np.float32]) -> Transcript:
    """The transcript of an utterance that comes in blocks."""
    async with engine.listen() as recognition:
        for start in range(0, len(pcm), 512):
            await recognition.feed(pcm[start : start + 512])
        return await recognition.finish()


class Scripted:
    """Stands in for the model where what it says is what matters, or when."""

    def __init__(self, *texts: str, **sureness: Any) -> None:
        self.texts = list(texts)  # the last one again and again
        self.sureness: dict[str, Any] = {"language": "en", "log_probability": -0.1, **sureness}
        self.languages: list[str | None] = []
        self.lengths: list[int] = []
        self.threads: set[str] = set()
        self.at_once = self.most_at_once = 0
        self.busy, self.go_on = threading.Event(), threading.Event()
        self.go_on.set()

    def decode(self, pcm: NDArray[np.float32], language: str | None) -> list[Hypothesis]:
        self.threads.add(threading.current_thread().name)
        self.at_once += 1
        self.most_at_once = max(self.most_at_once, self.at_once)
        self.languages.append(language)
        self.lengths.append(len(pcm))
        text = self.texts.pop(0) if len(self.texts) > 1 else self.texts[0]
        self.busy.set()
        assert self.go_on.wait(60)
        self.at_once -= 1
        tokens = tuple(range(len(text.split())))
        return [Hypothesis(text, tokens, no_speech=0.01, **self.sureness)] if text else []


def scripted(*texts: str, engine: Whisper | None = None, **sureness: Any) -> tuple[Whisper, Any]:
    """An engine whose model is scripted."""
    engine = engine or Whisper()
    script = Scripted(*texts, **sureness)
    engine._decoder = script  # type: ignore[assignment]  # it has the one method that is used
    return engine, script


async def test_decoding_is_in_a_worker_thread_and_one_at_a_time() -> None:
    engine, script = scripted("hello")
    async with anyio.create_task_group() as tasks:
        for _ in range(4):
            tasks.start_soon(recognise, engine, SPEECH)
    assert script.most_at_once == 1
    assert script.threads
    assert threading.main_thread().name not in script.threads


async def test_finish_covers_all_that_was_fed_and_costs_nothing_again() -> None:
    engine, script = scripted("one", "one two")
    async with engine.listen() as recognition:
        await recognition.feed(SPEECH)
        assert (await recognition.finish()).text == "one"
        assert (await recognition.finish()).text == "one"
        await recognition.feed(np.zeros(1600, np.float32))
        await recognition.feed(SPEECH)
        assert (await recognition.finish()).text == "one two"
    assert script.lengths == [len(SPEECH), 2 * len(SPEECH) + 1600]


async def test_partials_are_words_that_two_hypotheses_agree_on() -> None:
    engine, _ = scripted("set the", "set a time", "set a timer for", "set a timer for ten")
    shown = []
    async with engine.listen() as recognition:
        for start in range(0, len(SPEECH), 1600):
            partial = await recognition.feed(SPEECH[start : start + 1600])
            shown += [partial.text] if partial else []
            await until_idle(engine)
    assert shown == ["set", "set a"]


async def test_no_partials_if_not_wanted() -> None:
    engine, script = scripted("one two three", engine=Whisper(partials=False))
    async with engine.listen() as recognition:
        for start in range(0, len(SPEECH), 1600):
            assert await recognition.feed(SPEECH[start : start + 1600]) is None
            await until_idle(engine)
    assert script.lengths == []


async def test_a_partial_delays_the_final_by_no_more_than_itself() -> None:
    engine, script = scripted("one two three")
    script.go_on.clear()
    finals: list[Transcript] = []

    async def finish(recognition: WhisperRecognition) -> None:
        finals.append(await recognition.finish())

    async with engine.listen() as recognition, anyio.create_task_group() as tasks:
        await recognition.feed(SPEECH[:16000])
        await anyio.to_thread.run_sync(partial(script.busy.wait, 60))  # a partial is on its way
        await recognition.feed(SPEECH[16000:])
        tasks.start_soon(finish, recognition)
        await anyio.wait_all_tasks_blocked()
        assert script.lengths == [16000]
        script.go_on.set()
    assert finals[0].text == "one two three"
    assert script.lengths == [16000, len(SPEECH)]


async def test_a_failure_of_the_caller_is_not_wrapped() -> None:
    engine, _ = scripted("one")
    with pytest.raises(ZeroDivisionError):
        async with engine.listen():
            raise ZeroDivisionError


async def test_a_failing_device_is_an_error_of_speech_to_text() -> None:
    engine, script = scripted("one")

    def broken(*_: Any) -> Any:
        raise RuntimeError("CUDA out of memory\nat line 7")

    script.decode = broken
    with pytest.raises(SpeechToTextError, match=r"whisper failed: CUDA out of memory$"):
        await recognise(engine, SPEECH)


async def test_a_dropped_utterance_does_not_hold_up_anybody() -> None:
    engine, script = scripted("one")
    script.go_on.clear()
    async with anyio.create_task_group() as tasks:
        tasks.start_soon(recognise, engine, SPEECH)
        await anyio.to_thread.run_sync(partial(script.busy.wait, 60))
        tasks.cancel_scope.cancel()
    script.go_on.set()  # it was left while it was still at it
    assert (await recognise(engine, SPEECH)).text == "one"
    assert script.most_at_once == 1


async def test_nothing_is_decoded_without_a_quarter_second_of_voice() -> None:
    engine, script = scripted("thank you")
    for pcm in (np.zeros(0, np.float32), np.zeros(900, np.float32), noise(2)):
        assert await recognise(engine, pcm) == Transcript("")
    start = np.argmax(np.abs(SPEECH) > 0.1)
    transcript = await recognise(engine, np.append(SPEECH[start : start + 2000], noise(1) / 1000))
    assert transcript.text == ""
    assert transcript.rejected is not None
    assert transcript.rejected.endswith("s of voice")
    assert script.lengths == []


async def test_what_cannot_have_been_said_is_rejected_with_the_reason() -> None:
    engine, _ = scripted("Thanks for watching!", log_probability=-0.9)
    assert await recognise(engine, SPEECH) == Transcript(
        "",
        rejected="a phrase that is heard in silence (Thanks for watching!): Thanks for watching!",
    )


async def test_auto_keeps_to_the_language_of_the_first_turn_without_doubt() -> None:
    engine, script = scripted("eins", language="de", language_probability=0.6)
    assert (await recognise(engine, SPEECH)).language == "de"
    script.sureness["language_probability"] = 0.95
    await recognise(engine, SPEECH[: 16000 * 3 // 4])  # too little voice to be sure
    await recognise(engine, SPEECH)
    assert script.languages == [None, None, None]
    await recognise(engine, SPEECH)
    assert script.languages[3:] == ["de"]
    await engine.load()  # the next conversation
    await recognise(engine, SPEECH)
    assert script.languages[4:] == [None]


async def test_a_rejected_turn_decides_no_language() -> None:
    engine, script = scripted("Vielen Dank", language="de", log_probability=-2.0)
    assert (await recognise(engine, SPEECH)).rejected
    await recognise(engine, SPEECH)
    assert script.languages == [None, None]


async def test_a_language_that_is_set_is_not_looked_for() -> None:
    engine, script = scripted("one", engine=Whisper(language="fr"))
    await recognise(engine, SPEECH)
    assert script.languages == ["fr"]


def resident_memory() -> int:
    """Bytes of this process."""
    return int(Path("/proc/self/statm").read_text().split()[1]) * 4096


@pytest.mark.parametrize("anyio_backend", ["asyncio"])  # it takes seconds
async def test_memory_stays_flat_over_500_utterances(
    model: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("stt.whisper_decoder.flaw", lambda _: None)  # nothing decoded twice
    engine = Whisper(model=str(model), device="cpu", partials=False)
    await engine.load()
    decoder = engine._decoder
    assert decoder is not None
    decoder._model.max_length = 20  # few tokens: what is counted are utterances
    sizes = []
    for _ in range(5):
        for _ in range(100):
            assert (await recognise(engine, SPEECH)).rejected  # its words mean nothing
        sizes.append(resident_memory())
    assert max(sizes[1:]) - sizes[0] < 5e6


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


async def test_it_must_be_loaded() -> None:
    with pytest.raises(SpeechToTextError, match="load"):
        await recognise(Whisper(), SPEECH)


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
    assert (await recognise(engine, SPEECH)).rejected  # it decodes, if only nonsense


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
