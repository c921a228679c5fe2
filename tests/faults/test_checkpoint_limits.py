"""A model's files without an end, or that are no files: one line, at once, in little memory."""

import json
import shutil
from pathlib import Path
from typing import Any

import pytest

from tests import tiny_dia2
from tests.faults.hostile_files import GIB, WRONG, Write, bounded, header, replace
from tts import TextToSpeechError
from tts.dia2.bundle import Bundle
from tts.voices import folder as folder_of_voices
from tts.voices.voice import Voice

MIB = 1 << 20
NEEDED = ["config.json", "model.safetensors", "tokenizer.json", "mimi/config.json"]
NEEDED += ["mimi/model.safetensors", "tokenizer_config.json", "special_tokens_map.json"]
NORMAL = 35  # MB that a tokenizer with the published 49,152 words takes
TENSORS = ("model.safetensors", "mimi/model.safetensors")
MANY = b"{%s}" % b",".join(
    b'"%d":{"dtype":"F32","shape":[0],"data_offsets":[0,0]}' % n for n in range(35_000)
)
NESTED = {"deep": "[" * (2 * MIB), "wide": '{"data":[' + "{}," * (MIB // 2) + "{}]}"}


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    made = tiny_dia2.make(tmp_path_factory.mktemp("dia2"), codebooks=4)
    Bundle.load(made, device="cpu")  # what the first takes is not counted
    return made


@pytest.fixture
def folder(made: Path, tmp_path: Path) -> Path:
    return Path(shutil.copytree(made, tmp_path / "dia2"))


def refused(folder: Path, megabytes: float = 64) -> str:
    with bounded(megabytes), pytest.raises(TextToSpeechError) as raised:
        Bundle.load(folder, device="cpu")
    line = str(raised.value)
    assert line.isprintable()
    assert str(folder) in line
    return line


@pytest.mark.parametrize("name", NEEDED)
@pytest.mark.parametrize("what", WRONG)
def test_what_is_no_file_or_has_no_end(folder: Path, name: str, what: str) -> None:
    replace(folder / name, WRONG[what])
    refused(folder)


@pytest.mark.parametrize("name", ["vocab.json", "merges.txt", "added_tokens.json"])
@pytest.mark.parametrize("what", WRONG)
def test_the_older_tokenizer_s_files(folder: Path, name: str, what: str) -> None:
    (folder / "tokenizer.json").unlink()
    replace(folder / name, WRONG[what])
    refused(folder)


@pytest.mark.parametrize("name", ["dia2_assets.json", "model.safetensors.index.json"])
@pytest.mark.parametrize("what", WRONG)
def test_what_is_not_needed_is_in_no_one_s_way(folder: Path, name: str, what: str) -> None:
    """A manifest that is not valid is ignored with a warning; an index is never read."""
    replace(folder / name, WRONG[what])
    with bounded():
        Bundle.load(folder, device="cpu")


@pytest.mark.parametrize("name", ["config.json", "mimi/config.json", "tokenizer_config.json"])
@pytest.mark.parametrize("content", NESTED)
def test_json_within_its_size(folder: Path, name: str, content: str) -> None:
    (folder / name).write_text(NESTED[content])
    if (name, content) == ("tokenizer_config.json", "wide"):  # a key that nobody reads
        with bounded():
            Bundle.load(folder, device="cpu")
    else:
        refused(folder)


@pytest.mark.parametrize("name", TENSORS)
@pytest.mark.parametrize(
    "write",
    [header(6 * GIB), header(90 * MIB), header(6 * GIB, whole=GIB), header(len(MANY), MANY)],
    ids=["as long as its file", "90 MB", "longer than its file", "35,000 tensors"],
)
def test_headers_of_safetensors(folder: Path, name: str, write: Write) -> None:
    replace(folder / name, write)
    refused(folder)


def test_a_large_vocabulary(folder: Path) -> None:
    whole = json.loads((folder / "tokenizer.json").read_text())
    whole["model"]["vocab"].update({f"w{n}": 300 + n for n in range(260_000)})
    (folder / "tokenizer.json").write_text(json.dumps(whole, separators=(",", ":")))
    assert "they do not belong together" in refused(folder, 64 + NORMAL)
    whole["model"]["vocab"] = {"a": 10**6}
    whole["model"]["merges"] = []
    (folder / "tokenizer.json").write_text(json.dumps(whole))
    assert "they do not belong together" in refused(folder)


@pytest.mark.parametrize(
    ("key", "value"),
    [
        ("model.decoder.n_layer", 10**9),
        ("model.depformer.n_layer", 10**9),
        ("model.decoder.n_embd", 10**30),
        ("model.decoder.gqa_head_dim", 2**40),
        ("data.channels", 10**9),
        ("data.text_vocab_size", 2**62),
        ("data.delay_pattern", ["x"] * 400_000),
        ("data.delay_pattern", [10**30] * 4),
        ("data.second_stream_ahead", 10**9),
        ("runtime.weights_schedule", [-1] * 400_000),
        ("runtime.max_context_steps", 10**9),
    ],
)
def test_sizes_that_are_absurd(folder: Path, key: str, value: object) -> None:
    line = refused(change(folder, key, value))
    assert f"config.json: {key}: " in line


def test_the_largest_sizes_there_may_be(folder: Path) -> None:
    """Are known not to be those of the weights before room is made for anything."""
    change(folder, "data.channels", 130)
    change(folder, "data.delay_pattern", [1000] * 128)
    change(folder, "runtime", {"max_context_steps": 1 << 15, "weights_schedule": [*range(127)]})
    change(folder, "model.depformer.n_layer", 32)
    change(folder, "model.decoder.n_layer", 128)
    change(folder, "model.decoder.n_embd", 1 << 18)
    assert "does not hold the tensors its config.json describes" in refused(folder)


@pytest.mark.parametrize("what", [*WRONG, "a header", "many tensors"])
def test_voices(tmp_path: Path, what: str) -> None:
    path = tmp_path / "voice.safetensors"
    more = {"a header": header(6 * GIB), "many tensors": header(len(MANY), MANY)}
    {**WRONG, **more}[what](path)
    with bounded(), pytest.raises(TextToSpeechError, match=r"voice\.safetensors") as raised:
        Voice.load(path)
    assert str(raised.value).isprintable()


def test_the_folder_of_voices_lists_files(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(folder_of_voices, "folder", lambda: tmp_path)
    for name in ("a pipe", "a folder", "a device"):
        WRONG[name](tmp_path / f"{name[2:]}.safetensors")
    assert folder_of_voices.names() == []
    with pytest.raises(TextToSpeechError, match="there is no voice 'pipe': there are none yet"):
        folder_of_voices.load("pipe")


def change(folder: Path, key: str, value: object) -> Path:
    data: dict[str, Any] = json.loads((folder / "config.json").read_text())
    block = data
    *way, last = key.split(".")
    for each in way:
        block = block[each]
    block[last] = value
    (folder / "config.json").write_text(json.dumps(data))
    return folder
