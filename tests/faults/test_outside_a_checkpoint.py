"""A checkpoint's files name and link to nothing outside of its folder."""

import json
import os
import shutil
from pathlib import Path

import pytest

from tests import tiny_dia2
from tts import TextToSpeechError
from tts.dia2.bundle import Bundle
from tts.dia2.checkpoint import Checkpoint

OUTSIDE = "points outside of"


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tiny_dia2.make(tmp_path_factory.mktemp("dia2"), codebooks=4)


@pytest.fixture
def folder(made: Path, tmp_path: Path) -> Path:
    return Path(shutil.copytree(made, tmp_path / "dia2"))


@pytest.fixture
def elsewhere(made: Path, tmp_path: Path) -> Path:
    """What is not the checkpoint's, beside it: all of it would load."""
    return Path(shutil.copytree(made, tmp_path / "elsewhere"))


def refused(folder: Path) -> str:
    with pytest.raises(TextToSpeechError) as raised:
        Bundle.load(folder, device="cpu")
    assert str(raised.value).isprintable()
    return str(raised.value)


PARTS = {"config": "config.json", "weights": "model.safetensors", "tokenizer": ".", "mimi": "mimi"}


@pytest.mark.parametrize("way", ["absolute", "up", "up and back"])
@pytest.mark.parametrize("part", PARTS)
def test_the_manifest(folder: Path, elsewhere: Path, part: str, way: str) -> None:
    name = {
        "absolute": str(elsewhere / PARTS[part]),
        "up": f"../elsewhere/{PARTS[part]}",
        "up and back": f"mimi/../../elsewhere/{PARTS[part]}",
    }[way]
    (folder / "dia2_assets.json").write_text(json.dumps({part: name}))
    assert OUTSIDE in refused(folder)


@pytest.mark.parametrize("key", ["tokenizer", "mimi", "tokenizer_path"])
@pytest.mark.parametrize("name", ["../elsewhere", "/", "/dev"])
@pytest.mark.usefixtures("elsewhere")
def test_the_configuration(folder: Path, key: str, name: str) -> None:
    config = json.loads((folder / "config.json").read_text())
    config["data" if key == "tokenizer_path" else "assets"] = {
        **(config["data"] if key == "tokenizer_path" else {}),
        key: name,
    }
    (folder / "config.json").write_text(json.dumps(config))
    assert OUTSIDE in refused(folder)


def test_a_name_is_no_folder_where_the_program_runs(
    folder: Path, elsewhere: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """owner/name is a repository, whatever folders there are."""
    shutil.copytree(elsewhere / "mimi", elsewhere / "owner" / "codec")
    monkeypatch.chdir(elsewhere)
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_OFFLINE", True)
    (folder / "dia2_assets.json").write_text('{"mimi": "owner/codec"}')
    assert "owner/codec is not on this machine" in refused(folder)
    (folder / "dia2_assets.json").write_text('{"mimi": "owner"}')
    assert "there is no folder owner, and it is no repository" in refused(folder)


FILES = ["config.json", "model.safetensors", "tokenizer.json", "tokenizer_config.json"]
FILES += ["special_tokens_map.json", "mimi", "mimi/config.json", "mimi/model.safetensors"]


@pytest.mark.parametrize("name", FILES)
def test_links_out_of_the_folder(folder: Path, elsewhere: Path, name: str) -> None:
    link(folder / name, elsewhere / name)
    assert OUTSIDE in refused(folder)


@pytest.mark.parametrize("name", ["vocab.json", "merges.txt", "added_tokens.json"])
def test_links_of_the_older_tokenizer(folder: Path, elsewhere: Path, name: str) -> None:
    (folder / "tokenizer.json").unlink()
    link(folder / name, elsewhere / name)
    assert OUTSIDE in refused(folder)


def test_a_link_to_itself(folder: Path) -> None:
    link(folder / "config.json", Path("config.json"))
    assert refused(folder)


def test_links_within_the_folder(folder: Path) -> None:
    for name in ("mimi", "config.json", "model.safetensors", "tokenizer.json"):
        shutil.move(folder / name, folder / f"real-{name}")
        link(folder / name, Path(f"real-{name}"))
    Bundle.load(folder, device="cpu")


@pytest.mark.parametrize("linked", [False, True])
def test_the_hub_s_cache(folder: Path, tmp_path: Path, linked: bool) -> None:
    """Its snapshots link to its blobs; the folder that is named may be a link itself."""
    repository = tmp_path / "models--owner--dia2"
    snapshot, blobs = repository / "snapshots" / "0123abcd", repository / "blobs"
    blobs.mkdir(parents=True)
    for number, file in enumerate(sorted(path for path in folder.rglob("*") if path.is_file())):
        place = snapshot / file.relative_to(folder)
        place.parent.mkdir(parents=True, exist_ok=True)
        shutil.move(file, blobs / str(number))
        place.symlink_to(os.path.relpath(blobs / str(number), place.parent))
    named = snapshot
    if linked:
        named = tmp_path / "named"
        named.symlink_to(snapshot)
    Bundle.load(named, device="cpu")
    (tmp_path / "secret").write_bytes((blobs / "0").read_bytes())
    link(snapshot / "config.json", tmp_path / "secret")
    assert OUTSIDE in refused(named)


def test_what_the_user_names_may_be_anywhere(folder: Path, elsewhere: Path) -> None:
    shutil.rmtree(folder / "mimi")
    found = Checkpoint.find(folder, mimi=elsewhere / "mimi", tokenizer=str(elsewhere))
    assert (found.mimi, found.tokenizer) == (elsewhere / "mimi", elsewhere)


def link(path: Path, target: Path) -> None:
    if path.is_dir():
        shutil.rmtree(path)
    path.unlink(missing_ok=True)
    path.symlink_to(target)
