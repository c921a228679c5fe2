"""Checkpoints with one thing wrong in them: each loads, or is one clear line.

    PARLEY_FUZZ=3000 pytest tests/faults/test_checkpoint_fuzz.py

tries as many folders as that (some 0.1 s each); the seed is fixed, so a number names its folder.
"""

import json
import math
import os
import random
import shutil
import string
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from huggingface_hub import constants

from tests import tiny_dia2
from tts import TextToSpeechError
from tts.dia2.bundle import Bundle

RUNS = int(os.environ.get("PARLEY_FUZZ", "60"))
SEED = 11
OLD = ("vocab.json", "merges.txt", "added_tokens.json")  # read where there is no tokenizer.json
JSON = [f"{name}.json" for name in ("config", "mimi/config", "tokenizer", "tokenizer_config")]
JSON += ["special_tokens_map.json", "dia2_assets.json", "vocab.json", "added_tokens.json"]
TENSORS = ("model.safetensors", "mimi/model.safetensors")
MANIFEST = {"config": "config.json", "weights": "model.safetensors", "mimi": "mimi"}
VALUES: list[Any] = [None, True, False, -1, 0, 1, 2, 3, 7, 10**9, 2**31, 2**63, 10**30]
VALUES += [1e308, 0.5, -0.0, math.nan, math.inf, [], [[1]], [0] * 500, [2, 64], {}, {"a": 1}]
VALUES += ["", "x", "a/b", "/etc/passwd", "../../etc/passwd", "~root", "a\0b", "\ud83d", "é" * 5000]
VALUES += ["F64", "I8", "linear"]

Rng = random.Random


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tiny_dia2.make(tmp_path_factory.mktemp("dia2"), codebooks=4)
    (folder / "dia2_assets.json").write_text(json.dumps(MANIFEST))
    return folder


def test_every_folder_loads_or_is_one_line(
    made: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(constants, "HF_HUB_OFFLINE", True)
    loaded = 0
    for number in range(RUNS):
        rng, folder = Rng(f"{SEED} {number}"), tmp_path / str(number)
        shutil.copytree(made, folder)
        what = mutate(folder, rng)
        try:
            Bundle.load(folder, device="cpu")
            loaded += 1
        except TextToSpeechError as error:
            line = str(error)
            assert line.isprintable(), (number, what, line)
            assert 20 < len(line) < 600, (number, what, line)
            assert str(folder) in line, (number, what, line)  # it names what is wrong
        except BaseException as error:
            error.add_note(f"folder {number}: {what}")
            raise
        shutil.rmtree(folder)
    assert 0 < loaded < RUNS


def mutate(folder: Path, rng: Rng) -> str:
    """Spoil one thing; what it was."""
    name = rng.choice((*JSON, *TENSORS, "merges.txt"))
    if name in OLD:
        (folder / "tokenizer.json").unlink()
    path = folder / name
    ways: list[Callable[[Path, Rng], str]] = [spoil_bytes, replace_file]
    if name in JSON:
        ways += [spoil_json] * 4
    if name in TENSORS:
        ways += [spoil_header] * 4
    return f"{name}: {rng.choice(ways)(path, rng)}"


def spoil_json(path: Path, rng: Rng) -> str:
    data = json.loads(path.read_text())
    what = change(data, rng)
    path.write_text(json.dumps(data))
    return what


def spoil_header(path: Path, rng: Rng) -> str:
    whole = path.read_bytes()
    end = 8 + int.from_bytes(whole[:8], "little")
    header = json.loads(whole[8:end])
    what = change(header, rng)
    text = json.dumps(header).encode()
    size = len(text) if rng.random() < 0.8 else rng.choice((0, 1, len(text) - 1, 2**40, 2**64 - 1))
    path.write_bytes(size.to_bytes(8, "little") + text + whole[end:])
    return f"{what}, a header of {size} bytes"


def change(data: Any, rng: Rng) -> str:
    """Remove, replace or add one value, anywhere."""
    *way, last = rng.choice(list(places(data)))
    for key in way:
        data = data[key]
    if rng.random() < 0.2:
        del data[last]
        return f"{way} {last} removed"
    if rng.random() < 0.1 and isinstance(data, dict):
        last = rng.choice(("", "x", "__metadata__", "bos_token", "mimi", "\ud83d"))
    data[last] = rng.choice(VALUES)
    return f"{way} {last} = {data[last]!r:.60}"


def places(data: Any, way: tuple[Any, ...] = ()) -> Iterator[tuple[Any, ...]]:
    items = data.items() if isinstance(data, dict) else enumerate(data)
    for key, value in items:
        yield (*way, key)
        if isinstance(value, (dict, list)):
            yield from places(value, (*way, key))


def spoil_bytes(path: Path, rng: Rng) -> str:
    whole = bytearray(path.read_bytes())
    at = rng.randrange(len(whole))
    match rng.randrange(4):
        case 0:
            del whole[at:]
        case 1:
            whole[at] ^= 1 << rng.randrange(8)
        case 2:
            whole[at:at] = rng.randbytes(rng.randrange(1, 40))
        case _:
            whole[at : at + 30] = "".join(rng.choices(string.printable, k=20)).encode()
    path.write_bytes(whole)
    return f"bytes at {at}"


def replace_file(path: Path, rng: Rng) -> str:
    contents = [
        b"",
        b"{}",
        b"[]",
        b"null",
        b"\xff\xfe",
        b"PK\x03\x04",
        b"\x80\x02}q\x00.",
        b"[" * 9999,
    ]
    contents += [b'{"a":' * 5000, b"9" * 5000, rng.randbytes(3000)]
    path.unlink()
    match rng.randrange(6):
        case 0:
            os.mkfifo(path)
        case 1:
            path.mkdir()
        case 2:
            path.symlink_to(rng.choice(("/dev/zero", "/etc/passwd", "..", path.name, "nowhere")))
        case 3:
            return "removed"
        case _:
            path.write_bytes(content := rng.choice(contents))
            return f"replaced by {content[:20]!r}"
    return "no longer a file"
