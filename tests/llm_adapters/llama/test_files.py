"""Where a model's file is found, and what is no such file."""

from pathlib import Path

import pytest
from huggingface_hub import constants

from llm_adapters import LanguageModelError
from llm_adapters.llama.files import check, find_cached, find_model
from tests.hub_server import hub_server, use_hub
from tests.llm_adapters.llama.tiny import write_model

REPOSITORY = "Qwen/Qwen2.5-0.5B-Instruct-GGUF"


@pytest.fixture
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A hub's cache without a network that holds some files of a repository."""
    folder = tmp_path / f"models--{REPOSITORY.replace('/', '--')}"
    (folder / "refs").mkdir(parents=True)
    (folder / "refs" / "main").write_text("abc")
    snapshot = folder / "snapshots" / "abc"
    snapshot.mkdir(parents=True)
    for name in ("qwen-q4_k_m-00002-of-00002", "qwen-q4_k_m-00001-of-00002", "qwen-Q8_0"):
        write_model(snapshot / f"{name}.gguf")
    monkeypatch.setattr(constants, "HF_HUB_CACHE", str(tmp_path))
    monkeypatch.setattr(constants, "HF_HUB_OFFLINE", True)
    return snapshot


@pytest.mark.parametrize(
    ("source", "file"),
    [
        (REPOSITORY, "qwen-q4_k_m-00001-of-00002.gguf"),
        (f"{REPOSITORY}:Q4_K_M", "qwen-q4_k_m-00001-of-00002.gguf"),
        (f"{REPOSITORY}:q8_0", "qwen-Q8_0.gguf"),
        (f"{REPOSITORY}:qwen-Q8_0.gguf", "qwen-Q8_0.gguf"),
    ],
)
def test_a_file_of_a_repository(source: str, file: str, cache: Path) -> None:
    assert find_model(source) == cache / file
    assert find_cached(source) == cache / file


def test_it_is_downloaded_once(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    data = write_model(tmp_path / "model.gguf").read_bytes()
    files = {f"{REPOSITORY}/qwen-{kind}.gguf": data for kind in ("q4_k_m", "q8_0")}
    with hub_server(files) as hub:
        use_hub(monkeypatch, hub, tmp_path / "cache")
        path = find_model(f"{REPOSITORY}:Q4_K_M")
    assert (path.name, path.read_bytes()) == ("qwen-q4_k_m.gguf", data)
    assert [each.name for each in path.parent.iterdir()] == [path.name]
    assert "100%" in capfd.readouterr().err  # a bar
    assert find_model(f"{REPOSITORY}:Q4_K_M") == path


@pytest.mark.parametrize(
    ("source", "message"),
    [
        (f"{REPOSITORY}:Q2_K", r"there is no \*Q2_K\*.gguf at https://huggingface.co/"),
        ("a--b/c", "a--b/c is not on this machine and cannot be downloaded"),
        ("somebody/else", "somebody/else is not on this machine and cannot be downloaded"),
    ],
)
def test_what_cannot_be_downloaded(source: str, message: str, cache: Path) -> None:
    assert cache.is_dir()
    assert find_cached(source) is None
    with pytest.raises(LanguageModelError, match=message) as raised:
        find_model(source)
    assert "\n" not in str(raised.value)


@pytest.mark.parametrize("source", ["no-name", "/no/where", "./no.gguf", "../a/b", "a/b/c:Q4_0"])
def test_what_is_no_place(source: str) -> None:
    with pytest.raises(LanguageModelError, match=f"there is no file {source}: llm.model is a GGUF"):
        find_cached(source)


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"", "is no GGUF file"),
        (b"GGUF\3\0\0\0", "is no GGUF file"),
        (b"version https://git-lfs.github.com/spec/v1", "is no GGUF file"),
        (b"GGUF" + b"\1" + bytes(40), "version 1"),
        (b"GGUF" + b"\3\0\0\0" + bytes(40), "is damaged"),
        (b"GGUF" + b"\3\0\0\0" + b"\xff" * 40, "is damaged"),
    ],
)
def test_what_is_no_model(content: bytes, message: str, tmp_path: Path) -> None:
    path = tmp_path / "model.gguf"
    path.write_bytes(content)
    with pytest.raises(LanguageModelError, match=message):
        check(path)
