"""Finding a checkpoint: a folder, a hub on this machine, and everything that can be wrong there."""

import errno
import json
import shutil
import socket
import threading
from collections.abc import Iterator
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest
from huggingface_hub import constants, file_download

from tests import tiny_dia2
from tts import TextToSpeechError
from tts.dia2.checkpoint import MIMI, Checkpoint, find_codec

REVISION = "0123456789abcdef0123456789abcdef01234567"
OWN = "owner/dia2"


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A checkpoint that no test changes."""
    return tiny_dia2.make(tmp_path_factory.mktemp("dia2"))


@pytest.fixture
def folder(made: Path, tmp_path: Path) -> Path:
    """A checkpoint of a test's own."""
    return Path(shutil.copytree(made, tmp_path / "dia2"))


def change(path: Path, **keys: object) -> None:
    path.write_text(json.dumps({**json.loads(path.read_text()), **keys}))


def test_a_folder(folder: Path) -> None:
    found = Checkpoint.find(folder)
    assert found == Checkpoint.find(str(folder))
    assert found.config.codebooks == 8
    assert found.weights == folder / "model.safetensors"
    assert found.tokenizer == folder
    assert found.mimi == folder / "mimi"
    assert find_codec(folder) == (found.config, found.mimi)


def test_the_fingerprint_tells_checkpoints_apart(folder: Path, tmp_path: Path) -> None:
    mine = Checkpoint.find(folder).fingerprint
    same = tiny_dia2.make(tmp_path / "same")
    assert Checkpoint.find(same).fingerprint == mine
    trained_on = tiny_dia2.make(tmp_path / "trained on", seed=2)  # the same shapes
    assert Checkpoint.find(trained_on).fingerprint != mine
    change(folder / "config.json", runtime={"max_context_steps": 1000, "weights_schedule": [0] * 7})
    assert Checkpoint.find(folder).fingerprint != mine


def test_the_manifest_renames(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (folder / "config.json").rename(folder / "dia2.json")
    (folder / "model.safetensors").rename(folder / "weights.safetensors")
    (folder / "mimi").rename(folder / "codec")
    (folder / "words").mkdir()
    (folder / "tokenizer.json").rename(folder / "words" / "tokenizer.json")
    names = {
        "config": "dia2.json",
        "weights": "weights.safetensors",
        "tokenizer": "words",
        "mimi": "codec",
    }
    (folder / "dia2_assets.json").write_text(json.dumps(names))
    found = Checkpoint.find(folder)
    assert found.weights == folder / "weights.safetensors"
    assert (found.tokenizer, found.mimi) == (folder / "words", folder / "codec")
    (folder / "dia2_assets.json").rename(folder / "mine.json")
    monkeypatch.setenv("DIA2_ASSET_MANIFEST", "mine.json")
    assert Checkpoint.find(folder) == found


@pytest.mark.parametrize("content", ["{", "[]", '{"weights": 3}'])
def test_a_manifest_that_is_not_valid_is_ignored(folder: Path, content: str) -> None:
    (folder / "dia2_assets.json").write_text(content)
    assert Checkpoint.find(folder).weights == folder / "model.safetensors"


def test_arguments_before_manifest_before_configuration(folder: Path, tmp_path: Path) -> None:
    argument, manifest, configured = "argument", "manifest", "configured"
    places = [tmp_path / argument, folder / manifest, folder / configured]
    for place in places:
        shutil.copytree(folder / "mimi", place)
    change(folder / "config.json", assets={"mimi": configured, "tokenizer": configured})
    found = Checkpoint.find(folder)
    assert (found.mimi, found.tokenizer) == (places[2], places[2])
    (folder / "dia2_assets.json").write_text(json.dumps({"mimi": manifest}))
    found = Checkpoint.find(folder)
    assert (found.mimi, found.tokenizer) == (places[1], places[2])
    found = Checkpoint.find(folder, mimi=str(tmp_path / argument), tokenizer=str(folder))
    assert (found.mimi, found.tokenizer) == (places[0], folder)


def reason(source: str | Path, **options: str) -> str:
    """Why it cannot be found: one line."""
    with pytest.raises(TextToSpeechError) as raised:
        Checkpoint.find(source, **options)
    line = str(raised.value)
    assert "\n" not in line
    return line


@pytest.mark.parametrize("name", ["./nowhere", "/nowhere/at/all", "nowhere", "~/nowhere", "a/b/c"])
def test_no_such_folder(name: str) -> None:
    assert f"there is no folder {name}, and it is no repository" in reason(name)


def test_not_a_dia2_model(folder: Path, tmp_path: Path) -> None:
    assert f"{tmp_path} is not a Dia2 model: it has no config.json" in reason(tmp_path)
    (folder / "config.json").write_text('{"model_type": "llama", "hidden_size": 64}')
    assert "is not a usable Dia2 model" in reason(folder)
    assert "config.json: data: missing" in reason(folder)


def test_no_weights(folder: Path) -> None:
    (folder / "model.safetensors").unlink()
    assert reason(folder) == f"{folder} has no model.safetensors"
    (folder / "pytorch_model.bin").write_bytes(b"PK")
    assert "(pytorch_model.bin is a pickle file, which is never loaded" in reason(folder)
    (folder / "dia2_assets.json").write_text('{"weights": "pytorch_model.bin"}')
    assert "pytorch_model.bin is a pickle file, which is never loaded" in reason(folder)


# The hub: a server on this machine that answers as the real one does.


@dataclass
class Hub:
    """Repositories by name, each a folder; `status` answers instead, if it is set for one."""

    repositories: dict[str, Path] = field(default_factory=dict)
    status: dict[str, tuple[int, str]] = field(default_factory=dict)
    gated_files: bool = False
    asked: list[str] = field(default_factory=list)

    def answer(self, path: str) -> tuple[int, dict[str, str], bytes]:
        """Status, headers and body."""
        path = path.partition("?")[0]
        self.asked.append(path)
        repository = "/".join(path.removeprefix("/api/models").split("/")[1:3])
        if repository in self.status:
            code, error = self.status[repository]
            return code, {"X-Error-Code": error, "X-Error-Message": "no"}, b"no"
        folder = self.repositories.get(repository)
        if folder is None:
            return 404, {"X-Error-Code": "RepoNotFound"}, b""
        files = [file for file in sorted(folder.rglob("*")) if file.is_file()]
        headers = {"X-Repo-Commit": REVISION}
        if "/tree/" in path:
            tree = [
                {
                    "type": "file",
                    "path": str(file.relative_to(folder)),
                    "size": file.stat().st_size,
                    "oid": file.name,
                }
                for file in files
            ]
            return 200, headers, json.dumps(tree).encode()
        if "/resolve/" in path:
            if self.gated_files:
                return 403, {"X-Error-Code": "GatedRepo"}, b""
            name = path.partition(f"/resolve/{REVISION}/")[2]
            headers["ETag"] = f'"{repository}/{name}"'.replace("/", "-")
            return 200, headers, (folder / name).read_bytes()
        info = {"id": repository, "sha": REVISION, "siblings": []}
        return 200, headers, json.dumps(info).encode()


@pytest.fixture
def hub(tmp_path: Path, made: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Hub]:
    """A hub that has the checkpoint without a codec, and the codec where it is published."""
    hub = Hub()
    model = tmp_path / "hub" / "dia2"
    shutil.copytree(made, model, ignore=shutil.ignore_patterns("mimi"))
    (model / "README.md").write_text("not needed")
    (model / "demo.bin").write_text("not needed either")
    shutil.copytree(made / "mimi", tmp_path / "hub" / "mimi")
    hub.repositories = {OWN: model, MIMI: tmp_path / "hub" / "mimi"}

    class Handler(BaseHTTPRequestHandler):
        def do_HEAD(self) -> None:
            self.do_GET()

        def do_GET(self) -> None:
            status, headers, body = hub.answer(self.path)
            self.send_response(status)
            for name, value in {**headers, "Content-Length": str(len(body))}.items():
                self.send_header(name, value)
            self.end_headers()
            if self.command == "GET":
                self.wfile.write(body)

        def log_message(self, *_: object) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    use(monkeypatch, f"http://127.0.0.1:{server.server_port}", tmp_path / "cache")
    thread = threading.Thread(target=server.serve_forever, args=(0.01,))
    thread.start()
    yield hub
    server.shutdown()
    server.server_close()
    thread.join()


def use(monkeypatch: pytest.MonkeyPatch, endpoint: str, cache: Path) -> None:
    """Let the hub's library look for a hub at `endpoint`, with an empty cache."""
    monkeypatch.setattr(constants, "HF_HUB_CACHE", str(cache))
    monkeypatch.setattr(constants, "HF_HUB_OFFLINE", False)
    monkeypatch.setattr(constants, "ENDPOINT", endpoint)
    template = endpoint + "/{repo_id}/resolve/{revision}/{filename}"
    monkeypatch.setattr(constants, "HUGGINGFACE_CO_URL_TEMPLATE", template)


def test_a_repository_is_downloaded_once(
    hub: Hub, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    found = Checkpoint.find(OWN)
    assert (
        found.weights.stat().st_size == (hub.repositories[OWN] / "model.safetensors").stat().st_size
    )
    assert (found.tokenizer / "tokenizer.json").is_file()
    assert (found.mimi / "model.safetensors").is_file()
    assert "100%" in capsys.readouterr().err
    assert not any(path.endswith(("README.md", "demo.bin")) for path in hub.asked)
    hub.asked.clear()
    monkeypatch.setattr(constants, "HF_HUB_OFFLINE", True)
    assert Checkpoint.find(OWN) == found
    assert hub.asked == []


def test_what_is_no_dia2_model_shows_before_the_weights_come(hub: Hub) -> None:
    (hub.repositories[OWN] / "config.json").write_text('{"model_type": "llama"}')
    assert f"{OWN} is not a usable Dia2 model" in reason(OWN)
    (hub.repositories[MIMI] / "config.json").rename(hub.repositories[MIMI] / "other.json")
    assert f"{MIMI} is not a Dia2 model: it has no config.json" in reason(MIMI)
    assert not any(path.endswith(".safetensors") for path in hub.asked)


def test_only_the_codec(hub: Hub) -> None:
    config, codec = find_codec(OWN)
    assert config.codebooks == 8
    assert (codec / "model.safetensors").is_file()
    assert not any(OWN in path and path.endswith(".safetensors") for path in hub.asked)


def test_a_manifest_in_a_repository(hub: Hub) -> None:
    hub.repositories["else/where"] = hub.repositories.pop(MIMI)
    model = hub.repositories[OWN]
    (model / "model.safetensors").rename(model / "other.safetensors")
    names = {"mimi": "else/where", "weights": "other.safetensors"}
    (model / "dia2_assets.json").write_text(json.dumps(names))
    assert Checkpoint.find(OWN).weights.name == "other.safetensors"


@pytest.mark.usefixtures("hub")
def test_an_interrupted_download_goes_on() -> None:
    found = Checkpoint.find(OWN)
    found.weights.unlink()
    assert Checkpoint.find(OWN) == found
    assert found.weights.is_file()


def test_weights_are_of_the_revision_of_the_rest(hub: Hub) -> None:
    Checkpoint.find(OWN).weights.unlink()
    hub.asked.clear()
    Checkpoint.find(OWN)
    assert all(REVISION in path for path in hub.asked), hub.asked


def test_a_repository_without_safetensors(hub: Hub) -> None:
    model = hub.repositories[OWN]
    (model / "model.safetensors").rename(model / "model.pth")
    assert f"{OWN} has no model.safetensors" in reason(OWN)
    assert not any(path.endswith(".pth") for path in hub.asked)


def test_no_such_repository(hub: Hub) -> None:
    assert "no repository owner/missing, or it is private" in reason("owner/missing")
    hub.status["owner/private"] = (401, "")
    assert "no repository owner/private, or it is private" in reason("owner/private")


def test_a_gated_repository(hub: Hub) -> None:
    hub.gated_files = True
    line = reason(OWN)
    assert f"{OWN} is gated: accept its terms at https://huggingface.co/{OWN}" in line
    assert "hf auth login" in line


def test_a_hub_in_trouble(hub: Hub) -> None:
    hub.status[OWN] = (500, "")
    line = reason(OWN)
    assert f"{OWN} is not on this machine and cannot be downloaded" in line
    assert "500" in line


def test_no_network(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with socket.socket() as nobody:
        nobody.bind(("127.0.0.1", 0))  # and does not listen
        use(monkeypatch, f"http://127.0.0.1:{nobody.getsockname()[1]}", tmp_path)
        line = reason("nari-labs/Dia2-1B")
    assert "nari-labs/Dia2-1B is not on this machine and cannot be downloaded" in line
    assert "refused" in line
    assert "connect to the internet once" in line


def test_offline(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    use(monkeypatch, "http://127.0.0.1:9", tmp_path)
    monkeypatch.setattr(constants, "HF_HUB_OFFLINE", True)
    assert "without HF_HUB_OFFLINE" in reason("nari-labs/Dia2-1B")


@pytest.mark.usefixtures("hub")
def test_a_full_disk(monkeypatch: pytest.MonkeyPatch) -> None:
    original = file_download.http_get

    def full(url: str, *arguments: object, **options: object) -> None:
        if url.endswith(".safetensors"):
            raise OSError(errno.ENOSPC, "No space left on device")
        original(url, *arguments, **options)  # type: ignore[arg-type]  # passed on as they came

    monkeypatch.setattr(file_download, "http_get", full)
    line = reason(OWN)
    assert f"the disk is full: {OWN} cannot be downloaded" in line
    assert "HF_HOME" in line


@pytest.mark.parametrize("name", ["a b/c", "owner/na--me..", "/", "x/"])
def test_no_name_for_a_repository(hub: Hub, name: str) -> None:
    assert name in reason(name)
    assert hub.asked == []
